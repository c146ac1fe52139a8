"""Annealing: reaches the best known costs, never beats brute force, repeats itself, can be interrupted."""

from __future__ import annotations

import numpy as np
import pytest
from order_oracles import ODD_PRICES, cheapest, paper_graph

import ccjac
from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import check_order, count
from ccjac.errors import UnsupportedError
from ccjac.graph import Graph
from ccjac.ordering import Progress
from ccjac.ordering.annealing.searcher import Annealer, cooling
from ccjac.ordering.states.bits import pack
from ccjac_zoo.graphs import random_graph


@pytest.mark.parametrize(
    ("name", "cost", "target"),
    [
        ("RoeFlux_1d", STRUCTURAL, 295),
        ("BlackScholes_Jacobian", STRUCTURAL, 297),
        ("g", STRUCTURAL, 409),
        ("unit_aware/RoeFlux_1d", MULTIPLICATIONS, 184),
        ("unit_aware/g", MULTIPLICATIONS, 276),
    ],
)
def test_a_few_rounds_reach_the_best_known_costs(name: str, cost: CostModel, target: int) -> None:
    """By number of rounds, not by time, from a bad start: nearly every seed needs one round, so six are plenty."""
    graph, _ = paper_graph(name)
    packed = pack(graph, cost)
    best = 1 << 60
    for seed in range(6):
        annealer = Annealer(packed, np.arange(packed.n), seed)
        for temperature in cooling(3.0, 300):
            *_, total = annealer.walk(temperature)
            assert total is not None
            best = min(best, total)
        if best <= target:
            break
    assert best <= target
    assert count(graph, graph.dead + packed.unpack_order(annealer.order)).cost(cost) == total


@pytest.mark.parametrize("cost", [STRUCTURAL, MULTIPLICATIONS, ODD_PRICES], ids=lambda cost: cost.name)
def test_never_beats_brute_force(cost: CostModel) -> None:
    found = 0
    for seed in range(60):
        graph = random_graph(seed)
        result, optimum = ccjac.search(graph, method="annealing", cost=cost, seconds=0.02), cheapest(graph, cost)
        assert count(graph, check_order(graph, result.order)).cost(cost) == result.cost
        assert result.lower_bound <= optimum <= result.cost
        found += result.cost == optimum
    assert found >= 58


def test_same_seed_same_decisions() -> None:
    packed = pack(paper_graph("g")[0], STRUCTURAL)
    runs = []
    for seed in (1, 1, 2):
        annealer = Annealer(packed, np.arange(packed.n), seed)
        for temperature in cooling(3.0, 5):
            list(annealer.walk(temperature))
        runs.append(annealer.order.tolist())
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("stride", [1, 7, 1000])
def test_slicing_a_pass_changes_nothing(stride: int) -> None:
    packed = pack(paper_graph("g")[0], STRUCTURAL)
    reference, sliced = (Annealer(packed, np.arange(packed.n), 3) for _ in range(2))
    sliced._stride = stride
    *_, a = reference.walk(2.0)
    *_, b = sliced.walk(2.0)
    assert a == b
    assert reference.order.tolist() == sliced.order.tolist()


def test_an_interrupt_keeps_the_best_order() -> None:
    graph, _ = paper_graph("g")

    def interrupt(progress: Progress) -> None:
        if progress.method == "annealing":
            raise KeyboardInterrupt

    result = ccjac.search(graph, method="annealing", cost="structural", seconds=30, progress=interrupt)
    assert result.method == "annealing"
    assert result.seconds < 20
    assert count(graph, check_order(graph, result.order)).structural == result.cost < 423


def test_stops_at_the_bound() -> None:
    graph, _ = paper_graph("RobotArm_6DOF")
    result = ccjac.search(graph, method="annealing", cost="structural", seconds=60)
    assert result.optimal
    assert result.seconds < 30


def test_no_vertices_no_intermediates_one_intermediate() -> None:
    for graph in (
        Graph.from_edges(0, 0, [], []),
        Graph.from_edges(1, 1, [1], [(0, 1)]),
        Graph.from_edges(1, 2, [2], [(0, 1), (1, 2)]),
    ):
        result = ccjac.search(graph, method="annealing", seconds=1)
        assert result.optimal
        assert sorted(result.order) == list(graph.eliminable)


def test_declines_what_does_not_fit_into_memory() -> None:
    n = 100_000
    graph = Graph.from_edges(1, n, [n], [(v, v + 1) for v in range(n)])
    with pytest.raises(UnsupportedError, match="lns"):
        ccjac.search(graph, method="annealing", seconds=20)
