"""The linearized computational graph, the one noun that every other module speaks about.

A vertex is a value of the differentiated function, an edge ``j -> i`` carries the local partial
``∂v_i/∂v_j``.  Inputs are numbered ``0 .. n_inputs-1``, all other vertices follow (Griewank & Walther,
*Evaluating Derivatives*, 2nd ed., chapter 9).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from .errors import GraphError, InputError
from .pictures.picture import Node, Picture

Granularity = Literal["scalar", "tensor"]
Edge = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Graph:
    """An immutable directed acyclic graph of local partial derivatives.

    Build one with :meth:`from_edges`, which checks and normalises; :func:`ccjac.trace` builds one from a function.

    Attributes:
        n_inputs: Number of inputs; they are the vertices ``0 .. n_inputs-1``.
        n_vertices: Number of all *other* vertices, outputs included; they are numbered after the inputs.
        outputs: The output vertices, in the order of the function's results.  They have no successors, are
            distinct and are never eliminated.
        edges: Sorted, distinct pairs ``(from, to)``.
        unit_edges: The edges whose partial is the constant +1 or -1.
        granularity: ``"scalar"`` (a vertex per number) or ``"tensor"`` (a vertex per array).
        labels: Where each non-input vertex comes from, or empty.  Not part of equality or of the fingerprint.
    """

    n_inputs: int
    n_vertices: int
    outputs: tuple[int, ...]
    edges: tuple[Edge, ...]
    unit_edges: frozenset[Edge] = frozenset()
    granularity: Granularity = "scalar"
    labels: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def from_edges(
        cls,
        n_inputs: int,
        n_vertices: int,
        outputs: Sequence[int],
        edges: Iterable[Sequence[int]],
        unit_edges: Iterable[Sequence[int]] = (),
        *,
        granularity: Granularity = "scalar",
        labels: Sequence[str] = (),
    ) -> Graph:
        """Check a description and bring it into normal form.

        Parallel edges add up, so they merge into one edge, which is then no unit edge.  An output that other vertices
        use, an input that is an output, and every occurrence of a vertex that is an output twice get a copy vertex
        behind a unit edge; copies are numbered from ``n_inputs + n_vertices`` on: the given numbers keep their meaning.

        Args:
            n_inputs: Number of inputs.
            n_vertices: Number of vertices that are not inputs.
            outputs: Vertices whose derivatives are wanted.
            edges: Pairs ``(from, to)``, in any order.
            unit_edges: Those of ``edges`` whose partial is +1 or -1.
            granularity: What a vertex stands for.
            labels: Optional source labels of the non-input vertices.

        Raises:
            GraphError: A vertex out of range, an edge into an input, a self-loop, a cycle, or a unit edge that is
                not an edge.
        """
        total = n_inputs + n_vertices
        if n_inputs < 0 or n_vertices < 0:
            raise GraphError(
                f"`Graph.from_edges` needs n_inputs >= 0 and n_vertices >= 0, got {n_inputs} and {n_vertices}."
            )
        count: dict[Edge, int] = {}
        for a, b in edges:
            a, b = int(a), int(b)
            if not (0 <= a < total and 0 <= b < total):
                raise GraphError(f"`Graph.from_edges`: edge ({a}, {b}) leaves the vertices 0 to {total - 1}.")
            if b < n_inputs:
                raise GraphError(
                    f"`Graph.from_edges`: edge ({a}, {b}) enters an input; vertices are numbered after the inputs."
                )
            if a == b:
                raise GraphError(f"`Graph.from_edges`: edge ({a}, {b}) is a loop; the graph must be acyclic.")
            count[a, b] = count.get((a, b), 0) + 1
        units = {(int(a), int(b)) for a, b in unit_edges}
        if stray := units - count.keys():
            raise GraphError(f"`Graph.from_edges`: unit edge {min(stray)} is not among the edges; list it there too.")
        units = {e for e in units if count[e] == 1}
        has_successor = {a for a, _ in count}
        names = list(labels)
        final: list[int] = []
        wanted = [int(v) for v in outputs]
        times = Counter(wanted)
        for v in wanted:
            if not 0 <= v < total:
                raise GraphError(f"`Graph.from_edges`: output {v} is not one of the vertices 0 to {total - 1}.")
            if v < n_inputs or v in has_successor or times[v] > 1:
                copy = n_inputs + n_vertices
                n_vertices += 1
                count[v, copy] = 1
                units.add((v, copy))
                if names:
                    names.append("copy to output")
                v = copy
            final.append(v)
        graph = cls(
            n_inputs, n_vertices, tuple(final), tuple(sorted(count)), frozenset(units), granularity, tuple(names)
        )
        if len(graph.topological_order) != graph.size:
            raise GraphError("`Graph.from_edges`: the edges contain a cycle; a computation has none.")
        return graph

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        return self._structure == other._structure

    def __hash__(self) -> int:
        return hash(self._structure)

    @property
    def _structure(self) -> tuple[object, ...]:
        return self.n_inputs, self.n_vertices, self.outputs, self.edges, self.unit_edges, self.granularity

    @property
    def size(self) -> int:
        """Number of all vertices, inputs included."""
        return self.n_inputs + self.n_vertices

    @cached_property
    def predecessors(self) -> tuple[tuple[int, ...], ...]:
        """For every vertex the sources of its in-edges, ascending."""
        table: list[list[int]] = [[] for _ in range(self.size)]
        for a, b in self.edges:
            table[b].append(a)
        return tuple(map(tuple, table))

    @cached_property
    def successors(self) -> tuple[tuple[int, ...], ...]:
        """For every vertex the targets of its out-edges, ascending."""
        table: list[list[int]] = [[] for _ in range(self.size)]
        for a, b in self.edges:
            table[a].append(b)
        return tuple(map(tuple, table))

    @cached_property
    def eliminable(self) -> tuple[int, ...]:
        """The intermediate vertices: neither input nor output, ascending."""
        kept = set(self.outputs)
        return tuple(v for v in range(self.n_inputs, self.size) if v not in kept)

    @cached_property
    def topological_order(self) -> tuple[int, ...]:
        """All vertices, each after its predecessors; among ready vertices the lowest number first."""
        waiting = [len(p) for p in self.predecessors]
        ready = [v for v, n in enumerate(waiting) if n == 0]
        order: list[int] = []
        while ready:
            v = heapq.heappop(ready)
            order.append(v)
            for s in self.successors[v]:
                waiting[s] -= 1
                if waiting[s] == 0:
                    heapq.heappush(ready, s)
        return tuple(order)

    @cached_property
    def live(self) -> frozenset[int]:
        """The vertices on a path from an input to an output; only these carry derivatives."""
        return self._reach(range(self.n_inputs), self.successors) & self._reach(self.outputs, self.predecessors)

    @cached_property
    def dead(self) -> tuple[int, ...]:
        """Intermediate vertices that are not live, in an order in which each costs nothing to eliminate.

        Those that reach no output go first, against evaluation order, and have no successor when their turn
        comes; those that no input reaches follow in evaluation order and have no predecessor.  (Reduction S1.)
        """
        inner = set(self.eliminable)
        to_output = self._reach(self.outputs, self.predecessors)
        useless = [v for v in reversed(self.topological_order) if v in inner and v not in to_output]
        constant = [v for v in self.topological_order if v in inner and v in to_output and v not in self.live]
        return tuple(useless + constant)

    @staticmethod
    def _reach(start: Iterable[int], neighbours: Sequence[Sequence[int]]) -> frozenset[int]:
        seen = set(start)
        stack = list(seen)
        while stack:
            for w in neighbours[stack.pop()]:
                if w not in seen:
                    seen.add(w)
                    stack.append(w)
        return frozenset(seen)

    def picture(self, order: Sequence[int] = (), weights: Mapping[int, float] | None = None) -> Picture:
        """The graph as something to draw, with turns and weights of an elimination if there is one.

        Args:
            order: Vertices in the order of their elimination.
            weights: What the elimination of each costs, as a share of the dearest one's.
        """
        turns, kept, dear = {v: k + 1 for k, v in enumerate(order)}, set(self.outputs), weights or {}
        nodes = tuple(
            Node(
                v,
                "input" if v < self.n_inputs else "output" if v in kept else "intermediate",
                self.labels[v - self.n_inputs] if self.labels and v >= self.n_inputs else "",
                turns.get(v, 0),
                dear.get(v, 0.0),
            )
            for v in range(self.size)
        )
        return Picture(nodes, self.edges, self.unit_edges)

    def to_dot(self, order: Sequence[int] = ()) -> str:
        """The graph in Graphviz's language, for ``dot -Tsvg``.  With an ``order``, vertices are numbered in turn."""
        from .pictures.dot import text

        return text(self.picture(order))

    def to_networkx(self) -> Any:
        """The graph as a ``networkx.DiGraph``.

        Nodes have the attributes ``kind`` (``"input"``, ``"intermediate"`` or ``"output"``) and ``label``, edges have
        ``unit``; the graph has ``outputs`` and ``granularity``.

        Raises:
            ImportError: networkx is not installed.
        """
        import networkx

        graph = networkx.DiGraph(outputs=self.outputs, granularity=self.granularity)
        graph.add_nodes_from((n.number, {"kind": n.kind, "label": n.label}) for n in self.picture().nodes)
        graph.add_edges_from((a, b, {"unit": (a, b) in self.unit_edges}) for a, b in self.edges)
        return graph

    def _repr_html_(self) -> str:
        """What notebooks show: the sizes, and a drawing where it shows anything."""
        from html import escape

        from .pictures.svg import drawing

        return f"<p>{escape(repr(self))}</p>{drawing(self.picture())}"

    def __repr__(self) -> str:
        return (
            f"Graph({self.granularity}: {self.n_inputs} inputs, {len(self.eliminable)} intermediate vertices, "
            f"{len(self.outputs)} outputs, {len(self.edges)} edges, {len(self.unit_edges)} of them units)"
        )


def checked_graph(name: str, graph: Any) -> Graph:
    """``graph``, if it is one.

    Raises:
        InputError: Anything else was given to ``ccjac.<name>``.
    """
    if isinstance(graph, Graph):
        return graph
    remedy = (
        "`ccjac.trace(f, *args)` makes that of a function"
        if callable(graph)
        else "a plan's is `plan.graph`, that of a function `ccjac.trace(f, *args)`"
    )
    raise InputError(f"`ccjac.{name}` takes a `Graph`, got {type(graph).__name__}; {remedy}.")
