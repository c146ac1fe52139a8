"""Moving entries: reshaping, slicing, joining, gathering.

A backend says for every entry of the result where it comes from, in one array of positions; values, vertices and
forms then follow in one pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..program.linearization import NO_TANGENT
from .expander import Expander
from .values import Forms, Symbolic, Value, as_numpy, is_known, lift, linear_entries

OUTSIDE = -1
"""The position of an entry that comes from no operand."""


def _counted(n: int) -> np.ndarray:
    numbers = np.arange(n)
    numbers.flags.writeable = False
    return numbers


_numbers = _counted(1 << 10)


def positions_of(shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """For operands of these shapes the position of every entry in the concatenation of all.  Read only.

    What moves entries is applied to these arrays in place of the operands:

    Examples:
        >>> a, b = positions_of([(2,), (2, 2)])
        >>> b.T.tolist()
        [[2, 4], [3, 5]]
    """
    global _numbers
    sizes = [math.prod(shape) for shape in shapes]
    if sum(sizes) > len(_numbers):
        # Views of one array: to take a slice of a long operand costs nothing then.
        _numbers = _counted(2 * sum(sizes))
    numbers, start, found = _numbers, 0, []
    for shape, size in zip(shapes, sizes, strict=True):
        found.append(numbers[start : start + size].reshape(shape))
        start += size
    return found


def move(
    ex: Expander, operands: Sequence[Value], positions: np.ndarray, dtype: str, *, fill: int | None = None
) -> Value:
    """Entries of the operands in another arrangement.

    Args:
        ex: The expansion.
        operands: Where the entries come from, all of type ``dtype``; or forms and known zeros.
        positions: Of the result's shape: for every entry its place in the concatenation of all operands' entries in
            row-major order, or :data:`OUTSIDE`.
        dtype: Name of the entries' type.
        fill: The program value of what lies outside, zero by default.  It has no tangent.
    """
    if any(isinstance(v, Forms) for v in operands):
        return Forms(_taken([linear_entries(v) for v in operands], positions, None))
    if fill is None and all(map(is_known, operands)):
        arrays = [as_numpy(v) for v in operands]
        return _taken(arrays, positions, arrays[0].dtype.type(0))
    builder = ex.builder
    lifted = [lift(builder, v) for v in operands]
    if fill is None and (positions < 0).any():
        fill = builder.const(0, dtype)
    ids = _taken([v.ids for v in lifted], positions, fill)
    vertices = None
    if any(v.active for v in lifted):
        vertices = _taken([v.tangent_vertices() for v in lifted], positions, NO_TANGENT)
        vertices = vertices if (vertices != NO_TANGENT).any() else None
    return Symbolic(ids, vertices, dtype)


def _taken(arrays: Sequence[np.ndarray], positions: np.ndarray, fill: object) -> np.ndarray:
    entries = arrays[0].ravel() if len(arrays) == 1 else np.concatenate([a.ravel() for a in arrays])
    if (positions < 0).any():
        # Position -1 is the last entry.
        padded = np.empty(entries.size + 1, dtype=entries.dtype)
        padded[:-1], padded[-1] = entries, fill
        entries = padded
    # Flat, because an array of objects gives for an index without dimensions the object, not an array.
    return entries[positions.ravel()].reshape(positions.shape)


def picked(which: np.ndarray, n_cases: int) -> np.ndarray:
    """Positions for choosing between operands of the shape of ``which``, by their number in every entry."""
    cases = positions_of([which.shape] * n_cases)
    chosen = which.astype(np.int64) * which.size
    return chosen + cases[0]
