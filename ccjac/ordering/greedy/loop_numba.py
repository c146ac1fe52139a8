"""The greedy rules of :mod:`.greedy` in compiled code, for graphs with tens of thousands of vertices.

Loading numba takes longer than all rules on a graph of a thousand vertices, so :mod:`.features` does without.  On
large graphs with much fill-in its dictionaries take up to fourteen times as long as the rows of :mod:`.pool_numba`.
Both follow the same definitions and give the same orders, which the tests compare.
"""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

import numpy as np

from ..states.bits_numba import pair_price
from ..states.pool_numba import (
    COUNT,
    LENGTH,
    START,
    UNITS,
    build,
    clear_marks,
    eliminate,
    entries,
    price,
    set_marks,
    shared,
    shared_units,
    shorter_side,
)
from ..toolkit.compiled import compiled
from .heap_numba import pop, sift


@compiled
def replay(n, edges, unit_edges, pair, order, limit):
    """What ``order`` costs; some number from ``limit`` on if it costs that much."""
    data, rows = build(n, edges, unit_edges)
    mark, seen = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    nothing, changed = np.zeros(0, np.int64), [np.int64(0) for _ in range(0)]
    total = 0
    for v in order:
        total += price(rows, v, pair)
        if total >= limit:
            break
        data = eliminate(data, rows, v, mark, seen, nothing, changed)
    return total


@compiled
def apply(n, edges, unit_edges, pair, inner, weights, reach, hub, sign, limit):
    """The order of a rule and its cost, cut short where it reaches ``limit``.

    Args:
        n, edges, unit_edges: The graph without dead vertices; see :func:`.pool_numba.build`.
        pair: ``[3]`` prices.
        inner: The vertices to eliminate.
        weights: ``[5]`` degree, reach, fill, damage, and whether degree and damage are priced.
        reach: ``[n]``, or anything if its weight is 0.
        hub: A vertex with more neighbours is rescored late if damage counts.
        sign: -1 if ties go to the highest number, 1 for the lowest.
        limit: In the cost model's unit.
    """
    data, rows = build(n, edges, unit_edges)
    mark, seen = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    waiting, stale = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    fills, damages = weights[2] != 0, weights[3] != 0
    closed = np.zeros(n if fills else 0, np.int64)
    if fills:
        for v in inner:
            closed[v] = _closed(data, rows, v, mark)
    key = np.zeros(n, np.int64)
    heap, place = np.empty(n, np.int64), np.empty(n, np.int64)
    size = 0
    for v in inner:
        waiting[v] = True
        key[v] = _score(data, rows, v, pair, weights, reach, closed, mark)
        heap[size], place[v] = v, size
        size += 1
        sift(heap, place, key, sign, size, v)
    order = np.empty(inner.shape[0], np.int64)
    done = total = 0
    changed = [np.int64(0) for _ in range(0)]
    while size:
        v = heap[0]
        if damages and _near_hub(data, rows, v, hub, mark):
            k = key[v]
            key[v] = _score(data, rows, v, pair, weights, reach, closed, mark)
            if key[v] > k:
                sift(heap, place, key, sign, size, v)
                continue
        pop(heap, place, key, sign, size)
        size -= 1
        waiting[v] = False
        order[done] = v
        done += 1
        total += price(rows, v, pair)
        if total >= limit:
            break
        near = np.concatenate((entries(data, rows, v, mark), entries(data, rows, n + v, mark))) >> 1
        data = eliminate(data, rows, v, mark, seen, closed, changed)
        for u in near:
            if not waiting[u]:
                continue
            changed.append(np.int64(u))
            if damages and not _is_hub(rows, u, hub):
                for row in (u, n + u):
                    for e in entries(data, rows, row, mark):
                        changed.append(np.int64(e >> 1))
        # Each once; scores are taken at the end, when nothing changes any more.
        kept = 0
        for u in changed:
            if waiting[u] and not stale[u] and not (damages and _is_hub(rows, u, hub)):
                stale[u] = True
                changed[kept] = u
                kept += 1
        for i in range(kept):
            u = changed[i]
            stale[u] = False
            now = _score(data, rows, u, pair, weights, reach, closed, mark)
            if now != key[u]:
                key[u] = now
                sift(heap, place, key, sign, size, u)
        changed.clear()
    return order[:done], total


@compiled
def _score(data, rows, v, pair, weights, reach, closed, mark):
    """The weighted sum of the features."""
    degree_weight, reach_weight, fill_weight, damage_weight, priced = weights
    n = rows.shape[0] // 2
    total = 0
    if degree_weight:
        total += degree_weight * (price(rows, v, pair) if priced else rows[v, COUNT] * rows[n + v, COUNT])
    if reach_weight:
        total += reach_weight * reach[v]
    if fill_weight:
        total += fill_weight * (rows[v, COUNT] * rows[n + v, COUNT] - closed[v])
    if damage_weight:
        total += damage_weight * _damage(data, rows, v, pair, priced, mark)
    return total


@compiled
def _closed(data, rows, v, mark):
    """The number of pairs around ``v`` that have an edge."""
    n = rows.shape[0] // 2
    preds, succs = entries(data, rows, v, mark), entries(data, rows, n + v, mark)
    side = shorter_side(rows, preds, succs)
    inner, outer = (preds, succs) if side == 0 else (succs, preds)
    total = 0
    set_marks(mark, inner)
    for e in outer:
        total += shared(data, rows, side * n + (e >> 1), mark)
    clear_marks(mark, inner)
    return total


@compiled
def _overlap(data, rows, side, u, added, added_length, mark):
    """How many of the marked ``added`` are in the row of ``u`` on ``side``; the same as :func:`shared_units`.

    ``added_length`` is how long their own rows towards ``u`` are in sum; if ``u`` is a hub, they are looked through.
    """
    n = rows.shape[0] // 2
    if rows[side * n + u, LENGTH] <= added_length:
        return shared_units(data, rows, side * n + u, mark)
    total = marked = own = 0
    for i in range(added.shape[0]):
        row = (1 - side) * n + (added[i] >> 1)
        for j in range(rows[row, START], rows[row, START] + rows[row, LENGTH]):
            if data[j] >> 1 == u:
                total += 1
                marked += added[i] & 1
                own += data[j] & 1
                break
    return total, marked, own


@compiled
def _damage(data, rows, v, pair, priced, mark):
    """By how much the neighbours' degrees, or prices, rise in sum."""
    n = rows.shape[0] // 2
    total = 0
    for side in range(2):
        near, added = entries(data, rows, (1 - side) * n + v, mark), entries(data, rows, side * n + v, mark)
        set_marks(mark, added)
        added_length = 0
        for i in range(added.shape[0]):
            added_length += rows[(1 - side) * n + (added[i] >> 1), LENGTH]
        for i in range(near.shape[0]):
            u, unit = near[i] >> 1, near[i] & 1
            far_row, row = (1 - side) * n + u, side * n + u
            far = rows[far_row, COUNT]
            # Inputs have no in-edges and outputs no out-edges: their degree stays 0.
            if not far:
                continue
            present, marked, joined = _overlap(data, rows, side, u, added, added_length, mark)
            new = added.shape[0] - 1 - present
            if not priced:
                total += far * new
                continue
            # A new edge is a unit edge if both of its factors are; a sum of two edges is none.
            far_units, before = rows[far_row, UNITS], rows[row, UNITS]
            units = before + (rows[side * n + v, UNITS] - marked) * unit - joined - unit
            total += pair_price(far - far_units, far_units, rows[row, COUNT] + new - units, units, pair)
            total -= pair_price(far - far_units, far_units, rows[row, COUNT] - before, before, pair)
        clear_marks(mark, added)
    return total


@compiled
def _is_hub(rows, v, hub):
    n = rows.shape[0] // 2
    return rows[v, COUNT] + rows[n + v, COUNT] > hub


@compiled
def _near_hub(data, rows, v, hub, mark):
    """Whether the vertex or a neighbour is a hub."""
    if _is_hub(rows, v, hub):
        return True
    n = rows.shape[0] // 2
    for row in (v, n + v):
        for e in entries(data, rows, row, mark):
            if _is_hub(rows, e >> 1, hub):
                return True
    return False
