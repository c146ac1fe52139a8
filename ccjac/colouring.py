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


def star_colours(pattern: Pattern) -> np.ndarray:
    """``[columns]`` colours of a symmetric matrix from 0 on: neighbours differ, and paths of four have three colours.

    Then of every two entries that mirror each other one stands alone among its row's entries of a colour, so that one
    derivative per colour yields both.  Often half as many colours are enough as for columns.  Greedy, columns with many
    entries first (Gebremedhin, Manne and Pothen, SIAM Review 47, 2005, algorithm 4.1).
    """
    indptr, cols = pattern.indptr.tolist(), pattern.cols.tolist()
    near = [[c for c in cols[indptr[k] : indptr[k + 1]] if c != k] for k in range(pattern.shape[0])]
    colour = [-1] * len(near)
    for v in sorted(range(len(near)), key=lambda k: -len(near[k])):
        taken: set[int] = set()
        for w in near[v]:
            own = colour[w]
            if own >= 0:
                taken.add(own)
            for x in near[w]:
                if x == v or colour[x] < 0:
                    continue
                # A path v, w, x, y may not alternate between two colours.
                if own < 0 or any(y != w and colour[y] == own for y in near[x]):
                    taken.add(colour[x])
        colour[v] = next(k for k in range(len(taken) + 1) if k not in taken)
    return np.array(colour, np.int64)
