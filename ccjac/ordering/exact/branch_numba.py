"""The compiled part of :mod:`ccjac.ordering.exact.branch`: depth-first search over sets below a threshold."""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

import numpy as np

from ..states.bits_numba import ONE, ZERO, eliminate_logged, fill_mask, price, undo
from ..toolkit.compiled import compiled

EXHAUSTED, FOUND, OUT_OF_NODES = 0, 1, 2


@compiled
def new_stack(n, n_words, n_groups):
    """Memory of a search, so that it can stop after some nodes and go on later."""
    z = (n + 63) // 64
    return (
        np.zeros(3, np.int64),  # depth, whether the node there is new, stamp of saved rows
        np.zeros((n + 1, z), np.uint64),  # gone
        np.zeros((n + 1, z), np.uint64),  # asleep
        np.zeros(n + 1, np.int64),  # paid
        np.zeros(n + 1, np.int64),  # still to pay at least
        np.zeros((n + 1, n), np.int64),  # children
        np.zeros((n + 1, n), np.int64),  # their sums of paid and still to pay
        np.zeros((n + 1, 2), np.int64),  # number of children, next child
        np.zeros(n + 2, np.int64),  # rows saved before each depth
        np.zeros((2, n), np.int64),  # touched
        np.empty(2 * n * (n + 1), np.int64),  # log
        np.empty((2 * n * (n + 1), 2, n_words), np.uint64),  # saved
        np.zeros(n_groups, np.int64),  # what is gone of each group
    )


@compiled
def _slot(table_keys, gone):
    x = np.uint64(0x9E3779B97F4A7C15)
    for w in range(gone.shape[0]):
        x = (x ^ gone[w]) * np.uint64(0xD6E8FEB86659FD93)
        x ^= x >> np.uint64(32)
    return np.int64(x & np.uint64(table_keys.shape[0] - 1))


@compiled
def _known(table, gone, asleep, paid):
    """Whether this set was searched before at no higher price and with no fewer moves; if not, it is noted."""
    keys, sleepers, prices = table
    slot = _slot(keys, gone)
    same, covered = prices[slot] >= 0, True
    for w in range(gone.shape[0]):
        same &= keys[slot, w] == gone[w]
        covered &= (sleepers[slot, w] & ~asleep[w]) == ZERO
    if same and covered and prices[slot] <= paid:
        return True
    for w in range(gone.shape[0]):
        keys[slot, w], sleepers[slot, w] = gone[w], asleep[w]
    prices[slot] = paid
    return False


@compiled
def _alone(rows, v, keep):
    met = ZERO
    for w in range(keep.shape[0]):
        met |= (rows[0, v, w] | rows[1, v, w]) & keep[w]
    return met == ZERO


@compiled
def below(rows, pair, units, threshold, groups, stack, table, order, budget):
    """Search on for an order that costs at most ``threshold``.

    Args:
        rows: The state at the present depth of ``stack``; changed along with it.
        pair, units: The prices.
        threshold: Cost that an order may have.
        groups: ``(group_of [n], bit_of [n], offset_of [groups], rest [*])``: the tables of disjoint groups.
        stack: From :func:`new_stack`.
        table: ``(keys [2**k, words], sleepers, prices [2**k])`` of sets met before; prices begin at -1.
        order: ``[n]``: receives the order found.
        budget: Nodes to visit.

    A child is *asleep* if an earlier sibling of an ancestor eliminated the same vertex and nothing adjacent to it was
    eliminated since: the two orders commute, so that subtree is known (reduction S7; sleep sets, Godefroid 1996).
    """
    group_of, bit_of, offset_of, rest = groups
    head, gone, asleep, paid, still, children, _, counts, n_saved, touched, log, saved, inside = stack
    n = rows.shape[1]
    keep = np.zeros(gone.shape[1], np.uint64)
    fill_mask(keep, np.arange(n))
    while budget > 0:
        depth = head[0]
        if head[1]:
            head[1] = 0
            budget -= 1
            counts[depth, 0] = counts[depth, 1] = 0
            if depth == n:
                return FOUND
            if not _known(table, gone[depth], asleep[depth], paid[depth]):
                _expand(rows, pair, units, threshold, groups, stack, keep)
        if counts[depth, 1] < counts[depth, 0]:
            v = children[depth, counts[depth, 1]]
            here, bit = v >> 6, ONE << np.uint64(v & 63)
            group = group_of[v]
            before = rest[offset_of[group] + inside[group]]
            inside[group] |= bit_of[v]
            after = rest[offset_of[group] + inside[group]]
            paid[depth + 1] = paid[depth] + price(rows, v, pair, units)
            still[depth + 1] = still[depth] - before + after
            for w in range(keep.shape[0]):
                gone[depth + 1, w] = gone[depth, w]
                asleep[depth + 1, w] = asleep[depth, w] & ~(rows[0, v, w] | rows[1, v, w])
            gone[depth + 1, here] |= bit
            asleep[depth + 1, here] &= ~bit
            # Behind the present child, this one need not be tried again until something next to it is gone.
            asleep[depth, here] |= bit
            counts[depth, 1] += 1
            order[depth] = v
            head[2] += 1
            n_saved[depth + 2] = eliminate_logged(
                rows, v, keep, units, touched, head[2], log, saved, n_saved[depth + 1]
            )
            head[0], head[1] = depth + 1, 1
        elif depth == 0:
            return EXHAUSTED
        else:
            undo(rows, units, log, saved, n_saved[depth], n_saved[depth + 1])
            v = order[depth - 1]
            inside[group_of[v]] ^= bit_of[v]
            head[0] = depth - 1
    return OUT_OF_NODES


@compiled
def _expand(rows, pair, units, threshold, groups, stack, keep):
    """List the children of the present node that may lead below the threshold, the most promising first."""
    group_of, bit_of, offset_of, rest = groups
    head, gone, asleep, paid, still, children, sums, counts, _, _, _, _, inside = stack
    n, depth = rows.shape[1], head[0]
    k = 0
    for v in range(n):
        w, bit = v >> 6, ONE << np.uint64(v & 63)
        if (gone[depth, w] | asleep[depth, w]) & bit:
            continue
        group = group_of[v]
        change = rest[offset_of[group] + (inside[group] | bit_of[v])] - rest[offset_of[group] + inside[group]]
        total = paid[depth] + price(rows, v, pair, units) + still[depth] + change
        if total > threshold:
            # Every order that goes on with it is too dear; so is every one that puts commuting vertices before it.
            asleep[depth, w] |= bit
            continue
        if _alone(rows, v, keep):  # nothing will change its price any more (reduction S2)
            children[depth, 0], sums[depth, 0] = v, total
            counts[depth, 0] = 1
            return
        at = k
        while at > 0 and sums[depth, at - 1] > total:
            children[depth, at], sums[depth, at] = children[depth, at - 1], sums[depth, at - 1]
            at -= 1
        children[depth, at], sums[depth, at] = v, total
        k += 1
    counts[depth, 0] = k
