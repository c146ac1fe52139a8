"""The compiled part of :mod:`ccjac.ordering.beam.searcher`: rank and merge one layer of states, build its children."""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

import numpy as np

from ..states.bits_numba import (
    ONE,
    ZERO,
    eliminate,
    fill_mask,
    has_bit,
    lowest_bit,
    next_random,
    price,
    price_without,
    random_below,
)
from ..toolkit.compiled import compiled

RANK, PAID, GUESS, STATE, VERTEX = 0, 1, 2, 3, 4
"""Columns of a child."""

_NOISE = 1 << 10


@compiled
def random_keys(n, random):
    """``[n]`` random words; the exclusive or of some of them stands for a set."""
    keys = np.empty(n, np.uint64)
    for v in range(n):
        keys[v] = next_random(random)
    return keys


@compiled
def _rise(rows, v, keep, pair, units):
    """By how much the prices of the neighbours of ``v`` rise in sum when it is eliminated."""
    rise = 0
    for side in range(2):
        for w in range(keep.shape[0]):
            bits = rows[side, v, w] & keep[w]
            while bits:
                u = w * 64 + np.int64(lowest_bit(bits))
                bits &= bits - ONE
                rise += price_without(rows, u, v, 1 - side, pair, units) - price(rows, u, pair, units)
    return rise


@compiled
def children(states, gone, paid, guess, first, last, weight, limit, pair, units, random, found, n_found):
    """List the children of the states ``first .. last-1`` as rows of ``found``; returns how many it holds then.

    ``gone`` is ``[states, words]``, ``paid`` and ``guess`` ``[states]``.  A child's guess is what its remaining
    vertices would pay at their present prices; its rank is ``4 paid + weight guess``, ties at random.  Children that
    paid ``limit`` are left out.
    """
    n = states.shape[2]
    keep = np.zeros(gone.shape[1], np.uint64)
    fill_mask(keep, np.arange(n))
    for s in range(first, last):
        for v in range(n):
            if has_bit(gone[s], v):
                continue
            own = price(states[s], v, pair, units)
            if paid[s] + own >= limit:
                continue
            rest = guess[s] - own + _rise(states[s], v, keep, pair, units)
            rank = (4 * (paid[s] + own) + weight * rest) * _NOISE + random_below(random, _NOISE)
            found[n_found, RANK], found[n_found, PAID], found[n_found, GUESS] = rank, paid[s] + own, rest
            found[n_found, STATE], found[n_found, VERTEX] = s, v
            n_found += 1
    return n_found


@compiled
def select(found, ranked, hashes, keys, gone, seen, chosen, new_hashes, new_gone):
    """Choose children with different sets in the order ``ranked`` until ``chosen`` is full; returns how many.

    Of children with the same set only the cheapest matters, because what follows depends on the set alone.  So an
    equal set replaces the chosen one if it paid less; their guesses are the same.

    Args:
        found: The children.
        ranked: ``[children]``: their numbers, the best first.
        hashes: ``[states]``: of a state's set the exclusive or of its members' ``keys`` ``[n]``.
        gone: ``[states, words]``: the sets.
        seen: ``[2**k]`` int64, more than the number of children: a hash table of chosen ones plus 1, all 0.
        chosen, new_hashes, new_gone: Receive the choice.
    """
    count, mask = 0, np.uint64(seen.shape[0] - 1)
    candidate = np.empty(gone.shape[1], np.uint64)
    for c in ranked:
        s, v = found[c, STATE], found[c, VERTEX]
        x = hashes[s] ^ keys[v]
        candidate[:] = gone[s]
        candidate[v >> 6] |= ONE << np.uint64(v & 63)
        slot = np.int64(x & mask)
        met = -1
        while seen[slot] != 0 and met < 0:
            k = seen[slot] - 1
            different = ZERO
            for w in range(candidate.shape[0]):
                different |= candidate[w] ^ new_gone[k, w]
            if different == ZERO:
                met = k
            slot = np.int64(np.uint64(slot + 1) & mask)
        if met >= 0:
            if found[c, PAID] < found[chosen[met], PAID]:
                chosen[met] = c
            continue
        if count == chosen.shape[0]:
            continue
        seen[slot] = count + 1
        chosen[count], new_hashes[count] = c, x
        new_gone[count] = candidate
        count += 1
    return count


@compiled
def advance(states, found, chosen, first, last, units, new_states, new_paid, new_guess):
    """Build the chosen children ``first .. last-1``."""
    n = states.shape[2]
    keep = np.zeros((n + 63) // 64, np.uint64)
    fill_mask(keep, np.arange(n))
    for k in range(first, last):
        c = chosen[k]
        new_states[k] = states[found[c, STATE]]
        eliminate(new_states[k], found[c, VERTEX], keep, units)
        new_paid[k], new_guess[k] = found[c, PAID], found[c, GUESS]
