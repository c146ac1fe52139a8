"""A graph in the middle of its elimination, with the features of a vertex that greedy rules look at."""

from __future__ import annotations

from collections.abc import Sequence

from ...cost import STRUCTURAL, CostModel
from ...graph import Graph

HUB = 32
"""A vertex with more neighbours than this, and its neighbours, are rescored when they reach the top of a heap, not at
once: a hub would make the damage rules quadratic.  Any rule eliminates a hub late, so the delay hardly matters."""

Rows = list[dict[int, bool]]
"""For every vertex its neighbours on one side, and whether the edge is a unit edge."""


def live_rows(graph: Graph) -> tuple[Rows, Rows]:
    """Predecessors and successors without the dead vertices, which vanish at no cost when they are eliminated first."""
    dead = set(graph.dead)
    preds: Rows = [{} for _ in range(graph.size)]
    succs: Rows = [{} for _ in range(graph.size)]
    units = graph.unit_edges
    for edge in graph.edges:
        a, b = edge
        if a not in dead and b not in dead:
            preds[b][a] = succs[a][b] = edge in units
    return preds, succs


def reach_table(graph: Graph) -> list[int]:
    """For every vertex, how many inputs reach it times how many outputs it reaches.  Elimination does not change it."""
    up = _reach_counts(range(graph.n_inputs), graph.topological_order, graph.predecessors)
    down = _reach_counts(graph.outputs, graph.topological_order[::-1], graph.successors)
    return [a * b for a, b in zip(up, down, strict=True)]


def _reach_counts(sources: Sequence[int], order: Sequence[int], before: Sequence[Sequence[int]]) -> list[int]:
    """How many of ``sources`` reach each vertex, in chunks so that memory stays linear in the graph."""
    total = [0] * len(order)
    for low in range(0, len(sources), 1024):
        mask = [0] * len(order)
        for bit, v in enumerate(sources[low : low + 1024]):
            mask[v] = 1 << bit
        for v in order:
            for u in before[v]:
                mask[v] |= mask[u]
        total = [n + m.bit_count() for n, m in zip(total, mask, strict=True)]
    return total


class State:
    """Neighbours of every vertex, and what eliminating one now would cost, create and worsen.

    Unlike :class:`ccjac.elimination.EliminationState` it tells which edges are new, and it keeps no dead vertices.
    """

    __slots__ = ("pair", "preds", "structural", "succs", "unit_in", "unit_out")

    def __init__(self, preds: Rows, succs: Rows, cost: CostModel) -> None:
        self.preds = [row.copy() for row in preds]
        self.succs = [row.copy() for row in succs]
        self.unit_in = [sum(row.values()) for row in preds]
        self.unit_out = [sum(row.values()) for row in succs]
        self.pair = cost.pair
        self.structural = cost.pair == STRUCTURAL.pair

    def degree(self, v: int) -> int:
        """Markowitz degree: the number of pairs."""
        return len(self.preds[v]) * len(self.succs[v])

    def price(self, v: int) -> int:
        """What the pairs cost under the cost model."""
        n_in, n_out = len(self.preds[v]), len(self.succs[v])
        if self.structural:
            return n_in * n_out
        unit_in, unit_out = self.unit_in[v], self.unit_out[v]
        return self._pairs(n_in - unit_in, unit_in, n_out - unit_out, unit_out)

    def _pairs(self, general_in: int, unit_in: int, general_out: int, unit_out: int) -> int:
        none, one, both = self.pair
        mixed = general_in * unit_out + unit_in * general_out
        return none * general_in * general_out + one * mixed + both * unit_in * unit_out

    def fill(self, v: int) -> int:
        """The number of new edges."""
        column = self.succs[v].keys()
        return sum(len(column) - len(column & self.succs[p].keys()) for p in self.preds[v])

    def damage(self, v: int) -> int:
        """By how much the neighbours' degrees rise in sum."""
        preds, succs = self.preds, self.succs
        row, column = preds[v].keys(), succs[v].keys()
        n, m, total = len(row) - 1, len(column) - 1, 0
        # Inputs have no in-edges and outputs no out-edges: their degree stays 0.
        for p in row:
            if preds[p]:
                total += len(preds[p]) * (m - len(column & succs[p].keys()))
        for s in column:
            if succs[s]:
                total += len(succs[s]) * (n - len(row & preds[s].keys()))
        return total

    def priced_damage(self, v: int) -> int:
        """By how much the neighbours' prices rise in sum."""
        preds, succs = self.preds, self.succs
        row, column = preds[v], succs[v]
        total = 0
        for p, unit in row.items():
            if preds[p]:
                total += self._rise(len(preds[p]), self.unit_in[p], succs[p], self.unit_out[p], unit, column)
        for s, unit in column.items():
            if succs[s]:
                total += self._rise(len(succs[s]), self.unit_out[s], preds[s], self.unit_in[s], unit, row)
        return total

    def _rise(
        self, n_far: int, far_units: int, near: dict[int, bool], near_units: int, unit: bool, added: dict[int, bool]
    ) -> int:
        """Rise of a vertex's price when ``added`` replaces, behind a ``unit`` edge, one of its ``near`` edges."""
        far_general, near_general = n_far - far_units, len(near) - near_units
        units, generals = near_units - unit, near_general - (not unit)
        for w, flag in added.items():
            old = near.get(w)
            if old is None:
                if unit and flag:
                    units += 1
                else:
                    generals += 1
            elif old:  # a sum of two edges is no unit edge
                units -= 1
                generals += 1
        after = self._pairs(far_general, far_units, generals, units)
        return after - self._pairs(far_general, far_units, near_general, near_units)

    def is_hub(self, v: int) -> bool:
        """Whether rescoring the vertex at every change nearby would be too slow."""
        return len(self.preds[v]) + len(self.succs[v]) > HUB

    def near_hub(self, v: int) -> bool:
        """Whether the vertex or a neighbour is a hub."""
        return any(self.is_hub(u) for u in (v, *self.preds[v], *self.succs[v]))

    def eliminate(self, v: int) -> list[tuple[int, int]]:
        """Eliminate ``v`` and return the new edges."""
        preds, succs, unit_in, unit_out = self.preds, self.succs, self.unit_in, self.unit_out
        row, column = preds[v], succs[v]
        preds[v], succs[v] = {}, {}
        new_edges = []
        for s, unit in column.items():
            del preds[s][v]
            unit_in[s] -= unit
        for p, p_unit in row.items():
            out = succs[p]
            del out[v]
            unit_out[p] -= p_unit
            for s, s_unit in column.items():
                old = out.get(s)
                if old is None:
                    unit = p_unit and s_unit
                    out[s] = preds[s][p] = unit
                    unit_out[p] += unit
                    unit_in[s] += unit
                    new_edges.append((p, s))
                elif old:
                    out[s] = preds[s][p] = False
                    unit_out[p] -= 1
                    unit_in[s] -= 1
        return new_edges
