"""A graph's identity: the same structure gives the same fingerprint, however its vertices are numbered.

Three steps, each near-linear in the number of edges.

1. *Colour refinement* (Weisfeiler & Leman 1968): a vertex's colour becomes a hash of its own and of its neighbours'
   colours, until no class of equal colours splits any more.  Ordinary graphs end here, with all colours distinct.
2. *Individualisation*: in a symmetric graph (a matrix times a vector) whole classes stay alike.  One member of the
   first such class is singled out and the consequences are propagated through the split classes alone, never through
   the largest part of a split (Hopcroft 1971; Paige & Tarjan 1987), until every vertex is on its own.
3. *Numbering* by (input or not, level, colour), and a hash of the renumbered edge list.

The last step hashes the whole structure, so different structures collide only if xxh3-128 does.  Step 2 does not
backtrack.  Where members of one class are not interchangeable, which refinement alone cannot see, a wrong choice gives
one structure two fingerprints; that costs a hit in the zoo and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

import numpy as np
import xxhash

from ..graph import Graph
from .refinement import Links, Partition

SCHEMA = 1
"""Part of every fingerprint.  Raise it when the numbering or the hashed text changes: stored orders then miss."""

_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)  # splitmix64 (Steele, Lea & Flood, OOPSLA 2014)
_IN, _UNIT_IN = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F
_OUT, _UNIT_OUT = 0xD6E8FEB86659FD93, 0xA0761D6478BD642F

_GIVE_UP = 80
"""A vectorised round costs about as much as walking 1/80 of the edges in Python; below that many splits, walk."""


@dataclass(frozen=True, eq=False)
class Canonical:
    """A graph's fingerprint and its canonical numbering.

    Attributes:
        fingerprint: 32 hexadecimal digits.
        numbering: For every vertex of the graph its canonical number; inputs come first, predecessors before
            successors.
        source: The graph itself.
    """

    fingerprint: str
    numbering: tuple[int, ...]
    source: Graph = field(repr=False)

    @cached_property
    def vertices(self) -> tuple[int, ...]:
        """For every canonical number the graph's vertex: the inverse of ``numbering``."""
        inverse = [0] * len(self.numbering)
        for v, number in enumerate(self.numbering):
            inverse[number] = v
        return tuple(inverse)

    @cached_property
    def graph(self) -> Graph:
        """The same structure in canonical numbering, outputs ascending, without labels."""
        place = self.numbering
        source = self.source
        return Graph(
            source.n_inputs,
            source.n_vertices,
            tuple(sorted(place[v] for v in source.outputs)),
            tuple(sorted((place[a], place[b]) for a, b in source.edges)),
            frozenset((place[a], place[b]) for a, b in source.unit_edges),
            source.granularity,
        )

    def to_canonical(self, order: Iterable[int]) -> tuple[int, ...]:
        """Rewrite an elimination order of the graph in canonical numbers."""
        place = self.numbering
        return tuple(place[v] for v in order)

    def from_canonical(self, order: Iterable[int]) -> tuple[int, ...]:
        """Rewrite an elimination order in canonical numbers as one of the graph.

        Raises:
            IndexError: A number that no vertex has.  Negative numbers are not caught here;
                :func:`ccjac.elimination.check_order` is the judge of orders.
        """
        vertices = self.vertices
        return tuple(vertices[number] for number in order)


@dataclass(frozen=True)
class _Side:
    """All edges, grouped by one end, as arrays.

    Attributes:
        first: ``[n + 1]`` the edges of vertex v are ``first[v]`` to ``first[v + 1]``.
        near: ``[e]`` the end by which they are grouped.
        far: ``[e]`` the other end, ascending within a group.
        unit: ``[e]`` whether the edge is a unit edge.
    """

    first: np.ndarray
    near: np.ndarray
    far: np.ndarray
    unit: np.ndarray

    @classmethod
    def of(cls, neighbours: Sequence[Sequence[int]], units: np.ndarray) -> _Side:
        """From every vertex's neighbours and the unit edges ``[u, 2]``, this side's end first."""
        n = len(neighbours)
        degree = np.fromiter(map(len, neighbours), dtype=np.int64, count=n)
        first = np.zeros(n + 1, dtype=np.int64)
        np.cumsum(degree, out=first[1:])
        near = np.repeat(np.arange(n), degree)
        far = np.fromiter(chain.from_iterable(neighbours), dtype=np.int64, count=int(first[-1]))
        unit = np.zeros(len(far), dtype=bool)
        unit[np.searchsorted(near * n + far, units @ (n, 1))] = True
        return cls(first, near, far, unit)


def canonical(graph: Graph) -> Canonical:
    """Compute the fingerprint and the canonical numbering of a graph.

    The fingerprint depends on vertices, edges, unit flags, granularity, on which vertices are inputs and outputs, and
    on :data:`SCHEMA`.  It does not depend on labels, on the vertex numbering, on the order of inputs or outputs, on
    the process, on ``PYTHONHASHSEED`` or on the platform.
    """
    units = np.fromiter(chain.from_iterable(graph.unit_edges), dtype=np.int64).reshape(-1, 2)
    outward = _Side.of(graph.successors, units)
    place = _number(graph, outward, _Side.of(graph.predecessors, units[:, ::-1]))
    return Canonical(_hash(graph, outward, place), tuple(place.tolist()), graph)


def fingerprint(graph: Graph) -> str:
    """The fingerprint alone, see :func:`canonical`."""
    return canonical(graph).fingerprint


def _number(graph: Graph, outward: _Side, inward: _Side) -> np.ndarray:
    """Canonical number of every vertex, ``[n]``."""
    n = graph.size
    up, down = _levels(graph)
    outputs = np.zeros(n, dtype=np.uint64)
    outputs[list(graph.outputs)] = 1
    is_inner = (np.arange(n) >= graph.n_inputs).astype(np.uint64)
    colours = _mix((is_inner << np.uint64(62) | up << np.uint64(31) | down) + outputs * np.uint64(_UNIT_OUT))
    colours, news = _refine(colours, outward, inward)
    order = np.lexsort((colours, up, is_inner))
    ranked = colours[order]
    is_start = np.ones(n, dtype=bool)
    is_start[1:] = ranked[1:] != ranked[:-1]
    if is_start.all():
        place = np.empty(n, dtype=np.int64)
        place[order] = np.arange(n)
        return place
    words = _mix(np.arange(1, 4 * n + 1, dtype=np.uint64)) >> np.uint64(4)
    partition = Partition(Links.of(graph, words.tolist()), order.tolist(), np.flatnonzero(is_start).tolist())
    partition.refine(np.flatnonzero(news).tolist())
    partition.individualise_all()
    return np.array([partition.position(v) for v in range(n)], dtype=np.int64)


def _levels(graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    """Longest paths from a source to every vertex and from it to a sink: ``(up [n], down [n])``.

    A path's worth of rounds is saved, because a vertex knows its place on long chains at once.
    """
    levels = []
    order = graph.topological_order
    for vertices, neighbours in ((order, graph.successors), (reversed(order), graph.predecessors)):
        level = [0] * graph.size
        for v in vertices:
            beyond = level[v] + 1
            for w in neighbours[v]:
                if level[w] < beyond:
                    level[w] = beyond
        levels.append(np.array(level, dtype=np.uint64))
    return levels[0], levels[1]


def _refine(colours: np.ndarray, outward: _Side, inward: _Side) -> tuple[np.ndarray, np.ndarray]:
    """Colour refinement in whole-graph rounds, while these split many classes.

    Returns:
        The colours ``[n]``, and which vertices ``[n]`` still have to tell their neighbours about their last change.
    """
    n = len(colours)
    weight_out = np.where(outward.unit, np.uint64(_UNIT_OUT), np.uint64(_OUT))
    weight_in = np.where(inward.unit, np.uint64(_UNIT_IN), np.uint64(_IN))
    classes = _count_distinct(colours)
    while True:
        before = colours
        heard = _segment_sums(before[outward.far] * weight_out, outward.first)
        heard += _segment_sums(before[inward.far] * weight_in, inward.first)
        colours = _mix(before + heard)
        old, classes = classes, _count_distinct(colours)
        if classes in (old, n):
            return colours, np.zeros(n, dtype=bool)
        if (classes - old) * _GIVE_UP < n:
            return colours, _smaller_parts(before, colours)


def _smaller_parts(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Members of all classes that the last round cut off, the largest part of each split class left out, ``[n]``."""
    values, first, inverse, size = np.unique(after, return_index=True, return_inverse=True, return_counts=True)
    parent = before[first]
    order = np.lexsort((values, -size, parent))
    is_part = np.zeros(len(values), dtype=bool)
    is_part[order[1:]] = parent[order[1:]] == parent[order[:-1]]
    return is_part[inverse]


def _mix(x: np.ndarray) -> np.ndarray:
    """The splitmix64 finaliser on a fresh uint64 array, in place; arithmetic is modulo 2**64."""
    x ^= x >> np.uint64(30)
    x *= np.uint64(_MIX[0])
    x ^= x >> np.uint64(27)
    x *= np.uint64(_MIX[1])
    x ^= x >> np.uint64(31)
    return x


def _segment_sums(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Sums of ``values[first[i]:first[i + 1]]`` modulo 2**64; unlike ``np.add.reduceat`` right for empty segments."""
    running = np.zeros(len(values) + 1, dtype=np.uint64)
    np.cumsum(values, out=running[1:])
    return running[first[1:]] - running[first[:-1]]


def _count_distinct(values: np.ndarray) -> int:
    ranked = np.sort(values)
    return int(np.count_nonzero(ranked[1:] != ranked[:-1])) + bool(len(ranked))


def _hash(graph: Graph, outward: _Side, place: np.ndarray) -> str:
    """xxh3-128 of the renumbered structure, all numbers as little-endian 64-bit words."""
    edges = place[outward.near] << 32 | place[outward.far] << 1 | outward.unit
    edges.sort()
    outputs = np.sort(place[list(graph.outputs)])
    sizes = np.array([SCHEMA, graph.n_inputs, graph.n_vertices, len(outputs), len(edges)])
    text = xxhash.xxh3_128(f"ccjac graph {graph.granularity}\n".encode())
    for words in (sizes, outputs, edges):
        text.update(words.astype("<u8").tobytes())
    return text.hexdigest()
