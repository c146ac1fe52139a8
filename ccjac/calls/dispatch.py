"""From a call to the compiled function that serves it."""

from __future__ import annotations

import functools
import logging
import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, NoReturn

from ..backends.protocol import Backend, Call, Request, UntraceableError
from ..errors import CcjacError
from ..guards import record
from ..limits import FEW_NUMBERS, UNGUARDED_TRACES
from ..options import Options
from ..planning.naming import call_name
from ..settings import limits
from .memory import Entry, Memory, generation, memory_of
from .road import built
from .selection import select_backend
from .static import Live, Pattern, Slot, pattern, steered

log = logging.getLogger("ccjac")


_TRACED, _STATIC_NUMBERS, _OWN_MODE = range(3)
"""What a kind of call needs: numbers traced; numbers of Python and numpy static, because they steer Python; the
framework's own mode at each call, because arrays do."""


@dataclass(frozen=True)
class _Arguments:
    """The arguments of one call, and whether it is only to be compiled."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    leaves: Sequence[Any]
    tree: Hashable
    kinds: tuple[str, ...]
    ahead: bool

    @property
    def loose(self) -> Hashable:
        """Equal for calls with the same containers and kinds of leaves."""
        return self.tree, self.kinds


class Calls:
    """What one Jacobian function knows of its calls.

    Attributes:
        recent: The compiled function of the last call without static arguments.
        arrays: The types of arrays that such a call may consist of.
        generation: As of which clearing of caches this is valid.
        limits: Under which it is.
    """

    def __init__(self, request: Request, options: Options) -> None:
        self.request = request
        self.options = options
        self.live = Live(request.fun)
        self.recent: Entry | None = None
        self.arrays: set[type] = set()
        self.generation = generation[0]
        self.limits = limits()
        self._backend: Backend | None = None
        self._memory = Memory()
        self._own: dict[Hashable, list[Entry]] = {}
        self._contents: set[Hashable] = set()
        self._misses = 0

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any], *, ahead: bool = False) -> Any:
        """Any call; with ``ahead``, all of it but the running."""
        backend = self._select(args, kwargs)
        leaves, tree = backend.flatten(args, kwargs)
        given = _Arguments(args, kwargs, leaves, tree, tuple(map(backend.kind, leaves)), ahead)
        level = self._memory.levels.get(given.loose, _TRACED)
        reason = ""
        while level < _OWN_MODE:
            try:
                result = self._at_level(level, backend, given)
                self._remember(given.loose, level, reason)
                return result
            except _TracingFailedError as failed:
                reason = str(failed)
            level += 1
            if level == _STATIC_NUMBERS and not {"number", "count"}.intersection(given.kinds):
                level += 1
        # With values, not tracers, Python may do what it likes.
        result = None if ahead else backend.own_mode(self.request)(*args, **kwargs)
        self._remember(given.loose, _OWN_MODE, reason)
        return result

    def _select(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Backend:
        backend = select_backend(self.options.backend, args, kwargs)
        now = limits()
        if backend is not self._backend or self.generation != generation[0] or self.limits is not now:
            self.generation, self._backend, self.recent, self.limits = generation[0], backend, None, now
            self._own.clear()
            self.arrays.update(backend.array_types())
            shared, asked = self.options.key(), replace(self.request, fun=_nothing)
            self._memory = memory_of(self.request.fun, shared and (backend.name, asked, shared, now))
        return backend

    def _remember(self, loose: Hashable, level: int, reason: str) -> None:
        if reason:
            self._memory.levels[loose] = level
            if level == _OWN_MODE:
                name = call_name(self.request.fun)
                log.warning("ccjac: %s uses the framework's own mode at each call: %s", name, reason)

    def _at_level(self, level: int, backend: Backend, given: _Arguments) -> Any:
        wanted = ("array", "number") if level == _TRACED else ("array",)
        traced = [kind in wanted for kind in given.kinds]
        if level == _TRACED and "count" in given.kinds:
            traced = self._with_counts(given, traced)
        if all(traced):
            return self._run(backend, Pattern(None, (), ()), self.live, given, given.args, given.kwargs)
        leaves = given.leaves
        chosen = pattern(leaves, given.loose, traced)
        static = [None if is_traced else leaf for leaf, is_traced in zip(leaves, traced, strict=True)]
        live = Live(self.request.fun, static, chosen.places, functools.partial(backend.unflatten, given.tree))
        return self._run(backend, chosen, live, given, [leaves[k] for k in chosen.places], {})

    def _with_counts(self, given: _Arguments, traced: list[bool]) -> list[bool]:
        """Trace whole numbers once several values of them were seen."""
        is_count = [kind == "count" for kind in given.kinds]
        others = pattern(given.leaves, given.loose, [a or b for a, b in zip(traced, is_count, strict=True)])
        values = tuple(leaf for leaf, yes in zip(given.leaves, is_count, strict=True) if yes)
        seen = self._memory.counts.setdefault(others.key, set())
        if values in seen or len(seen) < FEW_NUMBERS:
            seen.add(values)
            return traced
        return [a or b for a, b in zip(traced, is_count, strict=True)]

    def _run(
        self,
        backend: Backend,
        chosen: Pattern,
        live: Live,
        given: _Arguments,
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> Any:
        fun, reference = self.request.fun, weakref.ref(live)
        objects = tuple(given.leaves[k] for k in chosen.objects)
        key = chosen.key
        for entries in (self._own.get(key, ()), self._memory.entries.get(key, ())):
            for entry in tuple(entries):
                if entry.holds(fun, *objects):
                    return self._used(backend, key, entry, reference, given, args, kwargs)
        guard = record(fun, *objects, watch=backend.watch)
        if guard.obstacle:
            # Traced anew at every call; what computes the same is compiled once.
            key = (key, self._content(backend, given))
            if (found := self._own.get(key)) is not None:
                return self._used(backend, key, found[0], reference, given, args, kwargs)
        slot = Slot()
        watched = [id(watched()) for watched in guard.watched]
        build = Builder(backend, self.request, self.options, slot, watched)
        entry = Entry(backend.road(build, self.request), guard, slot)
        result = self._used(backend, key, entry, reference, given, args, kwargs)
        if not slot.single and not guard.obstacle:
            self._memory.add(key, entry)
        return result

    def _content(self, backend: Backend, given: _Arguments) -> Hashable:
        """What the function computes for these arguments, as a key."""
        try:
            content = backend.content(self.request, given.args, given.kwargs)
        except CcjacError:
            raise
        except Exception as error:
            reason = steered(error)
        else:
            key = (given.loose, content)
            known = content is not None and key in self._contents
            self._misses = 0 if known else self._misses + 1
            if known or (content is not None and self._misses <= UNGUARDED_TRACES):
                self._contents.add(key)
                return key
            reason = "the function reads what cannot be compared from call to call, and each call computes another"
        raise _TracingFailedError(reason)

    def _used(
        self,
        backend: Backend,
        key: Hashable,
        entry: Entry,
        live: weakref.ref[Live],
        given: _Arguments,
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> Any:
        entry.slot.live = live
        try:
            if given.ahead:
                result = backend.ahead(entry.call, entry.operands(), args, kwargs)  # type: ignore[func-returns-value]
            else:
                result = entry.call(entry.operands(), *args, **kwargs)
        except Exception:
            reason, entry.slot.failure = entry.slot.failure, ""
            if not reason:
                raise
        else:
            if not entry.slot.single:
                self._keep(key, entry)
            return result
        # Raised here, it does not keep the traceback of the failed trace alive.
        raise _TracingFailedError(reason)

    def _keep(self, key: Hashable, entry: Entry) -> None:
        if key is None:
            self.recent = entry
        entries = self._own.setdefault(key, [])
        if entry not in entries[:1]:
            if entry in entries:
                entries.remove(entry)
            entries.insert(0, entry)
            del entries[self.limits.compiled_variants :]
            while len(self._own) > self.limits.compiled_variants:
                del self._own[next(iter(self._own))]


class Compiled(NamedTuple):
    """What was compiled for one call.

    Attributes:
        run: A function of ``(*call.operands, *captured)``.
        call: The call, as the backend prepared it.
        captured: The arrays from the function's surroundings that are operands.
    """

    run: Callable[..., Any]
    call: Call
    captured: Sequence[Any]


class Builder:
    """What a backend's road calls whenever it wants the function traced: ``build(captured, *args, **kwargs)``."""

    def __init__(
        self, backend: Backend, request: Request, options: Options, slot: Slot, watched: Sequence[int]
    ) -> None:
        self._backend, self._options, self._slot, self._watched = backend, options, slot, watched
        self._asked = replace(request, fun=_nothing)

    def __call__(self, captured: tuple[Any, ...], *args: Any, **kwargs: Any) -> Any:
        """Trace, plan, compile, and call what was compiled."""
        run, call, others = self.compiled(captured, *args, **kwargs)
        return run(*call.operands, *others)

    def compiled(self, captured: tuple[Any, ...], *args: Any, **kwargs: Any) -> Compiled:
        """All of it but the calling."""
        slot, backend = self._slot, self._backend
        live = slot.live() if slot.live is not None else None
        if live is None:
            raise RuntimeError("`ccjac.jacobian`: the function is gone that its compiled form was called for.")
        args, kwargs = live.arguments(args, kwargs)
        call = backend.prepare(replace(self._asked, fun=live.fun), args, kwargs)
        name = call_name(live.fun, args, kwargs)
        try:
            traced = backend.trace(call, dict(zip(self._watched, captured, strict=True)))
        except UntraceableError as untraceable:
            error = untraceable.error
        else:
            run = built(backend, traced, self._options, name)
            # What a function reads is known when it has been expanded.
            slot.single |= not traced.reusable
            return Compiled(run, call, traced.captured)
        error.add_note(f"ccjac was tracing {name}.")
        try:
            self.fail(error)
        finally:
            # An error refers to its traceback, which refers to the tracers of the failed trace.
            del error, call

    def fail(self, error: Exception) -> NoReturn:
        """The function cannot be traced with these leaves as operands, for this reason."""
        self._slot.failure = steered(error)
        raise error


class _TracingFailedError(Exception):
    """The user's function cannot be traced with these leaves as operands."""


def _nothing() -> None:
    """Stands in a request for the user's function, which what is compiled must not keep alive."""
