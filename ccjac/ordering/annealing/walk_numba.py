"""The compiled inner loop of :mod:`ccjac.ordering.annealing.searcher`."""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

import math

import numpy as np

from ..states.bits_numba import (
    eliminate,
    eliminate_logged,
    fill_mask,
    has_bit,
    price,
    price_without,
    random_below,
    random_float,
    undo,
)
from ..toolkit.compiled import compiled

COUNTERS = 2
"""Entries of ``counters``: sweeps, and positions whose cost was computed."""


@compiled
def insertion_costs(rows, order, low, high, at, keep, pair, units, work, costs):
    """What moving ``order[at]`` to each place of the window ``order[low:high]`` would cost.

    ``rows`` is the state before the window and is left as it was.  For the moved vertex v and the others u_0, u_1, ...
    of the window in their order, let T_k be the state in which u_0 .. u_{k-1} are gone and v is still there.  With a_k
    the price of v and b_k the price of u_k in T_k, and e_k the price of u_k in T_k after v, inserting v before u_k
    costs

        b_0 + .. + b_{k-1} + a_k + e_k + e_{k+1} + ..

    since the state depends on the set eliminated alone.  One walk through the window therefore prices all places.
    ``costs[k]`` receives this sum up to a constant.
    """
    v = order[at]
    touched, log, saved, clock = work
    clock[0] += 1
    sweep, n_saved = clock[0], 0
    own = price(rows, v, pair, units)
    behind, k = 0, 0
    for index in range(low, high):
        if index == at:
            continue
        costs[k] = behind + own
        u = order[index]
        with_v = price(rows, u, pair, units)
        without_v = with_v
        adjacent = True
        if has_bit(rows[1, v], u):
            without_v = price_without(rows, u, v, 0, pair, units)
        elif has_bit(rows[0, v], u):
            without_v = price_without(rows, u, v, 1, pair, units)
        else:
            adjacent = False
        n_saved = eliminate_logged(rows, u, keep, units, touched, sweep, log, saved, n_saved)
        if adjacent:
            own = price(rows, v, pair, units)
        behind += with_v - without_v
        k += 1
    costs[k] = behind + own
    undo(rows, units, log, saved, 0, n_saved)


@compiled
def draw(costs, n, boltzmann, random):
    """A place with probability proportional to exp(-cost / T); ``boltzmann[d]`` is exp(-d / T)."""
    least = costs[0]
    for k in range(1, n):
        least = min(least, costs[k])
    total = 0.0
    for k in range(n):
        d = costs[k] - least
        if d < boltzmann.shape[0]:
            total += boltzmann[d]
    left = random_float(random) * total
    chosen = 0
    for k in range(n):
        d = costs[k] - least
        if d < boltzmann.shape[0]:
            chosen = k
            left -= boltzmann[d]
            if left <= 0.0:
                break
    return chosen


@compiled
def move(order, source, target):
    """Move one entry of ``order``."""
    v = order[source]
    if target > source:
        for k in range(source, target):
            order[k] = order[k + 1]
    else:
        for k in range(source, target, -1):
            order[k] = order[k - 1]
    order[target] = v


@compiled
def walk(rows, order, first, last, pair, units, boltzmann, random, work, keep, costs, counters):
    """Let the cursor walk over the places ``first .. last-1`` of ``order``, resampling one vertex at each.

    ``rows`` is the state before place ``first`` and is moved on.  At the cursor a window of log-uniform length begins,
    of which a random vertex gets a new place.  (Preferring the vertex at the cursor itself would be cheaper, but such
    moves have no reverse; with them half of the published best costs were out of reach.)  Returns the price of the
    places passed.
    """
    n = rows.shape[1]
    everything = np.zeros(keep.shape[0], np.uint64)
    fill_mask(everything, order)
    logarithm = math.log(max(n, 2))
    passed = 0
    for low in range(first, last):
        left = n - low
        if left > 1:
            length = min(left, max(2, np.int64(2.0 * math.exp(random_float(random) * logarithm))))
            at = low + random_below(random, length)
            fill_mask(keep, order[low : low + length])
            insertion_costs(rows, order, low, low + length, at, keep, pair, units, work, costs)
            counters[0] += 1
            counters[1] += length
            move(order, at, low + draw(costs, length, boltzmann, random))
        passed += price(rows, order[low], pair, units)
        eliminate(rows, order[low], everything, units)
    return passed
