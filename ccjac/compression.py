"""Which derivatives yield all entries of a sparse Jacobian, and where each entry is found in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .colouring import column_colours, star_colours
from .limits import COLOURS_SAVE, COMPARED_LIMIT, STARS_LIMIT
from .pattern import Pattern


@dataclass(frozen=True, eq=False)
class Compression:
    """One derivative for all columns, or rows, of a colour.

    Attributes:
        mode: ``"forward"`` (columns) or ``"reverse"`` (rows).
        colours: ``[columns]`` or ``[rows]``, from 0 on.
        derivative: ``[nnz]`` the colour of the derivative that holds an entry of the pattern.
        place: ``[nnz]`` where in it: the row, or the column.
        words: What shares a derivative.
    """

    mode: str
    colours: np.ndarray
    derivative: np.ndarray
    place: np.ndarray
    words: str

    @property
    def derivatives(self) -> int:
        """How many are computed."""
        return int(self.colours.max(initial=-1)) + 1

    @property
    def reason(self) -> str:
        """For a plan."""
        return f"its entries are found by {self.derivatives} derivatives, one for all {self.words} of a colour"


def compression(pattern: Pattern, modes: Sequence[str], *, symmetric: bool = False) -> Compression | None:
    """The cheapest way to the entries; ``None`` if colours save too little beside whole columns or rows.

    Args:
        pattern: Where the Jacobian has entries.
        modes: The modes that there are, ``"forward"`` or ``"reverse"``.
        symmetric: Whether it is a Hessian.
    """
    if not pattern.nnz:
        return None
    most = COLOURS_SAVE * min(pattern.shape)
    found: list[Compression] = []
    for mode in modes:
        own = pattern if mode == "forward" else pattern.T
        if not _worth_colouring(own, most):
            continue
        colours = column_colours(own)
        across, along = (pattern.cols, pattern.rows) if mode == "forward" else (pattern.rows, pattern.cols)
        found.append(Compression(mode, colours, colours[across], along, "columns" if mode == "forward" else "rows"))
    if symmetric and modes and (stars := star_compression(pattern, modes[0])) is not None:
        found.append(stars)
    best = min(found, key=lambda c: c.derivatives, default=None)
    return best if best is not None and best.derivatives <= most else None


def star_compression(pattern: Pattern, mode: str) -> Compression | None:
    """By stars of a symmetric pattern; ``None`` if it is none, or too large."""
    counts = np.diff(pattern.indptr).astype(np.int64)
    if pattern != pattern.T or int((counts**3).sum()) > STARS_LIMIT:
        return None
    colours = star_colours(pattern)
    rows, columns = pattern.rows, pattern.cols
    keys = rows.astype(np.int64) * (int(colours.max()) + 1) + colours[columns]
    _, inverse, repeats = np.unique(keys, return_inverse=True, return_counts=True)
    alone = repeats[inverse] == 1
    # What does not stand alone in its row does so in its column, where it is read instead.
    derivative = np.where(alone, colours[columns], colours[rows])
    place = np.where(alone, rows, columns)
    return Compression(mode, colours, derivative, place, "columns (symmetric)")


def _worth_colouring(pattern: Pattern, most: float) -> bool:
    """Not if the fullest row alone needs too many colours, or to compare the columns takes seconds."""
    counts = np.diff(pattern.indptr).astype(np.int64)
    return int(counts.max(initial=0)) <= most and int((counts**2).sum()) <= COMPARED_LIMIT
