"""Windows of an order: equivalent orders cost the same, and windows improve long orders."""

from __future__ import annotations

import random

import pytest
from order_oracles import ODD_PRICES, cheapest, paper_graph

import ccjac
from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import EliminationState, check_order, count
from ccjac.graph import Graph
from ccjac.ordering import Progress, greedy
from ccjac.ordering.annealing import windows as lns
from ccjac.ordering.annealing.equivalent import depth_first, later_neighbours
from ccjac.ordering.toolkit.incumbent import Incumbent
from ccjac_zoo.graphs import random_graph

MODELS = (STRUCTURAL, MULTIPLICATIONS, ODD_PRICES)


def time_steps(width: int, steps: int) -> Graph:
    """Explicit time stepping on a ring: u_i <- u_i + f(u_{i-1} + u_{i+1}, g(u_i)), four vertices a cell."""
    edges, units = [], []
    present, free = list(range(width)), width
    for _ in range(steps):
        future = []
        for i in range(width):
            a, b, c, d = range(free, free + 4)
            free += 4
            units += [(present[i - 1], a), (present[(i + 1) % width], a), (present[i], d)]
            edges += [(present[i], b), (a, c), (b, c), (c, d)]
            future.append(d)
        present = future
    return Graph.from_edges(width, free - width, present, edges + units, units)


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_depth_first_orders_cost_the_same(cost: CostModel) -> None:
    graphs = [paper_graph("unit_aware/g")[0], time_steps(6, 4), *map(random_graph, range(60))]
    rng = random.Random(0)
    for graph in graphs:
        live = [v for v in graph.eliminable if v not in graph.dead]
        order = rng.sample(live, len(live))
        later = dict(later_neighbours(EliminationState(graph, without_dead=True), order))
        total = count(graph, graph.dead + tuple(order)).cost(cost)
        for _ in range(3):
            other = depth_first(order, later, rng)
            assert sorted(other) == sorted(order)
            assert count(graph, graph.dead + tuple(other)).cost(cost) == total


def test_a_pass_ends_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while it follows the order, which takes long where the order fills the graph with edges."""
    incumbent = Incumbent.begin(time_steps(6, 4), MULTIPLICATIONS, 60.0, "lns")
    eliminated = []
    monkeypatch.setattr(EliminationState, "eliminate", lambda self, v: eliminated.append(v))
    windows = lns._Windows(incumbent, 0, "lns")
    incumbent.seconds = 0.0
    assert list(windows.walk()) == []
    assert len(eliminated) < 2


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_never_beats_brute_force(cost: CostModel) -> None:
    found = 0
    for seed in range(60):
        graph = random_graph(seed)
        result, optimum = ccjac.search(graph, method="lns", cost=cost, seconds=0.02), cheapest(graph, cost)
        assert count(graph, check_order(graph, result.order)).cost(cost) == result.cost
        assert result.lower_bound <= optimum <= result.cost
        found += result.cost == optimum
    assert found >= 58


def test_improves_on_the_best_greedy_rule() -> None:
    graph = time_steps(20, 6)
    best = greedy.best(graph)
    result = ccjac.search(graph, method="lns", seconds=3)
    assert count(graph, check_order(graph, result.order)).multiplications == result.cost < best.cost
    assert result.method == "lns"
    assert [cost for _, cost in result.history] == sorted({cost for _, cost in result.history}, reverse=True)


def test_an_interrupt_inside_a_pass_keeps_what_was_found() -> None:
    graph = time_steps(20, 6)
    seen: list[Progress] = []

    def interrupt(progress: Progress) -> None:
        seen.append(progress)
        if progress.method == "lns":
            raise KeyboardInterrupt

    result = ccjac.search(graph, method="lns", seconds=60, progress=interrupt)
    assert result.cost <= seen[-1].cost < seen[0].cost
    assert count(graph, check_order(graph, result.order)).multiplications == result.cost
    assert result.seconds < 40


def test_same_seed_same_decisions() -> None:
    from ccjac.ordering.annealing.windows import _Windows
    from ccjac.ordering.toolkit.incumbent import Incumbent

    graph, orders = time_steps(10, 3), []
    for seed in (1, 1, 2):
        incumbent = Incumbent.begin(graph, MULTIPLICATIONS, 1e9, "lns")
        windows = _Windows(incumbent, seed, "lns")
        list(windows.walk())
        orders.append(incumbent.order)
    assert orders[0] == orders[1] != orders[2]


def test_no_vertices_and_no_intermediates() -> None:
    for graph in (Graph.from_edges(0, 0, [], []), Graph.from_edges(1, 1, [1], [(0, 1)])):
        assert ccjac.search(graph, method="lns", seconds=1).optimal
