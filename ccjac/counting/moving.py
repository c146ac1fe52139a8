"""Count what moves entries."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..expand import positions_of
from ..settings import limits
from .tally import Tally
from .values import Enough, Value, joined

Rearrange = Callable[[list[np.ndarray]], Sequence[np.ndarray]]


def moved(
    tally: Tally, arrays: Sequence[Value], shapes: Sequence[tuple[int, ...]], rearrange: Rearrange | None
) -> list[Value]:
    """Results that are made of entries of ``arrays``.

    Args:
        tally: The counts.
        arrays: Where the entries come from.
        shapes: Of the results.
        rearrange: From the entries' positions to where the results' entries come from, -1 for nowhere; ``None`` if
            that is not known.
    """
    if all(v.masks is None for v in arrays):
        choices = max(v.few for v in arrays) if all(v.few for v in arrays) else 0
        return [Value(shape, choices=choices) for shape in shapes]
    affine = all(v.affine for v in arrays)
    if rearrange is None:
        word = joined(arrays)
        return [Value(shape, masks=np.full(shape, word), affine=affine) for shape in shapes]
    if (
        sum(math.prod(v.shape) for v in arrays) + sum(map(math.prod, shapes)) > 10 * limits().program_values
        and not tally.linear
    ):
        tally.counted.operations = 10 * limits().program_values
        raise Enough
    words = np.concatenate([*(v.words().ravel() for v in arrays), np.zeros(1, np.uint64)])
    unit = all(v.unit or v.masks is None for v in arrays)
    found = rearrange(positions_of([v.shape for v in arrays]))
    return [Value(np.shape(p), masks=words[p], affine=affine, unit=unit) for p in found]
