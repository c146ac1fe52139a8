"""Exact search: agrees with brute force, by every one of its ways; reductions keep the optimum."""

from __future__ import annotations

import pytest
from order_oracles import ODD_PRICES, SCALAR_TASKS, cheapest, paper_graph

import ccjac
from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import EliminationState, check_order, count
from ccjac.graph import Graph
from ccjac.ordering import Progress
from ccjac.ordering.bounds.groups import group_bound
from ccjac.ordering.exact import branch, proof
from ccjac.ordering.exact.reductions import reduce
from ccjac.ordering.states.bits import pack_part
from ccjac.ordering.states.bits_numba import order_price
from ccjac_zoo.graphs import random_graph

MODELS = (STRUCTURAL, MULTIPLICATIONS, ODD_PRICES)


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_agrees_with_brute_force_on_500_random_graphs(cost: CostModel) -> None:
    for seed in range(500):
        graph = random_graph(seed)
        result = ccjac.search(graph, method="exact", cost=cost, seconds=30)
        assert count(graph, check_order(graph, result.order)).cost(cost) == result.cost
        assert result.optimal
        assert result.cost == result.lower_bound == cheapest(graph, cost)
        if result.certificate.proof == "groups":
            assert group_bound(graph, cost, result.certificate.groups) == result.lower_bound


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_branch_and_bound_agrees_with_brute_force(cost: CostModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """With neither sets nor groups to prove anything, so that thresholds, sleep sets and tables have to."""
    monkeypatch.setattr(proof, "_ALL_SETS", 0)
    monkeypatch.setattr(proof, "_GROUPS_FIRST", -1.0)
    monkeypatch.setattr(proof, "improvements", lambda *_: iter(()))
    monkeypatch.setattr(branch, "_TABLE", 1 << 6)
    searched = 0
    for seed in range(300):
        graph = random_graph(seed)
        result = ccjac.search(graph, method="exact", cost=cost, seconds=30)
        assert result.cost == result.lower_bound == cheapest(graph, cost)
        assert count(graph, check_order(graph, result.order)).cost(cost) == result.cost
        searched += result.certificate.proof == "exhausted"
    assert searched > 20


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_the_first_threshold_with_an_order_is_its_cost(cost: CostModel) -> None:
    found = 0
    for seed in range(40):
        graph = random_graph(seed)
        reduced = reduce(graph, cost)
        for part in reduced.components:
            packed = pack_part(reduced.state, part, cost)
            search = branch.Branching(packed, ())
            best = None
            for threshold in range(10_000):
                order = next(found for found in search.run(threshold) if found is not None)
                if order.size:
                    best = threshold
                    break
            assert best is not None
            assert order_price(packed.rows.copy(), order, packed.pair, packed.units) == best
            found += 1
    assert found > 25


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_reductions_keep_the_optimum(cost: CostModel) -> None:
    reduced_away = split = 0
    for seed in range(400):
        graph = random_graph(seed)
        reduced = reduce(graph, cost)
        state = EliminationState(graph)
        for v in (*graph.dead, *reduced.prefix):
            state.eliminate(v)
        left = sorted(v for part in reduced.components for v in part)
        assert sorted((*graph.dead, *reduced.prefix, *left)) == list(graph.eliminable)
        if len(set(cost.pair)) > 1:
            assert reduced.prefix == ()
        reduced_away += len(reduced.prefix)
        split += len(reduced.components) > 1
        total = reduced.price
        for part in reduced.components:
            inside = set(part)
            edges = [(a, b) for a in range(graph.size) for b in reduced.state.successors[a]]
            mine = [(a, b) for a, b in edges if a in inside or b in inside]
            total += _optimum_of_part(mine, reduced.state.successors, part, cost)
        assert total == cheapest(graph, cost)
    assert split > 50
    assert reduced_away > 50 or len(set(cost.pair)) > 1


def _optimum_of_part(
    edges: list[tuple[int, int]], succs: list[dict[int, bool]], part: tuple[int, ...], cost: CostModel
) -> int:
    """The component as a graph of its own: neighbours outside become inputs and outputs."""
    inside = set(part)
    sources = sorted({a for a, _ in edges if a not in inside})
    targets = sorted({b for _, b in edges if b not in inside})
    number = {v: i for i, v in enumerate((*sources, *part))}
    into = {b: len(sources) + len(part) + i for i, b in enumerate(targets)}
    renumbered = {(a, b): (number[a], number[b] if b in inside else into[b]) for a, b in edges}
    graph = Graph.from_edges(
        len(sources),
        len(part) + len(targets),
        list(into.values()),
        list(renumbered.values()),
        [renumbered[a, b] for a, b in edges if succs[a][b]],
    )
    return cheapest(graph, cost)


@pytest.mark.parametrize("name", ["RobotArm_6DOF", "HumanHeartDipole", "PropaneCombustion"])
def test_published_graphs_proven_optimal(name: str) -> None:
    graph, _ = paper_graph(name)
    result = ccjac.search(graph, method="exact", cost="structural", seconds=30)
    assert result.optimal
    assert result.cost == dict(zip(SCALAR_TASKS, (295, 221, 148, 88, 297, 409), strict=True))[name]


@pytest.mark.parametrize(("name", "optimum"), [("unit_aware/HumanHeartDipole", 48), ("scalar/MLP", 223)])
def test_proven_optimal_with_unit_edges(name: str, optimum: int) -> None:
    graph, _ = paper_graph(name)
    result = ccjac.search(graph, method="exact", seconds=60)
    assert result.cost == result.lower_bound == optimum
    if result.certificate.proof == "groups":
        assert group_bound(graph, MULTIPLICATIONS, result.certificate.groups) == optimum


def test_running_out_of_time_leaves_a_valid_bound() -> None:
    graph, _ = paper_graph("unit_aware/g")
    result = ccjac.search(graph, method="exact", seconds=2)
    assert 128 <= result.lower_bound <= 276 <= result.cost
    assert result.seconds < 15
    if result.certificate.proof == "groups":
        assert group_bound(graph, MULTIPLICATIONS, result.certificate.groups) == result.lower_bound


def test_an_interrupt_keeps_order_and_bound() -> None:
    graph, _ = paper_graph("unit_aware/g")

    def interrupt(progress: Progress) -> None:
        if progress.lower_bound > 128:
            raise KeyboardInterrupt

    result = ccjac.search(graph, method="exact", seconds=60, progress=interrupt)
    assert result.lower_bound > 128
    assert result.seconds < 40


def test_no_vertices_no_intermediates_only_dead_ones() -> None:
    for graph in (
        Graph.from_edges(0, 0, [], []),
        Graph.from_edges(1, 1, [1], [(0, 1)]),
        Graph.from_edges(1, 3, [1], [(0, 1), (0, 2), (3, 1)]),
    ):
        result = ccjac.search(graph, method="exact", seconds=1)
        assert result.optimal
        assert result.cost == 0
        assert sorted(result.order) == list(graph.eliminable)
