"""The default searcher: what the published graphs are known to cost, within seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ccjac

DATA = Path(__file__).parent.parent / "data" / "paper_graphs"


def load(path: Path) -> ccjac.Graph:
    data = json.loads(path.read_text(encoding="utf-8"))
    edges, units = data["edges"], data.get("unit_edges", ())
    return ccjac.Graph.from_edges(data["n_inputs"], data["n_vertices"], data["outputs"], edges, units)


@pytest.mark.parametrize(
    ("name", "best"), [("RobotArm_6DOF", 221), ("HumanHeartDipole", 148), ("PropaneCombustion", 88)]
)
def test_published_optima_are_found_and_proven(name: str, best: int) -> None:
    result = ccjac.search(load(DATA / f"{name}.json"), cost="structural", seconds=20.0)
    assert result.cost == result.lower_bound == best
    assert result.optimal
    assert ccjac.evaluate_order(load(DATA / f"{name}.json"), result.order, "structural") == best


def test_a_budget_improves_on_the_greedy_rules() -> None:
    graph = load(DATA / "unit_aware" / "RoeFlux_1d.json")
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
