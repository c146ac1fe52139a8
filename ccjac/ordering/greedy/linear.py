"""Learned rules: the vertex with the lowest weighted sum of local features is eliminated next.

A score is

    slog(w · (price, damage, degree, rise)) + u · (logarithms of in- and out-degree, of price, damage and rise, the
    shares of inputs, of outputs and of unit edges among the neighbours, whether there is one neighbour on a side)
    + t · (logarithms of the numbers of inputs and outputs that reach the vertex or are reached, of its depth and
    height, its place in the evaluation order, depth by length of path),

slog(x) = sign(x) log(1 + abs(x)); see :mod:`..states.measures_numba` for damage and rise.  The weights were found by
evolution (CMA-ES, Hansen 2016, arXiv 1604.00772) on generated graphs, each rule by what it adds to the rules before it,
for each cost model and size class; ``linear_rules.json`` holds them.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ...cost import STRUCTURAL, CostModel
from ...errors import CcjacError
from ...graph import Graph
from ..states.bits import Packed, pack_edges
from ..states.reach import reach_counts
from ..states.sets import HUB, Numbered, SetState, members

WEIGHTS = 21
FORMAT = 1
_FILE = Path(__file__).with_name("linear_rules.json")


@dataclass(frozen=True)
class LinearRule:
    """A learned rule.

    Attributes:
        name: ``"learned-1"``, ...
        weights: ``[21]``, in the order of the module's text; see :func:`.linear_numba.local_score`.
    """

    name: str
    weights: tuple[float, ...]


@dataclass(frozen=True)
class RuleSet:
    """The rules for graphs of up to ``largest`` vertices."""

    largest: int
    rules: tuple[LinearRule, ...]


@cache
def _tables() -> dict[str, tuple[RuleSet, ...]]:
    return read_tables(_FILE)


def read_tables(path: Path) -> dict[str, tuple[RuleSet, ...]]:
    """Rule sets by ``"structural"`` or ``"multiplications"``, the smallest size class first.

    Raises:
        CcjacError: The file is no table of rules.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise ValueError(f"format {record['format']}")
        return {cost: tuple(_rule_set(entry) for entry in sets) for cost, sets in record["rules"].items()}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CcjacError(f"{path} holds no learned rules of format {FORMAT} ({error}); reinstall ccjac.") from error


def _rule_set(entry: Any) -> RuleSet:
    rules = []
    for k, row in enumerate(entry["weights"]):
        weights = tuple(float(w) for w in row)
        if len(weights) != WEIGHTS or not all(map(math.isfinite, weights)):
            raise ValueError(f"rule {k} has {len(weights)} weights")
        rules.append(LinearRule(f"learned-{k + 1}", weights))
    return RuleSet(int(entry["largest"]), tuple(rules))


def linear_rules(cost: CostModel, n: int) -> tuple[LinearRule, ...]:
    """The rules that suit a cost model and a number of vertices.

    Prices that nobody trained for are served by the rules for multiplications, which tell unit edges from others.
    """
    sets = _tables()["structural" if cost.pair == STRUCTURAL.pair else "multiplications"]
    return next((s.rules for s in sets if n <= s.largest), ())


def place_in(order: Sequence[int]) -> list[int]:
    """The place of every vertex in an order of ``0 .. n-1``."""
    place = [0] * len(order)
    for k, v in enumerate(order):
        place[v] = k
    return place


class LinearStatics:
    """What a graph gives the learned rules before anything is eliminated.

    Attributes:
        reach_in, reach_out, depth, height, place: ``[n]`` integers.
    """

    def __init__(self, graph: Graph, start: Numbered) -> None:
        up, down = reach_counts(graph)
        self.reach_in, self.reach_out = [up[v] for v in start.vertices], [down[v] for v in start.vertices]
        self.place = place_in(start.order)
        self._first: list[tuple[int, int, int]] = []
        inner = (1 << len(start.vertices)) - 1
        self.depth, self.height = [1] * len(start.vertices), [1] * len(start.vertices)
        for longest, rows, order in (
            (self.depth, start.preds, start.order),
            (self.height, start.succs, start.order[::-1]),
        ):
            for v in order:
                longest[v] = 1 + max((longest[u] for u in members(rows[v] & inner)), default=0)

    def first(self, state: SetState) -> list[tuple[int, int, int]]:
        """:func:`measures` of every vertex before anything is eliminated; counted once for all rules."""
        if not self._first:
            self._first = [measures(state, v) for v in range(len(self.place))]
        return self._first

    def scores(self, weights: Sequence[float]) -> list[float]:
        """The part of every vertex's score that stays."""
        n, log = len(self.place), math.log1p
        found = []
        for v in range(n):
            depth, height = self.depth[v], self.height[v]
            total = weights[15] * log(self.reach_in[v]) + weights[16] * log(self.reach_out[v])
            total += weights[17] * (self.place[v] / max(n - 1, 1))
            total += weights[18] * log(depth) + weights[19] * log(height)
            total += weights[20] * (depth / (depth + height))
            found.append(total)
        return found


def measures(state: SetState, v: int) -> tuple[int, int, int]:
    """Price, damage and rise of a vertex."""
    if state.structural:
        rise = state.rise(v)
        return state.n_in[v] * state.n_out[v], rise, rise
    return state.price(v), *state.damage_and_rise(v)


def apply(state: SetState, statics: LinearStatics, weights: Sequence[float], limit: int) -> tuple[list[int], int]:
    """The order of a rule in the numbers of ``state``, and its cost, cut short where it reaches ``limit``."""
    preds, succs, n_in, n_out, price = state.preds, state.succs, state.n_in, state.n_out, state.price
    fixed, log1p, log = statics.scores(weights), math.log1p, math.log
    unit_in, unit_out, inputs, outputs = state.unit_in, state.unit_out, state.inputs, state.outputs
    w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14 = weights[:15]

    # The inner loop: one function, and the same order of operations as in :func:`.linear_numba.local_score`.
    def score(v: int, measured: tuple[int, int, int] | None = None) -> float:
        own, damage, rise = measured or measures(state, v)
        ins, outs = n_in[v], n_out[v]
        degree = ins * outs
        ins, outs = ins or 1, outs or 1
        mixed = w0 * own + w1 * damage + w2 * degree + w3 * rise
        total = log1p(mixed) if mixed >= 0 else -log1p(-mixed)
        total += w4 * log(ins) + w5 * log(outs)
        total += w6 * ((preds[v] & inputs).bit_count() / ins) + w7 * ((succs[v] & outputs).bit_count() / outs)
        total += w8 * (ins == 1) + w9 * (outs == 1)
        total += w10 * (unit_in[v] / ins) + w11 * (unit_out[v] / outs)
        total += w12 * log1p(own)
        log_damage = log1p(damage) if damage >= 0 else -log1p(-damage)
        log_rise = log1p(rise) if rise >= 0 else -log1p(-rise)
        total += w13 * log_damage + w14 * log_rise
        return total + fixed[v]

    key = [score(v, m) for v, m in enumerate(statics.first(state))]
    heap = [(k, -v) for v, k in enumerate(key)]
    heapq.heapify(heap)
    order: list[int] = []
    total = 0
    while heap:
        k, v = heapq.heappop(heap)
        v = -v
        # Outdated keys stay in the heap; an entry counts only if it equals the vertex's present key.
        if key[v] != k or not state.inner >> v & 1:
            continue
        order.append(v)
        total += price(v)
        if total >= limit:
            break
        stale = near = (preds[v] | succs[v]) & state.inner
        state.eliminate(v)
        for u in members(near):
            if n_in[u] + n_out[u] <= HUB:
                stale |= preds[u] | succs[u]
        for u in members(stale & state.inner):
            if key[u] != (now := score(u)):
                key[u] = now
                heapq.heappush(heap, (now, -u))
    return order, total


def pack_sorted(graph: Graph, start: Numbered, cost: CostModel) -> Packed:
    """The graph as bit rows, its vertices numbered as in ``start``."""
    kept = graph.live
    edges = [(a, b, (a, b) in graph.unit_edges) for a, b in graph.edges if a in kept and b in kept]
    return pack_edges(start.vertices, edges, cost.pair, cost.pair != STRUCTURAL.pair)


def statics_of(packed: Packed, order: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """For :func:`.linear_numba.apply`: ``[n, 4]`` statics, and ``[n]`` places."""
    from ..states.measures_numba import statics

    return statics(packed.rows, np.array(order, np.int64)), np.array(place_in(order), np.int64)
