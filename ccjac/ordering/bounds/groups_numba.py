"""The compiled part of :mod:`ccjac.ordering.bounds.groups`."""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

import numpy as np

from ..states.bits_numba import ONE, eliminate_logged, fill_mask, lowest_bit, undo
from ..toolkit.compiled import compiled
from .flow_numba import flow_buffers, least_price, ways

FAR = np.int64(1) << 60


@compiled
def ancestors(rows, members):
    """``[m]`` bit sets: which of ``members`` reach each of them.  Members are numbered in evaluation order."""
    n, m = rows.shape[1], members.shape[0]
    place = np.full(n, -1, np.int64)
    for j in range(m):
        place[members[j]] = j
    reach = np.zeros(n, np.int64)
    for v in range(n):
        for w in range((n + 63) // 64):
            bits = rows[0, v, w]
            while bits:
                u = w * 64 + np.int64(lowest_bit(bits))
                bits &= bits - ONE
                if u < n:
                    reach[v] |= reach[u]
                    if place[u] >= 0:
                        reach[v] |= np.int64(1) << place[u]
    found = np.empty(m, np.int64)
    for j in range(m):
        found[j] = reach[members[j]]
    return found


@compiled
def side_ways(rows, side, j, members, before, units, kappa, gamma):
    """Tabulate κ and γ of member ``j`` on one ``side`` for every set of the members ``before`` that is eliminated.

    ``before`` lists those members that lie on that side of it.  Bit b of an index stands for ``before[b]``; members of
    ``before`` that are not eliminated count as inputs or outputs, since no path runs through them.  ``rows`` is changed
    on the way and left as it was.
    """
    n, k = rows.shape[1], before.shape[0]
    keep, ends = np.zeros((n + 63) // 64, np.uint64), np.zeros((n + 63) // 64, np.uint64)
    fill_mask(keep, np.arange(n))
    for b in range(k):
        ends[members[before[b]] >> 6] |= ONE << np.uint64(members[before[b]] & 63)
    buffers = flow_buffers(rows.shape[2])
    touched, sweep = np.zeros((2, n), np.int64), 0
    log = np.empty(2 * n * (k + 1), np.int64)
    saved = np.empty((2 * n * (k + 1), 2, rows.shape[2]), np.uint64)
    n_saved = np.zeros(k + 2, np.int64)  # rows saved before each depth
    chosen = np.zeros(k + 1, np.int64)  # what is eliminated to get to each depth, as an index of `before`
    upcoming = np.zeros(k + 1, np.int64)
    depth, index, fresh = 0, 0, True
    while True:
        if fresh:
            kappa[index], gamma[index] = ways(rows, side, members[j], ends, n, units, buffers)
            fresh = False
        if upcoming[depth] < k:
            b = upcoming[depth]
            upcoming[depth] += 1
            v = members[before[b]]
            sweep += 1
            depth += 1
            n_saved[depth + 1] = eliminate_logged(rows, v, keep, units, touched, sweep, log, saved, n_saved[depth])
            chosen[depth], upcoming[depth] = b, b + 1
            index |= 1 << b
            ends[v >> 6] ^= ONE << np.uint64(v & 63)
            fresh = True
        elif depth == 0:
            return
        else:
            undo(rows, units, log, saved, n_saved[depth], n_saved[depth + 1])
            v = members[before[chosen[depth]]]
            index ^= 1 << chosen[depth]
            ends[v >> 6] ^= ONE << np.uint64(v & 63)
            depth -= 1


@compiled
def compress(subset, mask):
    """The bits of ``subset`` at the places of ``mask``, moved together."""
    out, b = 0, 0
    while mask:
        low = mask & -mask
        if subset & low:
            out |= 1 << b
        b += 1
        mask ^= low
    return out


_CHUNK = 10
"""Bits of a set of members that are compressed at once; three chunks allow groups of 30."""


@compiled
def _compression(mask, m):
    """Tables ``[3, 2**10]`` with which a subset of up to 30 members is compressed chunk by chunk."""
    table = np.zeros((3, 1 << _CHUNK), np.int64)
    shift = 0
    for c in range(3):
        part = (mask >> (c * _CHUNK)) & ((1 << _CHUNK) - 1)
        for x in range(1 << min(_CHUNK, max(0, m - c * _CHUNK))):
            table[c, x] = compress(x, part) << shift
        while part:
            shift += 1
            part &= part - 1
    return table


@compiled
def tabulate(rows, members, units):
    """Everything about a group that does not depend on weights.

    Returns:
        ``sides`` ``[2, m]``: bit sets of the members before and behind each member.
        ``offsets`` ``[2, m + 1]``: where each member's part of the next two arrays begins.
        ``kappa``, ``gamma`` ``[2, *]``: see :func:`side_ways`, one part after the other.
        ``compression`` ``[2, m, 3, 1024]``: index of a set of members in a member's part, a chunk of the set at a time.
    """
    m = members.shape[0]
    sides, offsets = np.zeros((2, m), np.int64), np.zeros((2, m + 1), np.int64)
    above = ancestors(rows, members)
    for j in range(m):
        sides[0, j] = above[j]
        for i in range(m):
            if (above[i] >> j) & 1:
                sides[1, j] |= np.int64(1) << i
    for side in range(2):
        for j in range(m):
            size, x = 1, sides[side, j]
            while x:
                size *= 2
                x &= x - 1
            offsets[side, j + 1] = offsets[side, j] + size
    kappa = np.zeros((2, max(offsets[0, m], offsets[1, m])), np.int16)
    gamma = np.zeros_like(kappa)
    compression = np.empty((2, m, 3, 1 << _CHUNK), np.int32)
    before = np.empty(m, np.int64)
    for side in range(2):
        for j in range(m):
            k = 0
            for i in range(m):
                if (sides[side, j] >> i) & 1:
                    before[k] = i
                    k += 1
            low, high = offsets[side, j], offsets[side, j + 1]
            side_ways(rows, side, j, members, before[:k], units, kappa[side, low:high], gamma[side, low:high])
            compression[side, j] = _compression(sides[side, j], m)
    return sides, offsets, kappa, gamma, compression


@compiled
def member_price(tables, j, gone, pair):
    """The least price of member ``j`` when the members ``gone``, and no others, were eliminated before it."""
    _, offsets, kappa, gamma, compression = tables
    chunk = (1 << _CHUNK) - 1
    a, b, c = gone & chunk, (gone >> _CHUNK) & chunk, gone >> (2 * _CHUNK)
    x = offsets[0, j] + (compression[0, j, 0, a] | compression[0, j, 1, b] | compression[0, j, 2, c])
    y = offsets[1, j] + (compression[1, j, 0, a] | compression[1, j, 1, b] | compression[1, j, 2, c])
    return least_price(np.int64(gamma[0, x]), np.int64(kappa[0, x]), np.int64(gamma[1, y]), np.int64(kappa[1, y]), pair)


@compiled
def cheapest_rest(tables, weights, pair, rest):
    """Fill ``rest`` (``[2**m]``): the least weighted price of the members that are not in a set, all orders considered.

    ``weights`` is ``[m]`` int64.  Returns ``rest[0]``.
    """
    m = weights.shape[0]
    everyone = (1 << m) - 1
    rest[everyone] = 0
    for gone in range(everyone - 1, -1, -1):
        best = FAR
        for j in range(m):
            if (gone >> j) & 1:
                continue
            after = rest[gone | (1 << j)]
            if after < best:
                if weights[j] > 0:
                    after += weights[j] * member_price(tables, j, gone, pair)
                best = min(best, after)
        rest[gone] = best
    return rest[0]


@compiled
def cheapest_order(tables, weights, pair, rest, prices):
    """After :func:`cheapest_rest`: one order that attains it; ``prices`` receives what each member pays in it."""
    m = weights.shape[0]
    gone = 0
    order = np.empty(m, np.int64)
    for k in range(m):
        for j in range(m):
            if (gone >> j) & 1:
                continue
            now = member_price(tables, j, gone, pair)
            if weights[j] * now + rest[gone | (1 << j)] == rest[gone]:
                order[k], prices[j] = j, now
                gone |= 1 << j
                break
    return order
