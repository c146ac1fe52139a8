"""Vertex elimination on the structure of a graph: counting, without numbers.

After eliminating a set S, an edge ``j -> i`` exists exactly if a path from j to i runs inside S, so the state, unit
flags included, depends on the set alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import index

from .cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from .errors import OrderError
from .graph import Graph

Pairs = tuple[int, int, int]
"""Numbers of (predecessor, successor) pairs with no, one and two unit edges."""


@dataclass(frozen=True)
class Counts:
    """What an elimination order costs: products of two partials by their number of unit edges, and sums."""

    pairs: Pairs
    additions: int

    @property
    def structural(self) -> int:
        """Cost under :data:`ccjac.cost.STRUCTURAL`."""
        return self.cost(STRUCTURAL)

    @property
    def multiplications(self) -> int:
        """Cost under :data:`ccjac.cost.MULTIPLICATIONS`."""
        return self.cost(MULTIPLICATIONS)

    def cost(self, model: CostModel) -> int:
        """Cost under any model."""
        return sum(n * price for n, price in zip(self.pairs, model.pair, strict=True))


class EliminationState:
    """A graph in the middle of its elimination.

    ``predecessors[v]`` and ``successors[v]`` map the neighbours of ``v`` to whether the edge is a unit edge.
    """

    __slots__ = ("predecessors", "successors")

    def __init__(self, graph: Graph, *, without_dead: bool = False) -> None:
        """``without_dead`` starts where the dead vertices, which cost nothing then, have been eliminated."""
        self.predecessors: list[dict[int, bool]] = [{} for _ in range(graph.size)]
        self.successors: list[dict[int, bool]] = [{} for _ in range(graph.size)]
        units, gone = graph.unit_edges, frozenset(graph.dead if without_dead else ())
        for edge in graph.edges:
            a, b = edge
            if a not in gone and b not in gone:
                self.predecessors[b][a] = self.successors[a][b] = edge in units

    def copy(self) -> EliminationState:
        """The same state, to go on from in another way."""
        twin = EliminationState.__new__(EliminationState)
        twin.predecessors = [row.copy() for row in self.predecessors]
        twin.successors = [row.copy() for row in self.successors]
        return twin

    def pairs(self, v: int) -> Pairs:
        """The pairs that eliminating ``v`` now would multiply."""
        preds, succs = self.predecessors[v].values(), self.successors[v].values()
        unit_in, unit_out = sum(preds), sum(succs)
        general_in, general_out = len(preds) - unit_in, len(succs) - unit_out
        return general_in * general_out, general_in * unit_out + unit_in * general_out, unit_in * unit_out

    def cost(self, v: int, model: CostModel) -> int:
        """The price of eliminating ``v`` now."""
        none, one, both = self.pairs(v)
        return none * model.pair[0] + one * model.pair[1] + both * model.pair[2]

    def eliminate(self, v: int) -> int:
        """Eliminate ``v``.  Returns how many products were added to an existing edge; the others are fill-in."""
        preds, succs = self.predecessors[v], self.successors[v]
        self.predecessors[v], self.successors[v] = {}, {}
        for s in succs:
            del self.predecessors[s][v]
        additions = 0
        for p, p_unit in preds.items():
            row = self.successors[p]
            del row[v]
            for s, s_unit in succs.items():
                if s in row:
                    additions += 1
                    unit = False
                else:
                    unit = p_unit and s_unit
                row[s] = self.predecessors[s][p] = unit
        return additions


def check_order(graph: Graph, order: Iterable[int]) -> tuple[int, ...]:
    """Return ``order`` as a tuple of ints if it eliminates every live intermediate vertex exactly once.

    Dead vertices may be listed or left out.

    Raises:
        OrderError: An entry that is no integer, a vertex that is not eliminable, a duplicate, or a missing vertex.
    """
    try:
        checked = tuple(index(v) for v in order)
    except TypeError as error:
        raise OrderError(
            f"`order` must be a sequence of vertex numbers, a name or a `Plan`; it contains {error}."
        ) from None
    eliminable = set(graph.eliminable)
    seen: set[int] = set()
    for v in checked:
        if v not in eliminable:
            kind = "an input" if 0 <= v < graph.n_inputs else "an output" if v in graph.outputs else "no vertex"
            raise OrderError(
                f"`order` may hold intermediate vertices only, but {v} is {kind} of {graph!r}. "
                "`ccjac.trace(...).eliminable` lists them."
            )
        if v in seen:
            raise OrderError(f"`order` names vertex {v} twice; every intermediate vertex is eliminated once.")
        seen.add(v)
    # Finding the live vertices takes longer than all the rest, and a full order needs no excuse.
    if len(seen) < len(eliminable) and (missing := (eliminable & graph.live) - seen):
        raise OrderError(
            f"`order` leaves out {len(missing)} of {len(eliminable)} intermediate vertices, first {min(missing)}. "
            "`ccjac.trace(...).eliminable` lists them all."
        )
    return checked


def count(graph: Graph, order: Sequence[int]) -> Counts:
    """Count what a checked ``order`` costs (Griewank & Walther, eq. 9.9 summed over the vertices).

    The same as :class:`EliminationState` step by step, but with whole rows at a time, as sets of neighbours and of
    neighbours behind unit edges: up to four times as fast when there is much fill-in.  Every order that is read from
    disk goes through here.
    """
    successors, predecessors = list(map(set, graph.successors)), list(map(set, graph.predecessors))
    unit_out: defaultdict[int, set[int]] = defaultdict(set)
    unit_in: defaultdict[int, set[int]] = defaultdict(set)
    for a, b in graph.unit_edges:
        unit_out[a].add(b)
        unit_in[b].add(a)
    nothing: set[int] = set()
    none = one = both = additions = 0
    for v in order:
        preds, succs = predecessors[v], successors[v]
        unit_preds, unit_succs = unit_in.pop(v, nothing), unit_out.pop(v, nothing)
        general_in, general_out = len(preds) - len(unit_preds), len(succs) - len(unit_succs)
        none += general_in * general_out
        one += general_in * len(unit_succs) + len(unit_preds) * general_out
        both += len(unit_preds) * len(unit_succs)
        for p in unit_preds:
            unit_out[p].discard(v)
        for s in unit_succs:
            unit_in[s].discard(v)
        for p in preds:
            row = successors[p]
            row.discard(v)
            if behind_units := unit_out.get(p):
                # A sum of two edges is no unit edge.
                for s in behind_units & succs:
                    behind_units.discard(s)
                    unit_in[s].discard(p)
            if p in unit_preds:
                for s in unit_succs - row:
                    unit_out[p].add(s)
                    unit_in[s].add(p)
            additions += len(row) + len(succs)
            row |= succs
            additions -= len(row)
        for s in succs:
            column = predecessors[s]
            column.discard(v)
            column |= preds
    return Counts((none, one, both), additions)


def forward_order(graph: Graph) -> tuple[int, ...]:
    """Evaluation order, which is the order of the vertex numbers.

    A traced graph is numbered topologically.  A graph given by hand need not be; its numbers are taken as the order of
    evaluation all the same, as the published counts of forward and reverse mode do.
    """
    return graph.eliminable


def reverse_order(graph: Graph) -> tuple[int, ...]:
    """Against evaluation order."""
    return graph.eliminable[::-1]


@dataclass(frozen=True)
class Step:
    """The elimination of one vertex, at its turn.

    Attributes:
        vertex: Which.
        in_degree, out_degree: Edges into it and out of it at that time.
        counts: Its products and the additions among them.
        fill_in: New edges.
    """

    vertex: int
    in_degree: int
    out_degree: int
    counts: Counts
    fill_in: int


def steps(graph: Graph, order: Sequence[int]) -> list[Step]:
    """A checked ``order`` vertex by vertex; the counts of all together are those of :func:`count`."""
    state = EliminationState(graph)
    found = []
    for v in order:
        pairs, sizes = state.pairs(v), (len(state.predecessors[v]), len(state.successors[v]))
        additions = state.eliminate(v)
        found.append(Step(v, *sizes, Counts(pairs, additions), sum(pairs) - additions))
    return found


def heaviest(graph: Graph, order: Sequence[int]) -> tuple[int, int]:
    """The vertex whose elimination multiplies most pairs, and how many; the first of several."""
    dearest = max(steps(graph, order), key=lambda step: step.counts.structural)
    return dearest.vertex, dearest.counts.structural
