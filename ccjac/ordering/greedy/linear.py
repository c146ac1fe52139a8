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


def _signed_log(x: float) -> float:
    return math.log1p(x) if x >= 0 else -math.log1p(-x)


class LinearStatics:
    """What a graph gives the learned rules before anything is eliminated.

    Attributes:
        reach_in, reach_out, depth, height, place: ``[n]`` integers.
    """

    def __init__(self, graph: Graph, start: Numbered) -> None:
        up, down = reach_counts(graph)
        self.reach_in, self.reach_out = [up[v] for v in start.vertices], [down[v] for v in start.vertices]
        self.place = place_in(start.order)
        inner = (1 << len(start.vertices)) - 1
        self.depth, self.height = [1] * len(start.vertices), [1] * len(start.vertices)
        for longest, rows, order in (
            (self.depth, start.preds, start.order),
            (self.height, start.succs, start.order[::-1]),
        ):
            for v in order:
                longest[v] = 1 + max((longest[u] for u in members(rows[v] & inner)), default=0)

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


def apply(state: SetState, statics: LinearStatics, weights: Sequence[float], limit: int) -> tuple[list[int], int]:
    """The order of a rule in the numbers of ``state``, and its cost, cut short where it reaches ``limit``."""
    preds, succs, n_in, n_out, price = state.preds, state.succs, state.n_in, state.n_out, state.price
    fixed, log1p, log, structural = statics.scores(weights), math.log1p, math.log, state.structural
    unit_in, unit_out, inputs, outputs = state.unit_in, state.unit_out, state.inputs, state.outputs
    w = tuple(weights)

    def score(v: int) -> float:
        ins, outs = n_in[v] or 1, n_out[v] or 1
        degree = n_in[v] * n_out[v]
        own = degree if structural else price(v)
        damage, rise = (lambda r: (r, r))(state.rise(v)) if structural else state.damage_and_rise(v)
        mixed = w[0] * own + w[1] * damage + w[2] * degree + w[3] * rise
        total = log1p(mixed) if mixed >= 0 else -log1p(-mixed)
        total += w[4] * log(ins) + w[5] * log(outs)
        total += w[6] * ((preds[v] & inputs).bit_count() / ins) + w[7] * ((succs[v] & outputs).bit_count() / outs)
        total += w[8] * (ins == 1) + w[9] * (outs == 1)
        total += w[10] * (unit_in[v] / ins) + w[11] * (unit_out[v] / outs)
        total += w[12] * log1p(own)
        total += w[13] * _signed_log(damage) + w[14] * _signed_log(rise)
        return total + fixed[v]

    key = [score(v) for v in range(len(fixed))]
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
