"""The graph's normal form and its checks."""

from __future__ import annotations

import pytest

import ccjac
from ccjac import Graph


def test_parallel_edges_merge_and_are_no_unit() -> None:
    graph = Graph.from_edges(1, 2, [2], [(0, 1), (0, 1), (1, 2)], [(0, 1), (1, 2)])
    assert graph.edges == ((0, 1), (1, 2))
    assert graph.unit_edges == {(1, 2)}


@pytest.mark.parametrize(
    ("outputs", "edges", "expected"),
    [
        ([1], [(0, 1), (1, 2)], (3,)),  # used further
        ([0], [(0, 1)], (3,)),  # an input
        ([2, 2], [(0, 1), (1, 2)], (3, 4)),  # named twice: neither copy may hang on the other
        ([2, 1], [(0, 1), (1, 2)], (2, 3)),
    ],
)
def test_outputs_get_copies(outputs: list[int], edges: list[tuple[int, int]], expected: tuple[int, ...]) -> None:
    graph = Graph.from_edges(1, 2, outputs, edges)
    assert graph.outputs == expected
    assert all(not graph.successors[v] for v in graph.outputs)
    for copy in (v for v in graph.outputs if v > 2):
        ((source,),) = [graph.predecessors[copy]]
        assert (source, copy) in graph.unit_edges
        assert source == outputs[expected.index(copy)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1, 1, [1], [(0, 2)]), "leaves"),
        ((1, 1, [1], [(1, 0)]), "enters an input"),
        ((1, 1, [1], [(1, 1)]), "loop"),
        ((1, 3, [3], [(0, 1), (1, 2), (2, 1), (2, 3)]), "cycle"),
        ((1, 1, [5], [(0, 1)]), "output 5"),
        ((1, 1, [1], [(0, 1)], [(1, 0)]), "unit edge"),
        ((-1, 1, [0], []), "n_inputs"),
    ],
)
def test_bad_descriptions(arguments: tuple, words: str) -> None:
    with pytest.raises(ccjac.GraphError, match=words):
        Graph.from_edges(*arguments)


def test_equality_ignores_labels_and_the_order_of_edges() -> None:
    a = Graph.from_edges(1, 2, [2], [(0, 1), (1, 2)], labels=["a", "b"])
    b = Graph.from_edges(1, 2, [2], [(1, 2), (0, 1)])
    assert a == b
    assert hash(a) == hash(b)
    assert a != Graph.from_edges(1, 2, [2], [(0, 1), (1, 2)], [(0, 1)])


def test_dead_vertices_cost_nothing_in_their_own_order() -> None:
    # 0 -> 1 -> 2(out); 0 -> 3 -> 4 lead nowhere; 5 -> 6 -> 2 come from nowhere.
    graph = Graph.from_edges(1, 6, [2], [(0, 1), (1, 2), (0, 3), (3, 4), (5, 6), (6, 2)])
    assert set(graph.dead) == {3, 4, 5, 6}
    assert graph.live == {0, 1, 2}
    assert ccjac.evaluate_order(graph, [*graph.dead, 1], "structural") == 1
    assert ccjac.evaluate_order(graph, [1], "structural") == 1


def test_orders_are_checked() -> None:
    graph = Graph.from_edges(1, 3, [3], [(0, 1), (1, 2), (2, 3)])
    for bad, words in (([1], "leaves out"), ([1, 1, 2], "twice"), ([0, 1, 2], "an input"), ([1, 2, 3], "an output")):
        with pytest.raises(ccjac.OrderError, match=words):
            ccjac.evaluate_order(graph, bad)
    with pytest.raises(ccjac.CcjacError, match="structural"):
        ccjac.evaluate_order(graph, [1, 2], cost="flops")
