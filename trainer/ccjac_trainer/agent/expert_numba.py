"""Compiled parts of imitation: what it costs to eliminate each vertex first, along a good order."""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

import numpy as np

from ccjac.ordering.states.bits_numba import eliminate, fill_mask, price, random_below, random_float
from ccjac.ordering.states.measures_numba import DAMAGE, MEASURES, measure
from ccjac.ordering.toolkit.compiled import compiled


@compiled
def rest_cost(rows, first, order, begin, keep, pair, units, scratch):
    """The price of ``first`` (none if negative), then of ``order[begin:]`` without it; ``rows`` stays as it is."""
    scratch[:] = rows
    total = 0
    if first >= 0:
        total += price(scratch, first, pair, units)
        eliminate(scratch, first, keep, units)
    for k in range(begin, order.shape[0]):
        u = order[k]
        if u != first:
            total += price(scratch, u, pair, units)
            eliminate(scratch, u, keep, units)
    return total


@compiled
def changes(rows, order, begin, keep, pair, units, scratch, found):
    """For every vertex of ``order[begin:]``, by how much the cost changes if it goes first; returns the cost left."""
    base = rest_cost(rows, -1, order, begin, keep, pair, units, scratch)
    for k in range(begin, order.shape[0]):
        v = order[k]
        found[v] = rest_cost(rows, v, order, begin, keep, pair, units, scratch) - base
    return base


@compiled
def rule_choice(rows, order, begin, pair, units, measures):
    """What the rule LMMD (price plus damage, ties to the last vertex) takes among ``order[begin:]``."""
    chosen, least = -1, 0
    for k in range(begin, order.shape[0]):
        v = order[k]
        measure(rows, v, pair, units, measures)
        score = price(rows, v, pair, units) + measures[DAMAGE]
        if chosen < 0 or score < least or (score == least and v > chosen):
            chosen, least = v, score
    return chosen


@compiled
def walk(rows, order, pair, units, wander, sample, random, sequence, steps, deltas, left):
    """Follow a good order, with detours, and write down what each choice would have cost in some of the states.

    These are random ones, and those in which the rule LMMD errs: it chooses well in 19 of 20, which teach nothing.

    Args:
        rows: The start; used up.
        order: ``[n]`` the order; where a vertex taken first makes it cheaper it is improved on the way.
        pair, units: The cost model.
        wander: Probability of a step to a vertex near the front of the order instead of one that costs nothing extra.
        sample: Probability to describe a state that is not hard.
        random: ``[1]`` state of the generator.
        sequence: ``[n]`` receives the order followed.
        steps: ``[k]`` receives the steps described.
        deltas: ``[k, n]`` int64 receives, for each of them, the extra cost of every vertex left, -1 for others.
        left: ``[k]`` receives the cost from there on along the best continuation known.

    Returns:
        How many states were described, and how many of them are hard.
    """
    n = order.shape[0]
    keep = np.zeros((n + 63) // 64, np.uint64)
    fill_mask(keep, order)
    scratch = rows.copy()
    delta = np.zeros(n, np.int64)
    measures = np.zeros(MEASURES, np.int64)
    done = hard = 0
    for step in range(n):
        chosen = order[step]
        if step + 1 < n and done < steps.shape[0]:
            choice = rule_choice(rows, order, step, pair, units, measures)
            base = rest_cost(rows, -1, order, step, keep, pair, units, scratch)
            errs = rest_cost(rows, choice, order, step, keep, pair, units, scratch) > base
            if errs or random_float(random) < sample:
                changes(rows, order, step, keep, pair, units, scratch, delta)
                least = 0
                for k in range(step, n):
                    least = min(least, delta[order[k]])
                ties = 0
                deltas[done] = -1
                for k in range(step, n):
                    deltas[done, order[k]] = delta[order[k]] - least
                    ties += delta[order[k]] == least
                steps[done], left[done] = step, base + least
                done += 1
                hard += errs
                pick = random_below(random, ties)
                for k in range(step, n):
                    if delta[order[k]] == least:
                        if pick == 0:
                            chosen = order[k]
                            break
                        pick -= 1
        if random_float(random) < wander:
            u = random_float(random)
            chosen = order[step + np.int64(u * u * u * (n - step))]
        place = step
        while order[place] != chosen:
            place += 1
        for k in range(place, step, -1):
            order[k] = order[k - 1]
        order[step] = chosen
        sequence[step] = chosen
        eliminate(rows, chosen, keep, units)
    return done, hard
