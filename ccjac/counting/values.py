"""What stands for an array while a function is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

KNOWN_SIZE = 200_000
"""Known arrays up to this size are computed, for they may be indices or sparse matrices."""


@dataclass(frozen=True, eq=False)
class Value:
    """A value of the walk.

    Attributes:
        shape: Of the array.
        known: Whether it depends on no argument; ``array`` is it, if it was computed.
        masks: The words of its entries, ``None`` if none depends on a differentiated input.
        affine: Whether its derivatives are constants.
        unit: Whether they are ones: the value is made of inputs that were moved, no more.
        choices: How many numbers an entry can be, 0 if that is not known: an index that is searched for is one of few.
    """

    shape: tuple[int, ...]
    known: bool = False
    array: np.ndarray | None = None
    masks: np.ndarray | None = None
    affine: bool = True
    unit: bool = False
    choices: int = 0

    @property
    def few(self) -> int:
        """``choices``; what is known is one number."""
        return 1 if self.known else self.choices

    def words(self) -> np.ndarray:
        """``masks``, zeros if there are none."""
        return np.zeros(self.shape, np.uint64) if self.masks is None else self.masks


class Enough(Exception):  # noqa: N818 -- it is no error
    """Enough has been counted to refuse."""


def opaque(shapes: Sequence[tuple[int, ...]]) -> list[Value]:
    """Known arrays that were not computed."""
    return [Value(shape, True) for shape in shapes]


def joined(values: Sequence[Value]) -> np.uint64:
    """What any entry of them depends on."""
    word = np.uint64(0)
    for v in values:
        if v.masks is not None:
            word |= np.bitwise_or.reduce(v.masks, axis=None)
    return word


def either(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
    """What two arrays of words depend on, entry by entry."""
    return b if a is None else a if b is None else a | b


def row(value: Value, k: int) -> Value:
    """One row of a value."""
    masks = None if value.masks is None else value.masks[k]
    array = None if value.array is None else value.array[k]
    return Value(value.shape[1:], value.known, array, masks, value.affine)


def row_of_all(value: Value) -> Value:
    """A row that depends on whatever any row depends on."""
    masks = None if value.masks is None else np.bitwise_or.reduce(value.masks, axis=0)
    return Value(value.shape[1:], value.known, None, masks, value.affine)


def stacked(rows: list[Value], shape: tuple[int, ...]) -> Value:
    """The value that is made of these rows."""
    if rows and any(r.masks is not None for r in rows):
        return Value(shape, masks=np.stack([r.words() for r in rows]), affine=all(r.affine for r in rows))
    return Value(shape, known=all(r.known for r in rows))
