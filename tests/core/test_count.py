"""Counting row by row agrees with eliminating pair by pair."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from ccjac.elimination import Counts, EliminationState, count
from ccjac.graph import Graph


def pair_by_pair(graph: Graph, order: tuple[int, ...]) -> Counts:
    state = EliminationState(graph)
    pairs, additions = [(0, 0, 0)], 0
    for v in order:
        pairs.append(state.pairs(v))
        additions += state.eliminate(v)
    none, one, both = map(sum, zip(*pairs, strict=True))
    return Counts((none, one, both), additions)


@given(st.integers(0, 2**32), st.integers(0, 6), st.integers(0, 30), st.sampled_from((0.0, 0.3, 0.7, 1.0)))
def test_counts_agree(seed: int, n_inputs: int, n_vertices: int, units: float) -> None:
    rng = random.Random(seed)
    size = n_inputs + n_vertices
    edges = sorted({(rng.randrange(v), v) for v in range(max(n_inputs, 1), size) for _ in range(rng.randint(0, 4))})
    outputs = rng.sample(range(size), rng.randint(0, min(size, 5)))
    graph = Graph.from_edges(n_inputs, n_vertices, outputs, edges, [e for e in edges if rng.random() < units])
    for part in (1.0, 0.5):
        order = tuple(rng.sample(graph.eliminable, int(part * len(graph.eliminable))))
        assert count(graph, order) == pair_by_pair(graph, order)
