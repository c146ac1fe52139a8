"""A graph as rows of bits, the form that the compiled searchers work on.

Live intermediate vertices are renumbered ``0 .. n-1`` in evaluation order.  A predecessor row has their bits and,
behind them, one bit per input; a successor row has their bits and, behind them, one bit per output.  Inputs and outputs
are never eliminated and have no rows of their own, so the two kinds of bits may overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...cost import STRUCTURAL, CostModel
from ...elimination import EliminationState
from ...graph import Graph

Words = np.ndarray
"""``[n, n_words]`` uint64: bit b of a row is bit b % 64 of its word b // 64."""


@dataclass(frozen=True)
class Packed:
    """The live part of a graph, or a part of it, as bit rows.

    Attributes:
        n: Number of vertices to eliminate.
        rows: ``[4, n, n_words]`` uint64: predecessors, successors, and which of their edges are unit edges.
        pair: ``[3]`` int64, the prices of the cost model.
        units: Whether unit edges matter under the cost model; if not, ``rows[2:]`` is empty.
        vertices: ``[n]`` the vertices' numbers in the graph.
    """

    n: int
    rows: np.ndarray
    pair: np.ndarray
    units: bool
    vertices: np.ndarray

    @property
    def n_words(self) -> int:
        """Words in a row."""
        return self.rows.shape[2]

    def pack_order(self, order: Iterable[int]) -> np.ndarray:
        """``[n]`` int64: an order of the graph in packed numbers, vertices that are not packed left out."""
        number = {int(v): i for i, v in enumerate(self.vertices)}
        return np.array([number[v] for v in order if v in number], dtype=np.int64)

    def unpack_order(self, order: Iterable[int]) -> tuple[int, ...]:
        """The graph's vertices of a packed order."""
        return tuple(int(self.vertices[i]) for i in order)


def pack(graph: Graph, cost: CostModel) -> Packed:
    """Pack the live part of ``graph``."""
    dead, inner = set(graph.dead), set(graph.eliminable)
    vertices = [v for v in graph.topological_order if v in inner and v not in dead]
    units = cost.pair != STRUCTURAL.pair
    edges = [(a, b, (a, b) in graph.unit_edges) for a, b in graph.edges if a not in dead and b not in dead]
    return pack_edges(vertices, edges, cost.pair, units)


def pack_part(state: EliminationState, vertices: Sequence[int], cost: CostModel) -> Packed:
    """Pack ``vertices`` with their present edges; every other vertex is an input or an output."""
    inner = set(vertices)
    edges = [(p, v, unit) for v in vertices for p, unit in state.predecessors[v].items()]
    edges += [(v, s, unit) for v in vertices for s, unit in state.successors[v].items() if s not in inner]
    return pack_edges(vertices, edges, cost.pair, cost.pair != STRUCTURAL.pair)


def pack_edges(
    vertices: Sequence[int], edges: Iterable[tuple[int, int, bool]], pair: Sequence[int], units: bool
) -> Packed:
    """Pack ``vertices`` and their edges ``(from, to, is unit)``; any other vertex becomes an input or output bit."""
    n = len(vertices)
    number = {v: i for i, v in enumerate(vertices)}
    sources: dict[int, int] = {}
    targets: dict[int, int] = {}
    bits: list[tuple[int, int, int, bool]] = []
    for a, b, unit in edges:
        i, j = number.get(a), number.get(b)
        if i is None and j is None:
            continue
        if j is not None:
            bits.append((0, j, i if i is not None else sources.setdefault(a, n + len(sources)), unit))
        if i is not None:
            bits.append((1, i, j if j is not None else targets.setdefault(b, n + len(targets)), unit))
    n_words = max(1, (n + max(len(sources), len(targets)) + 63) // 64)
    rows = np.zeros((4, n, n_words), dtype=np.uint64)
    for side, i, bit, unit in bits:
        rows[side, i, bit // 64] |= np.uint64(1 << bit % 64)
        if unit and units:
            rows[side + 2, i, bit // 64] |= np.uint64(1 << bit % 64)
    return Packed(n, rows, np.array(pair, dtype=np.int64), units, np.array(vertices, dtype=np.int64))
