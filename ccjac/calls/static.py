"""Static arguments: which leaves of a call are compared by value, and how the call is put together again."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..guards import array_key, is_plain, plain_key

Kind = str
"""``"array"`` (of the framework), ``"number"`` (of elsewhere, but can be traced), ``"count"`` (a Python int),
``"static"``."""


class Live:
    """The user's objects of the call in progress.  What is compiled refers to it weakly: it keeps nothing alive."""

    __slots__ = ("__weakref__", "fun", "leaves", "places", "unflatten")

    def __init__(
        self,
        fun: Callable[..., Any],
        leaves: Sequence[Any] = (),
        places: Sequence[int] = (),
        unflatten: Callable[[Sequence[Any]], tuple[tuple[Any, ...], dict[str, Any]]] | None = None,
    ) -> None:
        self.fun = fun
        self.leaves = leaves
        self.places = places
        self.unflatten = unflatten

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The user's arguments, from what the compiled function is called with: all of them, or the traced leaves."""
        if self.unflatten is None:
            return args, kwargs
        leaves = list(self.leaves)
        for place, value in zip(self.places, args, strict=True):
            leaves[place] = value
        return self.unflatten(leaves)


class Slot:
    """Where a compiled function finds the call in progress when its framework wants it traced anew."""

    __slots__ = ("failure", "live", "single")

    def __init__(self) -> None:
        self.live: weakref.ref[Live] | None = None
        self.failure = ""
        self.single = False


@dataclass(frozen=True)
class Pattern:
    """Which leaves of a call are static.

    Attributes:
        key: Equal for calls with the same containers and equal plain static values.
        places: The traced leaves.
        objects: The static leaves that a key cannot compare: a guard does.
    """

    key: Hashable
    places: tuple[int, ...]
    objects: tuple[int, ...]


def pattern(leaves: Sequence[Any], tree: Hashable, traced: Sequence[bool]) -> Pattern:
    """The pattern of a call in which the leaves that ``traced`` names are operands."""
    marks: list[Hashable] = []
    objects: list[int] = []
    for k, leaf in enumerate(leaves):
        if traced[k]:
            marks.append(None)
            continue
        mark: Hashable = None
        if is_plain(leaf):
            mark = plain_key(leaf)
        elif isinstance(leaf, np.ndarray):
            mark = array_key(leaf)
        if mark is None:
            objects.append(k)
            mark = ("object", id(type(leaf)))
        marks.append(mark)
    places = tuple(k for k, is_traced in enumerate(traced) if is_traced)
    return Pattern((tree, tuple(marks)), places, tuple(objects))


def steered(error: BaseException) -> str:
    """The reason of a plan that leaves everything to the framework's own mode."""
    line = next(iter(str(error).splitlines()), "")
    return f"the function cannot be traced without values ({type(error).__name__}: {line})"
