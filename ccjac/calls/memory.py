"""Compiled functions, shared by what they compute.

A function made anew in every step of a loop has the code of its predecessor: whatever was compiled for that one serves
if its guard holds.  What nobody uses any more is kept for a few such successors only, and goes with its code.
"""

from __future__ import annotations

import functools
import itertools
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from ..guards import Guard
from ..limits import WAITING_CODES, WAITING_PER_CODE
from .selection import known_backends
from .static import Slot


class Entry:
    """One compiled function.

    Attributes:
        call: ``call(captured, *args, **kwargs)``, as the backend's road gives it.
        guard: What must still hold, ``None`` for one that is found by the content of its trace.
        captured: The framework's arrays that the guard watches, which ``call`` takes as operands.
        slot: Where ``call`` finds the user's function.
    """

    __slots__ = ("__weakref__", "call", "captured", "guard", "holds", "slot")

    def __init__(self, call: Callable[..., Any], guard: Guard, slot: Slot) -> None:
        self.call = call
        self.guard = guard
        self.holds = guard.holds
        self.captured = guard.watched
        self.slot = slot

    def operands(self) -> tuple[Any, ...]:
        """The captured arrays, once the guard is known to hold."""
        return tuple(reference() for reference in self.captured)


class Memory:
    """What is known of functions with one code under one set of options."""

    def __init__(self) -> None:
        self.entries: OrderedDict[Hashable, list[Entry]] = OrderedDict()
        self.levels: dict[Hashable, int] = {}
        self.counts: dict[Hashable, set[Hashable]] = {}

    def add(self, key: Hashable, entry: Entry) -> None:
        """Keep an entry for functions to come, as long as there can be one that it holds for."""
        found = self.entries.setdefault(key, [])
        found.insert(0, entry)
        del found[WAITING_PER_CODE:]
        reference = weakref.ref(entry)

        def discard() -> None:
            # In any thread, while others look, and when the interpreter ends, which takes modules' names away.
            dead = reference()
            try:
                if dead is not None:
                    found.remove(dead)
            except ValueError:
                pass

        entry.guard.when_gone(discard)
        while len(self.entries) > WAITING_PER_CODE:
            self.entries.popitem(last=False)


_memories: OrderedDict[Hashable, Memory] = OrderedDict()
_bonds: dict[Hashable, weakref.ref[Any]] = {}
_generation = itertools.count(1)
generation = [0]
"""Rises when everything is to be forgotten; Jacobian functions compare it with theirs."""


def memory_of(fun: Callable[..., Any], options: Hashable | None) -> Memory:
    """The memory that ``fun`` shares with others of its code; one of its own if ``options`` cannot be compared."""
    if options is None:
        return Memory()
    owner = _anchor(fun)
    key = (id(owner), options)
    found = _memories.get(key)
    if found is None:
        found = _memories[key] = Memory()
        _bonds[key] = weakref.ref(owner, lambda _: _forget(key))
        while len(_memories) > WAITING_CODES:
            _forget(next(iter(_memories)))
    else:
        _memories.move_to_end(key)
    return found


def _forget(key: Hashable) -> None:
    _memories.pop(key, None)
    _bonds.pop(key, None)


def clear() -> None:
    """Forget every compiled function, and which backends there are."""
    known_backends.cache_clear()
    _memories.clear()
    _bonds.clear()
    generation[0] = next(_generation)


def _anchor(fun: Any) -> Any:
    """The code behind a function, or the class of an object."""
    for _ in range(64):
        if isinstance(fun, functools.partial):
            fun = fun.func
        elif isinstance(fun, types.MethodType):
            fun = fun.__func__
        elif (wrapped := getattr(fun, "__wrapped__", None)) is not None and wrapped is not fun:
            fun = wrapped
        else:
            break
    return fun.__code__ if isinstance(fun, types.FunctionType) else type(fun)
