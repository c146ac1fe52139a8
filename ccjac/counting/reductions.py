"""Count sums, products and extremes.

All functions take whether the combination is a sum, whose partials are ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .tally import Tally
from .values import Value, joined


def summed(tally: Tally, shape: tuple[int, ...], value: Value, axes: Sequence[int], *, sums: bool) -> Value:
    """A combination along ``axes``."""
    size = float(math.prod(value.shape))
    if value.masks is None:
        tally.count(size, active=False)
        return Value(shape)
    masks = np.asarray(np.bitwise_or.reduce(value.masks, axis=tuple(axes))).reshape(shape)
    return _counted(tally, size, masks, size, tally.width(value.masks), sums=sums, affine=value.affine and sums)


def running(tally: Tally, value: Value, axis: int, *, reverse: bool, sums: bool) -> Value:
    """The combinations of all leading parts along ``axis``."""
    size = float(math.prod(value.shape))
    if value.masks is None:
        tally.count(size, active=False)
        return Value(value.shape)
    words = np.flip(value.masks, axis) if reverse else value.masks
    masks = np.bitwise_or.accumulate(words, axis=axis)
    masks = np.flip(masks, axis) if reverse else masks
    tally.counted.contractions += tally.weight * size
    return _counted(tally, size, masks, 2 * size, tally.width(masks), sums=sums, affine=value.affine and sums)


def added_at(tally: Tally, base: Value, targets: np.ndarray, updates: Value, *, sums: bool) -> Value:
    """Updates that are combined with the entries of ``base`` at flat places ``targets``, -1 for none."""
    if base.masks is None and updates.masks is None:
        tally.count(math.prod(base.shape), active=False)
        return Value(base.shape)
    flat, places = base.words().ravel().copy(), targets.ravel()
    np.bitwise_or.at(flat, places[places >= 0], updates.words().ravel()[places >= 0])
    affine = base.affine and updates.affine and sums
    masks, size = flat.reshape(base.shape), float(places.size)
    return _counted(tally, size, masks, size, tally.width(updates.masks), sums=sums, affine=affine)


def combined(
    tally: Tally, shape: tuple[int, ...], operands: Sequence[Value], taps: float, *, sums: bool, linear: bool
) -> Value:
    """A result every entry of which may depend on all operands, by ``taps`` products each.

    Args:
        tally: The counts.
        shape: Of the result.
        operands: All that are read.
        taps: Products per entry.
        sums: Whether partials are constants.
        linear: Whether derivatives are constants where the operands' are.
    """
    if not any(v.masks is not None for v in operands):
        tally.count(math.prod(operands[0].shape), active=False)
        return Value(shape)
    masks = np.full(shape, joined(operands))
    size = 2.0 * taps * math.prod(shape)
    inward = 2.0 * taps * tally.width(masks)
    affine = all(v.affine for v in operands) and linear
    return _counted(tally, size, masks, size, inward, sums=sums, affine=affine)


def _counted(
    tally: Tally, size: float, masks: np.ndarray, edges: float, inward: float, *, sums: bool, affine: bool
) -> Value:
    tally.count(
        size,
        active=True,
        partials=0.0 if sums else size,
        edges=edges,
        forward=inward * (1 if sums else 2),
        folded=affine,
    )
    return Value(masks.shape, masks=masks, affine=affine)
