"""Learned rules in compiled code, on bit rows; see :mod:`.linear` for what they add up."""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

import math

import numpy as np

from ..states.bits_numba import ONE, bit_count, eliminate, fill_mask, lowest_bit, pair_price, price
from ..states.measures_numba import (
    DAMAGE,
    DEPTH,
    HEIGHT,
    INPUTS,
    MEASURES,
    N_IN,
    N_OUT,
    OUTPUTS,
    REACH_IN,
    REACH_OUT,
    RISE,
    UNIT_IN,
    UNIT_OUT,
    measure,
)
from ..toolkit.compiled import compiled
from .heap_numba import pop, sift


@compiled
def signed_log(x):
    """Logarithm of 1 + abs(x), with the sign of x."""
    return math.log1p(x) if x >= 0 else -math.log1p(-x)


@compiled
def local_score(m, pair, weights):
    """The part of a vertex's score that changes, from its measures."""
    n_in, n_out = m[N_IN], m[N_OUT]
    own = pair_price(n_in - m[UNIT_IN], m[UNIT_IN], n_out - m[UNIT_OUT], m[UNIT_OUT], pair)
    mixed = weights[0] * own + weights[1] * m[DAMAGE] + weights[2] * (n_in * n_out) + weights[3] * m[RISE]
    ins, outs = max(n_in, 1), max(n_out, 1)
    total = signed_log(mixed)
    total += weights[4] * math.log(ins) + weights[5] * math.log(outs)
    total += weights[6] * (m[INPUTS] / ins) + weights[7] * (m[OUTPUTS] / outs)
    total += weights[8] * (ins == 1) + weights[9] * (outs == 1)
    total += weights[10] * (m[UNIT_IN] / ins) + weights[11] * (m[UNIT_OUT] / outs)
    total += weights[12] * math.log1p(own)
    total += weights[13] * signed_log(m[DAMAGE]) + weights[14] * signed_log(m[RISE])
    return total


@compiled
def fixed_scores(fixed, place, weights):
    """``[n]``: the part of every vertex's score that stays, from its statics and its place in the evaluation order."""
    n = fixed.shape[0]
    scores = np.empty(n, np.float64)
    for v in range(n):
        total = weights[15] * math.log1p(fixed[v, REACH_IN]) + weights[16] * math.log1p(fixed[v, REACH_OUT])
        total += weights[17] * (place[v] / max(n - 1, 1))
        total += weights[18] * math.log1p(fixed[v, DEPTH]) + weights[19] * math.log1p(fixed[v, HEIGHT])
        total += weights[20] * (fixed[v, DEPTH] / (fixed[v, DEPTH] + fixed[v, HEIGHT]))
        scores[v] = total
    return scores


@compiled
def degrees(rows, v):
    """Number of neighbours, by row."""
    total = 0
    for w in range(rows.shape[2]):
        total += np.int64(bit_count(rows[0, v, w])) + np.int64(bit_count(rows[1, v, w]))
    return total


@compiled
def apply(rows, pair, units, fixed, place, weights, hub, limit):
    """The order of a learned rule and its cost, cut short where it reaches ``limit``.

    Args:
        rows: ``[4, n, n_words]``; see :class:`..states.bits.Packed`.
        pair, units: The cost model.
        fixed: ``[n, 4]`` from :func:`..states.measures_numba.statics`.
        place: ``[n]`` the place of every vertex in the evaluation order.
        weights: ``[21]``.
        hub: Neighbours of a vertex with more neighbours are not rescored.
        limit: In the cost model's unit.
    """
    n = rows.shape[1]
    rows = rows.copy()
    keep, near = np.zeros((n + 63) // 64, np.uint64), np.zeros((n + 63) // 64, np.uint64)
    stale = np.zeros((n + 63) // 64, np.uint64)
    fill_mask(keep, np.arange(n))
    unchanging = fixed_scores(fixed, place, weights)
    m = np.zeros(MEASURES, np.int64)
    key = np.zeros(n, np.float64)
    heap, position = np.empty(n, np.int64), np.empty(n, np.int64)
    for v in range(n):
        measure(rows, v, pair, units, m)
        key[v] = local_score(m, pair, weights) + unchanging[v]
        heap[v], position[v] = v, v
        sift(heap, position, key, -1, v + 1, v)
    order = np.empty(n, np.int64)
    done = total = 0
    while done < n:
        v = heap[0]
        pop(heap, position, key, -1, n - done)
        order[done] = v
        done += 1
        total += price(rows, v, pair, units)
        if total >= limit:
            break
        keep[v >> 6] &= ~(ONE << np.uint64(v & 63))
        for w in range(keep.shape[0]):
            near[w] = stale[w] = (rows[0, v, w] | rows[1, v, w]) & keep[w]
        eliminate(rows, v, keep, units)
        for w in range(keep.shape[0]):
            bits = near[w]
            while bits:
                u = w * 64 + np.int64(lowest_bit(bits))
                bits &= bits - ONE
                if degrees(rows, u) <= hub:
                    for q in range(keep.shape[0]):
                        stale[q] |= (rows[0, u, q] | rows[1, u, q]) & keep[q]
        for w in range(keep.shape[0]):
            bits = stale[w]
            while bits:
                u = w * 64 + np.int64(lowest_bit(bits))
                bits &= bits - ONE
                measure(rows, u, pair, units, m)
                now = local_score(m, pair, weights) + unchanging[u]
                if now != key[u]:
                    key[u] = now
                    sift(heap, position, key, -1, n - done, u)
    return order[:done], total
