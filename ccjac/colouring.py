"""Columns of a sparse Jacobian that can share one derivative: the compression of Curtis, Powell and Reid (1974)."""

from __future__ import annotations

import numpy as np

from .pattern import Pattern


def column_colours(pattern: Pattern) -> np.ndarray:
    """``[columns]`` colours from 0 on, such that columns of one colour have no row in common.

    Greedy, columns with many entries first (Coleman and Moré, 1983); as many colours as the fullest row has entries
    are always necessary.
    """
    by_column = pattern.T
    rows, starts = by_column.cols, by_column.indptr
    colours = np.full(pattern.shape[1], -1, np.int64)
    indptr, cols = pattern.indptr, pattern.cols
    degrees = np.diff(starts)
    for column in np.argsort(-degrees, kind="stable").tolist():
        own = rows[starts[column] : starts[column + 1]]
        near = [colours[cols[indptr[row] : indptr[row + 1]]] for row in own.tolist()]
        taken = np.unique(np.concatenate(near)) if near else colours[:0]
        taken = taken[taken >= 0]
        # The first number that is missing.
        gaps = np.flatnonzero(taken != np.arange(taken.size))
        colours[column] = gaps[0] if gaps.size else taken.size
    return colours
