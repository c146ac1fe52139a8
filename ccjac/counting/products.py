"""Count matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .tally import Tally
from .values import Value

Axes = Sequence[int]


def contraction(
    tally: Tally, shape: tuple[int, ...], operands: Sequence[Value], axes: Sequence[Axes], batch: Sequence[Axes]
) -> Value:
    """Sums of products of two operands over ``axes`` of each, for every index of their ``batch`` axes.

    The result's ``shape`` has the batch axes first, then those that are left of the left operand, then of the right.
    """
    length = math.prod(operands[0].shape[d] for d in axes[0])
    size = float(math.prod(shape)) * length
    density = 1.0
    for v in operands:
        if v.known and v.array is not None and v.array.size:
            density *= np.count_nonzero(v.array) / v.array.size
    active = [v for v in operands if v.masks is not None]
    if active:
        tally.counted.contractions += tally.weight * size
    tally.count(2 * size * density, active=False)
    if not active:
        return Value(shape)
    affine = len(active) == 1 and active[0].affine and any(v.known for v in operands)
    masks = np.zeros(shape, np.uint64)
    for k in range(2):
        if operands[k].masks is not None:
            masks = masks | _contracted(operands, k, axes, batch[k], shape)
    tally.count(0, active=True, edges=len(active) * size * density)
    for v in operands:
        if v.masks is not None:
            # Every entry of this operand meets the other operand's free entries.
            fan = size * density / max(math.prod(v.shape), 1)
            tally.count(0, active=True, forward=(1 if v.unit else 2) * tally.width(v.masks) * fan, folded=affine)
    return Value(shape, masks=masks, affine=affine)


def _contracted(
    operands: Sequence[Value], k: int, axes: Sequence[Axes], batch: Axes, shape: tuple[int, ...]
) -> np.ndarray:
    """The words that an operand of a contraction gives to the result."""
    words, other = operands[k].words(), operands[1 - k]
    if words.ndim == 1 and other.array is not None and other.array.ndim == 2 and len(axes[k]) == 1:
        # A vector and a known matrix, which may be sparse.
        rows = np.moveaxis(other.array != 0, axes[1 - k][0], -1)
        return np.asarray(np.bitwise_or.reduce(np.where(rows, words, np.uint64(0)), axis=1))
    free = [d for d in range(words.ndim) if d not in (*axes[k], *batch)]
    merged = np.asarray(np.bitwise_or.reduce(words, axis=tuple(axes[k])) if axes[k] else words)
    kept = [d for d in range(words.ndim) if d not in axes[k]]
    merged = merged.transpose([kept.index(d) for d in (*batch, *free)])
    others = (1,) * (len(shape) - merged.ndim)
    lead, rest = merged.shape[: len(batch)], merged.shape[len(batch) :]
    return np.broadcast_to(merged.reshape((*lead, *rest, *others) if k == 0 else (*lead, *others, *rest)), shape)
