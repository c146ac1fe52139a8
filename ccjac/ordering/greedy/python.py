"""The greedy rules without a compiler."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from functools import cached_property

from ...cost import CostModel
from ...graph import Graph
from ..states.reach import reach_table
from ..states.sets import HUB, SetState, members, numbered
from . import linear
from .rules import Attempt, Family, Rule, Ties


class PythonFamily(Family):
    """The rules on rows that are Python integers."""

    def __init__(self, graph: Graph, cost: CostModel) -> None:
        super().__init__(graph, cost)
        self._start = numbered(graph)
        self._number = {v: i for i, v in enumerate(self._start.vertices)}

    def replay(self, order: Sequence[int], limit: int) -> Attempt:
        """See :class:`.rules.Family`."""
        state, number = SetState(self._start, self.cost), self._number
        kept = [v for v in order if v in number]
        total = 0
        for v in kept:
            total += state.price(number[v])
            if total >= limit:
                return None
            state.eliminate(number[v])
        return self.dead + tuple(kept), total

    def apply(self, rule: Rule, ties: Ties, limit: int) -> tuple[tuple[int, ...], int]:
        """See :class:`.rules.Family`."""
        state, sign = SetState(self._start, self.cost), -1 if ties == "reverse" else 1
        preds, succs, n_in, n_out, price = state.preds, state.succs, state.n_in, state.n_out, state.price
        score = self._score(state, rule)
        key = [score(v) for v in range(len(self._start.vertices))]
        heap = [(k, sign * v) for v, k in enumerate(key)]
        heapq.heapify(heap)
        order: list[int] = []
        total = 0
        while heap:
            k, v = heapq.heappop(heap)
            v *= sign
            # Outdated keys stay in the heap; an entry counts only if it equals the vertex's present key.
            if key[v] != k or not state.inner >> v & 1:
                continue
            if rule.damage and state.near_hub(v) and (now := score(v)) != k:
                key[v] = now
                if now > k:
                    heapq.heappush(heap, (now, sign * v))
                    continue
            order.append(v)
            total += price(v)
            if total >= limit:
                break
            row, column = preds[v], succs[v]
            near = (row | column) & state.inner
            before = [(p, succs[p]) for p in members(row)] if rule.fill else ()
            state.eliminate(v)
            stale = near
            for p, old in before:
                # A new edge p -> s closes a pair of whatever lies between p and s.
                for s in members(column & ~old):
                    stale |= succs[p] & preds[s]
            if rule.damage:
                for u in members(near):
                    if n_in[u] + n_out[u] <= HUB:
                        stale |= preds[u] | succs[u]
            for u in members(stale & state.inner):
                if rule.damage and n_in[u] + n_out[u] > HUB:
                    continue
                if key[u] != (now := score(u)):
                    key[u] = now
                    heapq.heappush(heap, (now, sign * u))
        vertices = self._start.vertices
        return self.dead + tuple(vertices[v] for v in order), total

    def learned(self, weights: Sequence[float], limit: int) -> tuple[tuple[int, ...], int]:
        """See :class:`.rules.Family`."""
        order, total = linear.apply(SetState(self._start, self.cost), self._statics, weights, limit)
        vertices = self._start.vertices
        return self.dead + tuple(vertices[v] for v in order), total

    @cached_property
    def _statics(self) -> linear.LinearStatics:
        return linear.LinearStatics(self.graph, self._start)

    @cached_property
    def _reach(self) -> list[int]:
        reach = reach_table(self.graph)
        return [reach[v] for v in self._start.vertices]

    def _score(self, state: SetState, rule: Rule) -> Callable[[int], int]:
        degree = state.price if rule.priced else state.degree
        damage = state.damage if rule.priced else state.rise
        features = (
            (rule.degree, degree),
            (rule.reach, self._reach.__getitem__ if rule.reach else degree),
            (rule.fill, state.fill),
            (rule.damage, damage),
        )
        terms = [(weight, feature) for weight, feature in features if weight]
        if len(terms) == 1 and terms[0][0] == 1:
            return terms[0][1]
        if len(terms) == 2:  # worth a special case: this is the inner loop
            (a, f), (b, g) = terms
            return lambda v: a * f(v) + b * g(v)
        return lambda v: sum(weight * feature(v) for weight, feature in terms)
