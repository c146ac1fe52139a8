"""A graph in the middle of its elimination, its rows as dictionaries, with memory linear in the edges."""

from __future__ import annotations

from ...cost import STRUCTURAL, CostModel
from ...graph import Graph

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


class State:
    """Neighbours of every vertex, and what eliminating one now would cost.

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
