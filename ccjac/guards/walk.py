"""One walk over values: each is met once, arrays are watched, the rest is looked into."""

from __future__ import annotations

import array
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..limits import GUARD_CHECKS, GUARD_DEPTH
from . import values
from .checks import Checks
from .reads import Reads
from .trust import is_library, package_of
from .values import Watch

Recognise = Callable[[Any], Watch | None]
Inside = Callable[["Walk", Any, str, int], None]
"""Visits what can be reached from a value: the walk, the value, its name in the checks, its depth."""


class Walk(Checks):
    """Visits values, and writes the checks of each.

    Attributes:
        watch: The framework's own arrays and objects.
        names: Names that the code reads.
        own: Packages whose code is the user's.
        collect: Whether only code is looked for.
        codes: The code that was met.
    """

    def __init__(
        self, inside: Inside, watch: Recognise, names: Reads, own: frozenset[str], *, collect: bool = False
    ) -> None:
        super().__init__()
        self._inside = inside
        self.watch = watch
        self.names = names
        self.own = own
        self.collect = collect
        self.codes: list[types.CodeType] = []
        self.obstacle = names.unknowable and f"its code uses `{names.unknowable}`"
        self._known: dict[int, str] = {}
        self._kept: list[Any] = []

    def visit(self, value: Any, place: str, depth: int) -> None:
        """Check the value that the expression ``place`` gives, and what can be reached from it."""
        if (self.obstacle and not self.collect) or self.count > GUARD_CHECKS:
            return
        if values.is_plain(value) or values.is_plain_tuple(value):
            self.plain(place, value)
            return
        if (known := self._known.get(id(value))) is not None:
            self.check(f"{place} is {known}")
            return
        name = self.name(place)
        if not isinstance(value, tuple):
            # Equal tuples may be one object or two; everything else that is met twice is one object.
            self._known[id(value)] = name
        self._kept.append(value)
        if depth > GUARD_DEPTH:
            self.refuse(value, "too far away to be followed")
            return
        found = self.watch(value)
        if found is not None and found.owner is not None:
            self.watched.append(weakref.ref(found.owner))
        if found is None and isinstance(value, np.ndarray):
            found = values.array_watch(value)
            if found is None:
                self.refuse(value, "which holds Python objects")
                return
        if found is None and isinstance(value, (bytearray, array.array)):
            found = values.buffer_watch(value)
        if found is not None:
            self.check(f"{self.constant(found.holds)}({name})")
            if found.owner is not None:
                self.dies_with(found.owner)
            for part in found.parts:
                self.visit(getattr(value, part), f"getattr({name}, {part!r}, MISSING)", depth + 1)
            return
        self._inside(self, value, name, depth + 1)

    def foreign(self, value: Any) -> bool:
        """Whether it is code of an installed package other than the function's own."""
        return is_library(value) and package_of(value) not in self.own
