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

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, pairwise

import numpy as np
import xxhash

from .graph import Graph
from .partition import Links, Partition

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
    """

    fingerprint: str
    numbering: tuple[int, ...]
    _source: Graph = field(repr=False)

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
        source = self._source
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
class _Arrays:
    """A graph as arrays: ``[e]`` one entry per edge, edges ascending."""

    source: np.ndarray
    target: np.ndarray
    unit: np.ndarray

    @classmethod
    def of(cls, graph: Graph) -> _Arrays:
        edges = _pairs(graph.edges)
        unit = np.zeros(len(edges), dtype=bool)
        if graph.unit_edges:
            # Edges are sorted, so their row-major codes are too.
            codes, units = edges @ (graph.size, 1), _pairs(graph.unit_edges) @ (graph.size, 1)
            unit[np.searchsorted(codes, units)] = True
        return cls(edges[:, 0], edges[:, 1], unit)


def canonical(graph: Graph) -> Canonical:
    """Compute the fingerprint and the canonical numbering of a graph.

    The fingerprint depends on vertices, edges, unit flags, granularity, on which vertices are inputs and outputs, and
    on :data:`SCHEMA`.  It does not depend on labels, on the vertex numbering, on the order of inputs or outputs, on
    the process, on ``PYTHONHASHSEED`` or on the platform.
    """
    arrays = _Arrays.of(graph)
    place = _number(graph, arrays)
    return Canonical(_hash(graph, arrays, place), tuple(place.tolist()), graph)


def fingerprint(graph: Graph) -> str:
    """The fingerprint alone, see :func:`canonical`."""
    return canonical(graph).fingerprint


def _number(graph: Graph, arrays: _Arrays) -> np.ndarray:
    """Canonical number of every vertex, ``[n]``."""
    up, down = _levels(graph)
    outputs = np.zeros(graph.size, dtype=np.uint64)
    outputs[list(graph.outputs)] = 1
    is_inner = (np.arange(graph.size) >= graph.n_inputs).astype(np.uint64)
    base = is_inner << np.uint64(62) | up << np.uint64(31) | down
    colours = _mix(base + outputs * np.uint64(_UNIT_OUT))
    colours, parts = _refine(arrays, colours)
    order = np.lexsort((colours, up, is_inner))
    ranked = colours[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if graph.size else np.zeros(0, dtype=np.int64)
    place = np.empty(graph.size, dtype=np.int64)
    if len(starts) == graph.size:
        place[order] = np.arange(graph.size)
        return place
    partition = Partition(_links(graph.size, arrays), order.tolist(), starts.tolist())
    partition.refine(np.flatnonzero(parts).tolist())
    partition.individualise_all()
    return np.array(partition.cell, dtype=np.int64)


def _levels(graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    """Longest paths from a source to every vertex and from it to a sink: ``(up [n], down [n])``.

    A path's worth of rounds is saved, because a vertex knows its place on long chains at once.
    """
    up, down = [0] * graph.size, [0] * graph.size
    predecessors = graph.predecessors
    topological = graph.topological_order
    for v in topological:
        if preds := predecessors[v]:
            up[v] = 1 + max([up[p] for p in preds])
    for v in reversed(topological):
        below = down[v] + 1
        for p in predecessors[v]:
            if down[p] < below:
                down[p] = below
    return np.array(up, dtype=np.uint64), np.array(down, dtype=np.uint64)


def _refine(arrays: _Arrays, colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colour refinement in whole-graph rounds, while these split many classes.

    Returns:
        The colours ``[n]``, and which vertices ``[n]`` still have to tell their neighbours about their last change.
    """
    n = len(colours)
    by_target = np.argsort(arrays.target, kind="stable")
    source, target = arrays.source[by_target], arrays.target
    weight_in = np.where(arrays.unit[by_target], np.uint64(_UNIT_IN), np.uint64(_IN))
    weight_out = np.where(arrays.unit, np.uint64(_UNIT_OUT), np.uint64(_OUT))
    first_in = np.searchsorted(arrays.target[by_target], np.arange(n + 1))
    first_out = np.searchsorted(arrays.source, np.arange(n + 1))
    classes = _count_distinct(colours)
    while True:
        before = colours
        heard = _segment_sums(before[source] * weight_in, first_in)
        heard += _segment_sums(before[target] * weight_out, first_out)
        colours = _mix(before + heard)
        old, classes = classes, _count_distinct(colours)
        if classes in (old, n):
            return colours, np.zeros(n, dtype=bool)
        if (classes - old) * _GIVE_UP < n:
            return colours, _smaller_parts(before, colours)


def _links(n: int, arrays: _Arrays) -> Links:
    """The same edges from both ends: kinds 0 and 1 seen from the source, 2 and 3 from the target, odd ones units."""
    vertex = np.concatenate([arrays.source, arrays.target])
    links = np.concatenate([arrays.target << 2 | arrays.unit, arrays.source << 2 | arrays.unit | 2])
    order = np.argsort(vertex, kind="stable")
    grouped = links[order].tolist()
    first = np.searchsorted(vertex[order], np.arange(n + 1)).tolist()
    words = _mix(np.arange(1, 4 * n + 1, dtype=np.uint64)).tolist()
    return Links([grouped[a:b] for a, b in pairwise(first)], words)


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


def _pairs(edges: Iterable[tuple[int, int]]) -> np.ndarray:
    """Edges as an integer array ``[e, 2]``."""
    return np.fromiter(chain.from_iterable(edges), dtype=np.int64).reshape(-1, 2)


def _hash(graph: Graph, arrays: _Arrays, place: np.ndarray) -> str:
    """xxh3-128 of the renumbered structure, all numbers as little-endian 64-bit words."""
    edges = place[arrays.source] << 32 | place[arrays.target] << 1 | arrays.unit
    edges.sort()
    outputs = np.sort(place[list(graph.outputs)])
    sizes = np.array([SCHEMA, graph.n_inputs, graph.n_vertices, len(outputs), len(edges)])
    text = xxhash.xxh3_128(f"ccjac graph {graph.granularity}\n".encode())
    for words in (sizes, outputs, edges):
        text.update(words.astype("<u8").tobytes())
    return text.hexdigest()
