"""Which numbers a computed integer can be: few, where it comes from comparisons, pivots or a search."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..program import Builder

MOST = 1024
"""Numbers beyond which an integer counts as any."""

Numbers = frozenset[int] | None

_EXACT: dict[str, Callable[..., int]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "neg": lambda x: -x,
    "max": max,
    "min": min,
    "clamp": lambda low, x, high: min(max(x, low), high),
    "div": lambda x, y: -1 if y == 0 else abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1),
    "rem": lambda x, y: x if y == 0 else int(math.fmod(x, y)),
    "shift_right_logical": lambda x, y: x >> y,
    "shift_right_arithmetic": lambda x, y: x >> y,
    "copy": lambda x: x,
    "convert_element_type": lambda x: x,
    "eq": lambda x, y: int(x == y),
    "ne": lambda x, y: int(x != y),
    "lt": lambda x, y: int(x < y),
    "le": lambda x, y: int(x <= y),
    "gt": lambda x, y: int(x > y),
    "ge": lambda x, y: int(x >= y),
}


def possible(builder: Builder, value: int, memory: dict[int, Numbers]) -> Numbers:
    """The numbers among which a program value is, or ``None`` for any.

    Args:
        builder: The program.
        value: An integer or a truth value.
        memory: What was found before, of the same program.
    """
    waiting = [value]
    while waiting:
        k = waiting[-1]
        if k in memory:
            waiting.pop()
            continue
        node = builder.nodes[k]
        if node.op not in (*_EXACT, "select_n") or not _counts(node.dtype):
            memory[k] = _leaf(node)
            continue
        args = node.args[1:] if node.op == "select_n" else node.args
        if missing := [a for a in args if a not in memory]:
            waiting.extend(missing)
            continue
        memory[k] = _combined(node, [memory[a] for a in args])
    return memory[value]


def _counts(dtype: str) -> bool:
    return dtype == "bool" or dtype.startswith(("int", "uint"))


def _leaf(node: Any) -> Numbers:
    if not _counts(node.dtype):
        return None
    if node.op == "const":
        return frozenset((int(node.param),))
    return frozenset((0, 1)) if node.dtype == "bool" else None


def _combined(node: Any, sets: list[Numbers]) -> Numbers:
    unknown = frozenset((0, 1)) if node.dtype == "bool" else None
    known = [s for s in sets if s is not None]
    if node.op == "select_n":
        union = frozenset().union(*known) if len(known) == len(sets) else None
        return union if union is not None and len(union) <= MOST else unknown
    if node.op == "clamp" and sets[1] is None and len(known) == 2:
        low, high = min(known[0]), max(known[1])
        return frozenset(range(low, high + 1)) if high - low < MOST else None
    if len(known) < len(sets) or math.prod(map(len, known)) > 4 * MOST:
        return unknown
    found = {_EXACT[node.op](*numbers) for numbers in itertools.product(*known)}
    if node.dtype != "bool":
        # Integers wrap around.
        limits = np.iinfo(node.dtype)
        width = int(limits.max) - int(limits.min) + 1
        found = {(x - int(limits.min)) % width + int(limits.min) for x in found}
    return frozenset(found) if len(found) <= MOST else unknown
