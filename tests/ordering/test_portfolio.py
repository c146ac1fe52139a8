"""The default searcher: what the published graphs are known to cost, within seconds."""

from __future__ import annotations

import pytest
from order_oracles import paper_graph

import ccjac


@pytest.mark.parametrize(
    ("name", "best"), [("RobotArm_6DOF", 221), ("HumanHeartDipole", 148), ("PropaneCombustion", 88)]
)
def test_published_optima_are_found_and_proven(name: str, best: int) -> None:
    result = ccjac.search(paper_graph(name)[0], cost="structural", seconds=20.0)
    assert result.cost == result.lower_bound == best
    assert result.optimal
    assert ccjac.evaluate_order(paper_graph(name)[0], result.order, "structural") == best


def test_a_budget_improves_on_the_greedy_rules() -> None:
    graph = paper_graph("unit_aware/RoeFlux_1d")[0]
    found, greedy = ccjac.search(graph, seconds=2.0), ccjac.search(graph, method="greedy")
    assert found.cost < greedy.cost
    assert found.lower_bound <= found.cost
    assert found.method == "portfolio:annealing"
    assert found.history[-1][1] == found.cost


def test_long_orders_are_improved_by_windows() -> None:
    n = 2_000
    edges = [(v - step, v) for v in range(3, n) for step in (1, 2, 3)]
    graph = ccjac.Graph.from_edges(3, n - 3, [n - 1, n - 40], edges)
    found = ccjac.search(graph, seconds=3.0)
    assert found.cost <= ccjac.search(graph, method="greedy").cost
    assert ccjac.evaluate_order(graph, found.order) == found.cost


def test_trivial_graphs() -> None:
    graph = ccjac.Graph.from_edges(2, 1, [2], [(0, 2), (1, 2)])
    result = ccjac.search(graph, seconds=0.1)
    assert result.order == ()
    assert result.cost == 0
    assert result.optimal
