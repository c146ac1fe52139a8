"""A graph in the middle of its elimination, its rows as Python integers: bit b of a row stands for vertex b.

Unions, differences and their sizes are single operations on machine words, so that on graphs of up to some thousand
vertices the greedy rules need no compiler.  (Numba takes half a second to load, longer than all of them.)

The vertices to eliminate are numbered ``0 .. n-1`` by ascending number in the graph; inputs and outputs follow.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...cost import STRUCTURAL, CostModel
from ...graph import Graph

HUB = 32
"""A vertex with more neighbours than this, and its neighbours, are rescored when they reach the top of a heap, not at
once: a hub would make the damage rules quadratic.  Any rule eliminates a hub late, so the delay hardly matters."""


@dataclass(frozen=True)
class Numbered:
    """The live part of a graph as rows of bits.

    Attributes:
        vertices: ``[n]`` the numbers in the graph of the vertices to eliminate, ascending.
        order: ``[n]`` the same in evaluation order, as ``0 .. n-1``.
        size: Number of all live vertices.
        inputs, outputs: Sets of vertices, as bits.
        preds, succs: ``[size]`` rows.
        unit_preds, unit_succs: ``[size]`` which of these edges are unit edges.
    """

    vertices: tuple[int, ...]
    order: tuple[int, ...]
    size: int
    inputs: int
    outputs: int
    preds: tuple[int, ...]
    succs: tuple[int, ...]
    unit_preds: tuple[int, ...]
    unit_succs: tuple[int, ...]


def numbered(graph: Graph) -> Numbered:
    """Number the live part of a graph."""
    dead, ends = set(graph.dead), set(graph.outputs)
    vertices = tuple(v for v in graph.eliminable if v not in dead)
    number = {v: i for i, v in enumerate(vertices)}
    order = tuple(number[v] for v in graph.topological_order if v in number)
    n = len(vertices)
    for v in (*range(graph.n_inputs), *graph.outputs):
        number[v] = len(number)
    rows = [[0] * len(number) for _ in range(4)]
    for edge in graph.edges:
        a, b = number.get(edge[0]), number.get(edge[1])
        if a is None or b is None:
            continue
        rows[0][b] |= 1 << a
        rows[1][a] |= 1 << b
        if edge in graph.unit_edges:
            rows[2][b] |= 1 << a
            rows[3][a] |= 1 << b
    inputs = ((1 << graph.n_inputs) - 1) << n
    outputs = ((1 << len(ends)) - 1) << (n + graph.n_inputs)
    return Numbered(vertices, order, len(number), inputs, outputs, *map(tuple, rows))


def members(row: int) -> list[int]:
    """The vertices of a row, ascending."""
    found = []
    while row:
        low = row & -row
        found.append(low.bit_length() - 1)
        row ^= low
    return found


class SetState:
    """Rows that change, and what eliminating a vertex now would cost, create and worsen.

    Attributes:
        preds, succs, unit_preds, unit_succs: As in :class:`Numbered`; no edge is a unit edge if all pairs cost 1.
        n_in, n_out, unit_in, unit_out: ``[size]`` how many there are.
        inner: The vertices that are not eliminated, neither inputs nor outputs, as bits.
    """

    __slots__ = (
        "inner", "inputs", "n_in", "n_out", "outputs", "pair", "preds", "structural", "succs", "unit_in", "unit_out",
        "unit_preds", "unit_succs",
    )  # fmt: skip

    def __init__(self, start: Numbered, cost: CostModel) -> None:
        self.preds, self.succs = list(start.preds), list(start.succs)
        self.structural = cost.pair == STRUCTURAL.pair
        # Where every pair costs 1, unit edges make no difference.
        nothing = (0,) * start.size if self.structural else ()
        self.unit_preds, self.unit_succs = list(nothing or start.unit_preds), list(nothing or start.unit_succs)
        self.n_in, self.n_out = [r.bit_count() for r in start.preds], [r.bit_count() for r in start.succs]
        self.unit_in = [r.bit_count() for r in self.unit_preds]
        self.unit_out = [r.bit_count() for r in self.unit_succs]
        self.inputs, self.outputs = start.inputs, start.outputs
        self.inner = (1 << len(start.vertices)) - 1
        self.pair = cost.pair

    def degree(self, v: int) -> int:
        """Markowitz degree: the number of pairs."""
        return self.n_in[v] * self.n_out[v]

    def price(self, v: int) -> int:
        """What the pairs cost under the cost model."""
        if self.structural:
            return self.n_in[v] * self.n_out[v]
        unit_in, unit_out = self.unit_in[v], self.unit_out[v]
        general_in, general_out = self.n_in[v] - unit_in, self.n_out[v] - unit_out
        none, one, both = self.pair
        return (
            none * general_in * general_out
            + one * (general_in * unit_out + unit_in * general_out)
            + both * unit_in * unit_out
        )

    def fill(self, v: int) -> int:
        """The number of new edges."""
        succs, column, row = self.succs, self.succs[v], self.preds[v]
        total = self.n_in[v] * self.n_out[v]
        while row:
            low = row & -row
            total -= (column & succs[low.bit_length() - 1]).bit_count()
            row ^= low
        return total

    def rise(self, v: int) -> int:
        """By how much the neighbours' degrees rise in sum."""
        # Inputs have no in-edges and outputs no out-edges: their degree stays 0.
        row, column, inner = self.preds[v], self.succs[v], self.inner
        rows, n_in, n_out = self.succs, self.n_in, self.n_out
        total, more, left = 0, n_out[v] - 1, row & inner
        while left:
            low = left & -left
            u = low.bit_length() - 1
            total += n_in[u] * (more - (column & rows[u]).bit_count())
            left ^= low
        rows, more, left = self.preds, n_in[v] - 1, column & inner
        while left:
            low = left & -left
            u = low.bit_length() - 1
            total += n_out[u] * (more - (row & rows[u]).bit_count())
            left ^= low
        return total

    def damage(self, v: int) -> int:
        """By how much the neighbours' prices rise in sum."""
        if self.structural:
            return self.rise(v)
        return self.damage_and_rise(v)[0]

    def damage_and_rise(self, v: int) -> tuple[int, int]:
        """Both at once."""
        none, one, both = self.pair
        damage = rise = 0
        for side in (0, 1):
            if side:
                near, added, added_units, behind = self.succs[v], self.preds[v], self.unit_preds[v], self.unit_succs[v]
                rows, unit_rows = self.preds, self.unit_preds
                n_near, n_far, n_far_units = self.n_in, self.n_out, self.unit_out
            else:
                near, added, added_units, behind = self.preds[v], self.succs[v], self.unit_succs[v], self.unit_preds[v]
                rows, unit_rows = self.succs, self.unit_succs
                n_near, n_far, n_far_units = self.n_out, self.n_in, self.unit_in
            more, near = n_near[v] - 1, near & self.inner
            while near:
                low = near & -near
                near ^= low
                u = low.bit_length() - 1
                row, far = rows[u], n_far[u]
                grown = more - (row & added).bit_count()
                rise += far * grown
                # A product of unit edges is one, a sum of edges is none.
                units = -(unit_rows[u] & added).bit_count()
                if behind & low:
                    units += (added_units & ~row).bit_count() - 1
                general, far_units = grown - units, n_far_units[u]
                far_general = far - far_units
                damage += general * (none * far_general + one * far_units)
                damage += units * (one * far_general + both * far_units)
        return damage, rise

    def near_hub(self, v: int) -> bool:
        """Whether the vertex or a neighbour is a hub."""
        n_in, n_out = self.n_in, self.n_out
        return any(n_in[u] + n_out[u] > HUB for u in (v, *members(self.preds[v] | self.succs[v])))

    def eliminate(self, v: int) -> None:
        """Eliminate ``v``."""
        preds, succs = self.preds, self.succs
        row, column, bit = preds[v], succs[v], 1 << v
        self.inner &= ~bit
        if not self.structural:
            self._eliminate_units(v, row, column, bit)
        n_in, n_out = self.n_in, self.n_out
        preds[v] = succs[v] = n_in[v] = n_out[v] = 0
        left = row
        while left:
            low = left & -left
            u = low.bit_length() - 1
            merged = succs[u] = (succs[u] ^ bit) | column
            n_out[u] = merged.bit_count()
            left ^= low
        left = column
        while left:
            low = left & -left
            u = low.bit_length() - 1
            merged = preds[u] = (preds[u] ^ bit) | row
            n_in[u] = merged.bit_count()
            left ^= low

    def _eliminate_units(self, v: int, row: int, column: int, bit: int) -> None:
        for near, rows, unit_rows, added, added_units, behind, count in (
            (row, self.succs, self.unit_succs, column, self.unit_succs[v], self.unit_preds[v], self.unit_out),
            (column, self.preds, self.unit_preds, row, self.unit_preds[v], self.unit_succs[v], self.unit_in),
        ):
            left = near
            while left:
                low = left & -left
                left ^= low
                u = low.bit_length() - 1
                kept = unit_rows[u] & ~(added | bit)
                if behind & low:
                    kept |= added_units & ~rows[u]
                unit_rows[u] = kept
                count[u] = kept.bit_count()
        self.unit_preds[v] = self.unit_succs[v] = self.unit_in[v] = self.unit_out[v] = 0
