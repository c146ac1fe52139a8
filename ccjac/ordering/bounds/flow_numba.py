"""Disjoint paths on bit rows: the compiled counterpart of :func:`ccjac.ordering.bounds.menger.menger_shares`."""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

import numpy as np

from ..states.bits_numba import ONE, lowest_bit, pair_price
from ..toolkit.compiled import compiled

UNUSED = np.int64(-1)


@compiled
def flow_buffers(n_words):
    """Scratch memory for :func:`disjoint_paths`."""
    bits = 64 * n_words
    return (
        np.empty(bits, np.int64),
        np.empty((2, bits), np.int64),
        np.empty(2 * bits, np.int64),
        np.empty(bits, np.int64),
    )


@compiled
def disjoint_paths(rows, side, v, general, ends, n, buffers):
    """The largest number of paths from ``v`` along ``side`` rows that end in inputs or outputs and share only ``v``.

    Args:
        rows: ``[4, n, n_words]`` uint64.
        side: 0 walks against, 1 along the edges.
        v: Where the paths begin.
        general: Whether their first edge must not be a unit edge.
        ends: ``[words of n]`` uint64: vertices that count as inputs and outputs.
        n: Bits from here on are inputs and outputs.
        buffers: From :func:`flow_buffers`.

    Vertices have capacity 1.  ``back[u]`` is the vertex before u on the path through u.  A search node ``2u`` means
    "arrived at u", ``2u + 1`` "the way of the path through u was undone, it needs another one".
    """
    back, came, stack, first = buffers
    n_words = rows.shape[2]
    back[:] = UNUSED
    found, n_first = 0, 0
    for w in range(n_words):
        bits = rows[side, v, w]
        if general:
            bits &= ~rows[side + 2, v, w]
        while bits:
            b = w * 64 + np.int64(lowest_bit(bits))
            bits &= bits - ONE
            if b >= n or (ends[b >> 6] >> np.uint64(b & 63)) & ONE:
                back[b] = v
                found += 1
            else:
                first[n_first] = b
                n_first += 1
    for k in range(n_first):
        if back[first[k]] == v:
            continue
        came[:] = -2
        came[0, first[k]] = -1
        stack[0] = 2 * first[k]
        height, last = 1, -1
        while height > 0 and last < 0:
            height -= 1
            node = stack[height]
            u = node >> 1
            if back[u] != UNUSED:
                # Undo the way into u: the vertex before it needs another way on.
                before = back[u]
                if before != v and came[1, before] == -2:
                    came[1, before] = node
                    stack[height] = 2 * before + 1
                    height += 1
                if node & 1 == 0:
                    continue
            for w in range(n_words):
                bits = rows[side, u, w]
                while bits:
                    b = w * 64 + np.int64(lowest_bit(bits))
                    bits &= bits - ONE
                    if came[0, b] != -2 or back[b] == u:
                        continue
                    came[0, b] = node
                    if back[b] == UNUSED and (b >= n or (ends[b >> 6] >> np.uint64(b & 63)) & ONE):
                        last = 2 * b
                        break
                    stack[height] = 2 * b
                    height += 1
                if last >= 0:
                    break
        if last >= 0:
            found += 1
            _flip(last, came, back, v)
    return found


@compiled
def _flip(last, came, back, v):
    """Add the augmenting path that ends in the search node ``last`` to the paths in ``back``."""
    node = last
    while True:
        before = came[node & 1, node >> 1]
        if before < 0:
            break
        if node & 1:
            back[before >> 1] = UNUSED
        node = before
    node = last
    while True:
        before = came[node & 1, node >> 1]
        if node & 1 == 0:
            back[node >> 1] = before >> 1 if before >= 0 else v
        if before < 0:
            break
        node = before


@compiled
def least_price(general_in, ways_in, general_out, ways_out, pair):
    """:func:`ccjac.ordering.bounds.menger.price`."""
    if pair[0] >= pair[1] and pair[1] >= pair[2] and pair[2] >= 0:
        return pair_price(general_in, ways_in - general_in, general_out, ways_out - general_out, pair)
    return max(0, min(pair[0], pair[1], pair[2])) * ways_in * ways_out


@compiled
def ways(rows, side, v, ends, n, units, buffers):
    """κ and γ of ``v`` on one side; γ equals κ where unit edges do not matter."""
    kappa = disjoint_paths(rows, side, v, False, ends, n, buffers)
    if not units:
        return kappa, kappa
    return kappa, disjoint_paths(rows, side, v, True, ends, n, buffers)
