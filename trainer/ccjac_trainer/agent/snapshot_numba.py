"""A position of the game as the network sees it, read off bit rows."""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

import numpy as np

from ccjac.ordering.states.bits_numba import ONE, eliminate, fill_mask, has_bit, lowest_bit
from ccjac.ordering.states.measures_numba import inner_bits, measure
from ccjac.ordering.toolkit.compiled import compiled

EDGE, UNIT = 1, 2
"""Bits of an entry of a table of edges."""


@compiled
def snapshot(rows, left, pair, units, number, measures, edges):
    """Describe the vertices ``left`` ``[k]`` and the edges among them.

    ``number`` ``[n]`` is scratch.  ``measures`` ``[>= k, 8]`` and ``edges`` ``[>= k, >= k]`` uint8 (source, target)
    receive the result; ``edges`` must be zero before.
    """
    n = rows.shape[1]
    for i in range(left.shape[0]):
        number[left[i]] = i
    for i in range(left.shape[0]):
        v = left[i]
        measure(rows, v, pair, units, measures[i])
        for w in range((n + 63) // 64):
            bits = rows[1, v, w] & inner_bits(w, n)
            while bits:
                u = w * 64 + np.int64(lowest_bit(bits))
                bits &= bits - ONE
                code = EDGE
                if units and has_bit(rows[3, v], u):
                    code |= UNIT
                edges[i, number[u]] = code


@compiled
def advance(rows, order, units):
    """Eliminate the vertices of ``order``; ``rows`` changes."""
    keep = np.zeros((rows.shape[1] + 63) // 64, np.uint64)
    fill_mask(keep, np.arange(rows.shape[1]))
    for v in order:
        eliminate(rows, v, keep, units)


@compiled
def measure_boards(rows, alive, pair, units, measures):
    """Measures ``[B, n, 8]`` of the vertices that are ``alive`` ``[B, n]`` in ``rows`` ``[B, 4, n, n_words]``."""
    for b in range(rows.shape[0]):
        for v in range(rows.shape[2]):
            if alive[b, v]:
                measure(rows[b], v, pair[b], units, measures[b, v])
