"""Checks, written line by line and compiled to one function."""

from __future__ import annotations

import re
import types
import weakref
from collections.abc import Iterator
from typing import Any

from ..limits import GUARD_CHECKS
from . import values
from .guard import Guard
from .trust import is_trusted

MISSING = object()
_VARIABLE = re.compile(r"\bv\d+\b")
_ASSIGNED = re.compile(r"(v\d+) = ")


class Checks:
    """The guard while it is written.  Values are named by Python expressions, which start at ``root0``, ``root1``..."""

    def __init__(self) -> None:
        self.obstacle = ""
        self.count = 0
        self._lines: list[str] = []
        self._space: dict[str, Any] = {"same": values.same, "MISSING": MISSING}
        self._owners: list[weakref.ref[Any]] = []
        self.watched: list[weakref.ref[Any]] = []

    def check(self, condition: str) -> None:
        """The guard does not hold unless ``condition`` does."""
        self.count += 1
        if self.count > GUARD_CHECKS and not self.obstacle:
            self.obstacle = f"it reaches more than {GUARD_CHECKS} values"
        self._lines.append(f"if not ({condition}): return False")

    def plain(self, place: str, value: Any) -> None:
        """The expression ``place`` still gives this plain value."""
        if value is None or value is True or value is False:
            self.check(f"{place} is {value}")
        else:
            name, constant = self.name(place), self.constant(value)
            self.check(f"{name} is {constant} or same({name}, {constant})")

    def name(self, place: str) -> str:
        """A variable for the value of the expression ``place``."""
        name = f"v{len(self._lines)}"
        self._lines.append(f"{name} = {place}")
        return name

    def constant(self, value: Any) -> str:
        """A variable for a recorded value."""
        name = f"k{len(self._space)}"
        self._space[name] = value
        return name

    def weak(self, value: Any) -> str | None:
        """An expression for a recorded object that it does not keep alive, ``None`` if that is impossible."""
        try:
            return f"{self.constant(weakref.ref(value))}()"
        except TypeError:
            return None

    def identity(self, value: Any, name: str) -> None:
        """The variable ``name`` is still this very object."""
        if (reference := self.weak(value)) is not None:
            self.check(f"{name} is {reference}")
        elif isinstance(value, (types.BuiltinFunctionType, type)) or is_trusted(value):
            self.check(f"{name} is {self.constant(value)}")
        else:
            self.refuse(value, "whose state cannot be compared")

    def dies_with(self, value: Any) -> None:
        """The guard can never hold again once ``value`` is gone."""
        self._owners.append(weakref.ref(value))

    def refuse(self, value: Any, why: str) -> None:
        """Something cannot be guarded."""
        self.obstacle = self.obstacle or f"it reaches a {type(value).__name__}, {why}"

    def compiled(self, n_roots: int) -> Guard:
        """The guard of as many roots."""
        arguments = ", ".join(f"root{k}" for k in range(n_roots))
        body = [f" def holds({arguments}):", "  try:", *(f"   {line}" for line in self._used()), "   return True"]
        # Whatever cannot be read any more has changed.
        end = ["  except Exception: return False", " return holds"]
        text = "\n".join(["def make(space):", *self._unpacked(), *body, *end])
        space: dict[str, Any] = {}
        exec(compile(text, "<guard>", "exec"), space)
        return Guard(space["make"](self._space), self._owners, self.watched, self.obstacle)

    def _used(self) -> list[str]:
        """The lines without variables that no later line reads: a guard is asked at every call."""
        kept: list[str] = []
        read: set[str] = set()
        for line in reversed(self._lines):
            assigned = _ASSIGNED.match(line)
            if assigned is None or assigned[1] in read:
                kept.append(line)
                read.update(_VARIABLE.findall(line))
        return kept[::-1]

    def _unpacked(self) -> Iterator[str]:
        # Variables of an enclosing function are read faster than globals.
        yield from (f" {name} = space[{name!r}]" for name in self._space)
