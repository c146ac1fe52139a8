"""Graphs and search results to fill zoos with; other processes import this too."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ccjac.cost import MULTIPLICATIONS
from ccjac.elimination import count, forward_order, reverse_order
from ccjac.errors import ZooWarning
from ccjac.graph import Graph
from ccjac.ordering import SearchResult


def make_graph(seed: int = 0, n_inputs: int = 3, n_vertices: int = 14) -> Graph:
    rng = random.Random(seed)
    edges = sorted(
        {(rng.randrange(v), v) for v in range(n_inputs, n_inputs + n_vertices) for _ in range(rng.randint(1, 3))}
    )
    used = {a for a, _ in edges}
    outputs = [v for v in range(n_inputs, n_inputs + n_vertices) if v not in used]
    return Graph.from_edges(n_inputs, n_vertices, outputs, edges, [e for e in edges if rng.random() < 0.2])


def make_result(graph: Graph, order: tuple[int, ...], method: str = "greedy:LM", bound: int = 0) -> SearchResult:
    return SearchResult(order, count(graph, order).cost(MULTIPLICATIONS), bound, method, 0.25)


def two_results(graph: Graph) -> tuple[SearchResult, SearchResult]:
    """A worse and a better order."""
    rng = random.Random(5)
    shuffled = (tuple(rng.sample(graph.eliminable, len(graph.eliminable))) for _ in range(30))
    orders = [forward_order(graph), reverse_order(graph), *shuffled]
    found = sorted((make_result(graph, order) for order in orders), key=lambda result: result.cost)
    assert found[0].cost < found[-1].cost
    return found[-1], found[0]


@contextmanager
def one_warning(match: str) -> Iterator[None]:
    """Exactly one :class:`ZooWarning`, however much happens."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    assert [w.category for w in caught] == [ZooWarning], [str(w.message) for w in caught]
    assert match in str(caught[0].message)
