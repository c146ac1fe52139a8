"""What a rule or a network looks at, counted on bit rows: integers about one vertex in the present graph.

The columns of a row of measures are named below.  *Damage* is by how much a vertex's elimination raises the prices of
its neighbours in sum, *rise* the same for their degrees, every pair counted.
"""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

import numpy as np

from ..toolkit.compiled import compiled
from .bits_numba import ONE, ZERO, bit_count, has_bit, lowest_bit, pair_price

N_IN, N_OUT, UNIT_IN, UNIT_OUT, INPUTS, OUTPUTS, DAMAGE, RISE = range(8)
MEASURES = 8

REACH_IN, REACH_OUT, DEPTH, HEIGHT = range(4)
STATICS = 4


@compiled
def measure(rows, v, pair, units, out):
    """Write the measures of vertex ``v`` to ``out`` ``[8]`` int64.

    Args:
        rows: ``[4, n, n_words]``; see :mod:`.bits_numba`.
        v: A vertex that is not eliminated.
        pair, units: The cost model.
        out: Receives in- and out-degree, how many of these edges are unit edges, how many neighbours are inputs and
            outputs, damage and rise.
    """
    n, n_words = rows.shape[1], rows.shape[2]
    out[:] = 0
    for w in range(n_words):
        inner = inner_bits(w, n)
        ins, outs = rows[0, v, w], rows[1, v, w]
        out[N_IN] += np.int64(bit_count(ins))
        out[N_OUT] += np.int64(bit_count(outs))
        out[INPUTS] += np.int64(bit_count(ins & ~inner))
        out[OUTPUTS] += np.int64(bit_count(outs & ~inner))
        if units:
            out[UNIT_IN] += np.int64(bit_count(rows[2, v, w]))
            out[UNIT_OUT] += np.int64(bit_count(rows[3, v, w]))
    for side in range(2):
        other = 1 - side
        own, own_units = out[N_OUT - side], out[UNIT_OUT - side]
        for w in range((n + 63) // 64):
            bits = rows[side, v, w] & inner_bits(w, n)
            while bits:
                u = w * 64 + np.int64(lowest_bit(bits))
                bits &= bits - ONE
                _add_neighbour(rows, u, v, side, other, own, own_units, pair, units, out)


@compiled
def inner_bits(w, n):
    """The bits of word ``w`` that stand for vertices, not for inputs or outputs."""
    if w * 64 + 64 <= n:
        return ~ZERO
    if w * 64 >= n:
        return ZERO
    return (ONE << np.uint64(n - w * 64)) - ONE


@compiled
def _add_neighbour(rows, u, v, side, other, own, own_units, pair, units, out):
    """Add the damage to the neighbour ``u`` on ``side`` of ``v``: its row on the other side takes in that of v."""
    near = far = common = 0
    for w in range(rows.shape[2]):
        near += np.int64(bit_count(rows[other, u, w]))
        far += np.int64(bit_count(rows[side, u, w]))
        common += np.int64(bit_count(rows[other, u, w] & rows[other, v, w]))
    after = near - 1 + own - common
    out[RISE] += far * (after - near)
    if not units:
        out[DAMAGE] += pair[0] * far * (after - near)
        return
    near_units = far_units = lost = joined = 0
    for w in range(rows.shape[2]):
        near_units += np.int64(bit_count(rows[other + 2, u, w]))
        far_units += np.int64(bit_count(rows[side + 2, u, w]))
        lost += np.int64(bit_count(rows[other + 2, u, w] & rows[other, v, w]))
        joined += np.int64(bit_count(rows[other + 2, v, w] & ~rows[other, u, w]))
    # A product of unit edges is one, a sum of edges is none.
    unit = np.int64(has_bit(rows[side + 2, v], u))
    after_units = near_units - unit - lost + joined * unit
    out[DAMAGE] += pair_price(after - after_units, after_units, far - far_units, far_units, pair)
    out[DAMAGE] -= pair_price(near - near_units, near_units, far - far_units, far_units, pair)


@compiled
def statics(rows, order):
    """``[n, 4]`` int64: inputs that reach a vertex, outputs reached, longest paths from an input and to an output.

    ``rows`` is the graph before any elimination, ``order`` ``[n]`` a topological order of its vertices.
    """
    n, n_words = rows.shape[1], rows.shape[2]
    found = np.zeros((n, STATICS), np.int64)
    for side in range(2):
        reach = np.zeros((n, n_words), np.uint64)
        for k in range(n):
            v = order[k] if side == 0 else order[n - 1 - k]
            longest = 1
            for w in range(n_words):
                inner = inner_bits(w, n)
                bits = rows[side, v, w]
                reach[v, w] |= bits & ~inner
                bits &= inner
                while bits:
                    u = w * 64 + np.int64(lowest_bit(bits))
                    bits &= bits - ONE
                    longest = max(longest, found[u, DEPTH + side] + 1)
                    for q in range(n // 64, n_words):
                        reach[v, q] |= reach[u, q]
            found[v, DEPTH + side] = longest
            for w in range(n_words):
                found[v, REACH_IN + side] += np.int64(bit_count(reach[v, w]))
    return found
