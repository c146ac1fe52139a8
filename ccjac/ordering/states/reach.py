"""How many inputs and outputs a vertex is connected with."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph import Graph


def reach_counts(graph: Graph) -> tuple[list[int], list[int]]:
    """For every vertex, how many inputs reach it and how many outputs it reaches.  Elimination does not change it."""
    up = _reach_counts(range(graph.n_inputs), graph.topological_order, graph.predecessors)
    return up, _reach_counts(graph.outputs, graph.topological_order[::-1], graph.successors)


def reach_table(graph: Graph) -> list[int]:
    """For every vertex, the product of the two."""
    return [a * b for a, b in zip(*reach_counts(graph), strict=True)]


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
