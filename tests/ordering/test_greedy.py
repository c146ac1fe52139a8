"""The greedy family: published counts, targets, definitions checked against a slow restatement."""

from __future__ import annotations

import functools
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from order_oracles import ODD_PRICES, SCALAR_TASKS, cheapest, paper_graph

import ccjac
from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import EliminationState, check_order, count
from ccjac.errors import CcjacError, OrderError
from ccjac.graph import Graph
from ccjac.ordering import greedy
from ccjac.ordering.greedy import searcher
from ccjac.ordering.greedy.rules import Ties
from ccjac.ordering.states.reach import reach_table
from ccjac_zoo.graphs import random_graph

TARGETS = dict(zip(SCALAR_TASKS, (305, 221, 148, 88, 307, 414), strict=True))
MODELS = (STRUCTURAL, MULTIPLICATIONS, ODD_PRICES)


@pytest.mark.parametrize("name", SCALAR_TASKS)
def test_published_counts_replay(name: str) -> None:
    graph, record = paper_graph(name)
    for rule in ("forward", "reverse", "markowitz"):
        order = greedy.rule_order(graph, rule)
        assert count(graph, check_order(graph, order)).structural == record["multiplications"][rule]


@pytest.mark.parametrize("name", SCALAR_TASKS)
def test_best_structural_cost(name: str) -> None:
    graph, _ = paper_graph(name)
    assert greedy.best(graph, STRUCTURAL).cost <= TARGETS[name]


@pytest.mark.parametrize("name", ["RobotArm_6DOF", "HumanHeartDipole", "PropaneCombustion"])
def test_proves_the_easy_ones_optimal(name: str) -> None:
    graph, _ = paper_graph(name)
    result = greedy.best(graph, STRUCTURAL)
    assert result.optimal
    assert result.cost == result.lower_bound == TARGETS[name]


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
@pytest.mark.parametrize("name", ["RoeFlux_1d", "unit_aware/g", "scalar/RoeFlux_3d"])
def test_result_is_what_it_says(name: str, cost: CostModel) -> None:
    graph, _ = paper_graph(name)
    result = greedy.best(graph, cost)
    assert count(graph, check_order(graph, result.order)).cost(cost) == result.cost
    assert sorted(result.order) == list(graph.eliminable)
    assert result.method.startswith("greedy:")
    assert result.history[-1][1] == result.cost
    assert [c for _, c in result.history] == sorted({c for _, c in result.history}, reverse=True)
    assert result.lower_bound <= result.cost


def _slow_rule(graph: Graph, key: Callable[[EliminationState, int], int], sign: int) -> tuple[int, ...]:
    state, order = EliminationState(graph), list(graph.dead)
    for v in order:
        state.eliminate(v)
    left = set(graph.eliminable) - set(order)
    while left:
        v = min(left, key=lambda v: (key(state, v), sign * v))
        state.eliminate(v)
        left.remove(v)
        order.append(v)
    return tuple(order)


def _degree(state: EliminationState, v: int) -> int:
    return len(state.predecessors[v]) * len(state.successors[v])


def _fill(state: EliminationState, v: int) -> int:
    return sum(s not in state.successors[p] for p in state.predecessors[v] for s in state.successors[v])


def _damage(state: EliminationState, v: int) -> int:
    near = [*state.predecessors[v], *state.successors[v]]
    after = state.copy()
    after.eliminate(v)
    return sum(_degree(after, u) - _degree(state, u) for u in near)


def _priced_damage(state: EliminationState, v: int) -> int:
    near = [*state.predecessors[v], *state.successors[v]]
    after = state.copy()
    after.eliminate(v)
    return sum(after.cost(u, MULTIPLICATIONS) - state.cost(u, MULTIPLICATIONS) for u in near)


DEFINITIONS: dict[str, Callable[[EliminationState, int], int]] = {
    "LM": _degree,
    "MF": _fill,
    "LMMD": lambda state, v: _degree(state, v) + _damage(state, v),
    "MOMR": lambda state, v: _damage(state, v) - _degree(state, v),
    "MD": _damage,
    "MF-LM": lambda state, v: _fill(state, v) * 1000 + state.cost(v, MULTIPLICATIONS),
    "LMMD-priced": lambda state, v: state.cost(v, MULTIPLICATIONS) + _priced_damage(state, v),
}


@pytest.mark.parametrize("ties", ["reverse", "forward"])
@pytest.mark.parametrize("rule", DEFINITIONS)
def test_rules_follow_their_definition(rule: str, ties: Ties) -> None:
    graph, _ = paper_graph("unit_aware/PropaneCombustion")
    for g in (graph, *(random_graph(seed) for seed in range(60))):
        expected = _slow_rule(g, DEFINITIONS[rule], -1 if ties == "reverse" else 1)
        assert greedy.rule_order(g, rule, ties=ties) == expected


def test_reach_of_lrm() -> None:
    """x0, x1 -> a -> b, c -> y0, y1: LRM prefers the vertex with the larger reach among equal degrees."""
    graph = Graph.from_edges(2, 6, [6, 7], [(0, 2), (1, 2), (2, 3), (0, 4), (4, 5), (3, 6), (3, 7), (5, 7)])
    assert reach_table(graph)[2:6] == [4, 4, 1, 1]
    assert greedy.rule_order(graph, "LRM")[0] == 3
    assert greedy.rule_order(graph, "LM")[0] == 5


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_never_beats_brute_force(cost: CostModel) -> None:
    for seed in range(150):
        graph = random_graph(seed, inner=7)
        result, optimum = greedy.best(graph, cost), cheapest(graph, cost)
        assert result.lower_bound <= optimum <= result.cost
        assert count(graph, check_order(graph, result.order)).cost(cost) == result.cost


def test_no_vertices_and_no_intermediates() -> None:
    for graph in (Graph.from_edges(0, 0, [], []), Graph.from_edges(1, 1, [1], [(0, 1)])):
        result = ccjac.search(graph, method="greedy")
        assert result.order == ()
        assert result.cost == 0
        assert result.optimal


def test_dead_vertices_go_first_and_cost_nothing() -> None:
    # 2 is useless, 3 is constant, 4 is live.
    graph = Graph.from_edges(2, 4, [5], [(0, 2), (1, 2), (3, 5), (0, 4), (4, 5)])
    result = greedy.best(graph, STRUCTURAL)
    assert result.order == (2, 3, 4)
    assert result.cost == 1


def test_a_start_is_kept_if_it_is_better() -> None:
    graph, _ = paper_graph("g")
    better = ccjac.search(graph, method="annealing", cost="structural", seconds=0.5)
    assert better.cost < greedy.best(graph, STRUCTURAL).cost
    result = ccjac.search(graph, method="greedy", cost="structural", start=[better.order])
    assert result.cost == better.cost
    assert result.method == "given"


def test_unknown_names() -> None:
    graph = Graph.from_edges(1, 1, [1], [(0, 1)])
    with pytest.raises(OrderError, match="greedy"):
        ccjac.search(graph, method="sorcery")
    with pytest.raises(OrderError, match="LMMD"):
        greedy.rule_order(graph, "sorcery")
    with pytest.raises(CcjacError, match="structural"):
        ccjac.search(graph, method="greedy", cost="sorcery")


def test_progress_reports_every_improvement() -> None:
    graph, _ = paper_graph("RoeFlux_1d")
    seen: list[int] = []
    result = ccjac.search(graph, method="greedy", cost="structural", progress=lambda p: seen.append(p.cost))
    assert tuple(seen) == tuple(cost for _, cost in result.history)


def _long_code(seed: int, vertices: int) -> Graph:
    """Like straight-line code, with hubs: operands are recent or among the first vertices."""
    rng = random.Random(seed)
    reach = rng.choice([5, 30, 200])
    edges = {
        (rng.randrange(v) if rng.random() < 0.1 else rng.randrange(max(0, v - reach), v), v)
        for v in range(5, vertices)
        for _ in range(rng.choice([1, 2, 2]))
    }
    edges |= {(rng.randrange(8), v) for v in range(8, vertices) if rng.random() < 0.2}
    used = {a for a, _ in edges}
    outputs = [v for v in range(5, vertices) if v not in used]
    return Graph.from_edges(5, vertices - 5, outputs, edges, [e for e in sorted(edges) if rng.random() < 0.5])


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_compiled_rules_find_the_same_orders(cost: CostModel, monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = [random_graph(seed) for seed in range(60)]
    graphs += [_long_code(seed, 250) for seed in range(12)] + [paper_graph("scalar/RoeFlux_3d")[0]]

    def orders() -> list[object]:
        rules = [
            greedy.rule_order(graph, rule, cost=cost, ties="reverse" if k % 2 else "forward")
            for k, graph in enumerate(graphs)
            for rule in greedy.NAMES
        ]
        rules += [greedy.price(graph, graph.eliminable, cost) for graph in graphs]
        best = [greedy.best(graph, cost, start=[graph.eliminable]) for graph in graphs]
        return [*rules, *((found.order, found.cost, found.method) for found in best)]

    monkeypatch.setattr(searcher, "_COMPILED", dict.fromkeys(searcher._COMPILED, 1 << 62))
    expected = orders()
    alive = [g for g in graphs if not g.dead]
    assert len(alive) > 10
    assert [greedy.price(g, g.eliminable, cost) for g in alive] == [count(g, g.eliminable).cost(cost) for g in alive]
    monkeypatch.setattr(searcher, "_COMPILED", dict.fromkeys(searcher._COMPILED, 0))
    assert orders() == expected


@pytest.mark.slow
def test_kernels_are_found_where_numba_stores_them(tmp_path: Path) -> None:
    """So that a first miss of a thousand vertices takes half a second to load them instead of two without them."""
    code = (
        "from ccjac.ordering.greedy import compiled\n"
        "import sys; assert 'numba' not in sys.modules\n"
        "print(compiled.readiness()); compiled.load_kernels(); print(compiled.readiness())\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def told() -> list[str]:
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return run.stdout.split()

    assert told() == ["absent", "loaded"]
    assert told() == ["stored", "loaded"]


def test_small_graphs_do_without_a_compiler() -> None:
    code = (
        "import sys, ccjac\n"
        "graph = ccjac.Graph.from_edges(1, 3, [3], [(0, 1), (1, 2), (2, 3)])\n"
        "ccjac.search(graph, method='greedy')\n"
        "sys.exit('numba' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_hub_does_not_stop_the_damage_rules() -> None:
    """One vertex with 20,000 successors: rescoring all of them at every step would never end."""
    n = 20_000
    edges = [(0, 1), (0, 2)] + [(1, v) for v in range(2, n)] + [(v, v + 1) for v in range(2, n - 1)]
    graph = Graph.from_edges(1, n - 1, [n - 1], edges)
    order = greedy.rule_order(graph, "LMMD")
    assert sorted(order) == list(graph.eliminable)


def test_compiling_is_not_on_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searcher, "_COMPILED", dict.fromkeys(searcher._COMPILED, 0))
    graph = Graph.from_edges(1, 3, [3], [(0, 1), (1, 2), (2, 3)])
    searcher.load_kernels()
    for method in ("greedy", "annealing"):
        # As if loading them, which happens once, took three seconds.
        monkeypatch.setattr(searcher, "load_kernels", functools.cache(lambda: time.sleep(3)))
        assert ccjac.search(graph, method=method, seconds=60).seconds < 3
