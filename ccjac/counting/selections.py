"""Count selections: reads and writes at computed places, and sorting."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..expand import is_floating
from ..spec import Spec
from .tally import Tally
from .values import Value, joined

_COMPARISON, _MOVE = 5.0, 2.0
"""Operations that compare two numbers, of which either may be NaN, and that exchange them."""


def indexed(
    tally: Tally, out: Spec, arrays: Sequence[Value], indices: Sequence[Value], places: int, moved: float, width: int
) -> Value:
    """One selection for every entry that moves and every place where it may be.

    Args:
        tally: The counts.
        out: The result.
        arrays: Where entries come from, and what is written.
        indices: The computed places.
        places: How many there are.
        moved: Entries that are read or written.
        width: Indices per place that one array of ``indices`` holds.
    """
    few = [v.few for v in indices]
    if all(few):
        # Of a gather's several indices each is one of few.
        places = min(places, math.prod(few) ** max(width, 1))
    size = moved * places
    active = [v for v in arrays if v.masks is not None] if is_floating(out.dtype) else []
    if not active:
        tally.count(1.2 * size, active=False)
        return Value(out.shape)
    masks = np.full(out.shape, joined(active))
    mean = sum(tally.width(v.masks) / max(math.prod(v.shape), 1) for v in active)
    tally.count(1.2 * size, active=True, partials=size, edges=size, forward=2 * size * mean)
    return Value(out.shape, masks=masks, affine=False)


def sorted_(tally: Tally, outs: Sequence[Spec], operands: Sequence[Value], axis: int, n_keys: int = 1) -> list[Value]:
    """Every pair of a line along ``axis`` is compared once."""
    n = operands[0].shape[axis] if operands[0].shape else 1
    lines = math.prod(operands[0].shape) / max(n, 1)
    wanted = outs[0].shape[axis] if outs[0].shape else 1
    pairs = lines * wanted * (n - wanted / 2)
    tally.count(pairs * (_COMPARISON * n_keys + _MOVE * (len(outs) + 1)), active=False)
    found = []
    for k, out in enumerate(outs):
        operand = operands[k] if k < len(operands) else None
        if operand is None or operand.masks is None or not is_floating(out.dtype):
            found.append(Value(out.shape))
            continue
        edges = lines * wanted * n
        mean = tally.width(operand.masks) / max(math.prod(operand.shape), 1)
        tally.count(0, active=True, partials=2 * edges, edges=edges, forward=(1 if operand.unit else 2) * edges * mean)
        masks = np.bitwise_or.reduce(operand.words(), axis=axis, keepdims=True) if operand.shape else operand.words()
        found.append(Value(out.shape, masks=np.broadcast_to(masks, out.shape), affine=False))
    return found
