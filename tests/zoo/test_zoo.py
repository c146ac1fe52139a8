"""Lookups, misses, improvements, layers."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import ccjac
from ccjac.backends import discovery
from ccjac.cost import MULTIPLICATIONS, STRUCTURAL
from ccjac.elimination import count
from ccjac.errors import CcjacError, OrderError, ZooError
from ccjac.fingerprint import canonical
from ccjac.graph import Graph
from ccjac.ordering import SearchResult, greedy
from ccjac.zoo import Entry, StoredOrder, Zoo, resolve, write_shipped

Results = tuple[SearchResult, SearchResult]


def shuffled(graph: Graph, seed: int) -> Graph:
    rng = random.Random(seed)
    inputs, others = list(range(graph.n_inputs)), list(range(graph.n_inputs, graph.size))
    rng.shuffle(inputs)
    rng.shuffle(others)
    new = inputs + others
    return Graph.from_edges(
        graph.n_inputs,
        graph.n_vertices,
        rng.sample([new[v] for v in graph.outputs], len(graph.outputs)),
        [(new[a], new[b]) for a, b in graph.edges],
        [(new[a], new[b]) for a, b in graph.unit_edges],
    )


def shipped_entry(graph: Graph, found: SearchResult, *, pending: bool = False) -> Entry:
    label = canonical(graph)
    stored = StoredOrder(label.to_canonical(found.order), found.cost, 0, "annealing", pending=pending)
    return Entry(label.fingerprint, label.graph, {"multiplications": stored}, ("f",), "2025-01-01", "2025-01-01")


def test_nothing_known_nothing_created(tmp_path: Path, graph: Graph) -> None:
    zoo = Zoo(tmp_path / "deep" / "zoo")
    assert zoo.lookup(graph) is None
    assert list(zoo.entries()) == []
    assert zoo.verify() == []
    assert zoo.prune() == 0
    assert not (tmp_path / "deep").exists()


def test_a_miss_is_remembered_for_other_processes(tmp_path: Path, graph: Graph, results: Results) -> None:
    worse, _ = results
    Zoo(tmp_path).remember_miss(graph, worse, name="flux")
    again = Zoo(tmp_path)
    hit = again.lookup(graph)
    assert hit is not None
    assert (hit.order, hit.cost, hit.source, hit.method) == (worse.order, worse.cost, "user", "greedy:LM")
    assert hit.pending
    (waiting,) = again.pending()
    assert waiting.names == ("flux",)
    assert waiting.graph == canonical(graph).graph
    assert again.verify() == []


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_statements_hit_and_other_structures_miss(
    tmp_path: Path, graph: Graph, results: Results, seed: int
) -> None:
    zoo = Zoo(tmp_path)
    zoo.improve(graph, results[1])
    other = shuffled(graph, seed)
    hit = zoo.lookup(other)
    assert hit is not None
    assert count(other, hit.order).multiplications == hit.cost == results[1].cost
    assert zoo.lookup(Graph.from_edges(graph.n_inputs, graph.n_vertices, graph.outputs, graph.edges[1:])) is None
    changed = replace(graph, unit_edges=graph.unit_edges ^ {graph.edges[0]})
    assert zoo.lookup(changed) is None


def test_only_cheaper_orders_replace(tmp_path: Path, graph: Graph, results: Results) -> None:
    worse, better = results
    zoo = Zoo(tmp_path)
    assert zoo.improve(graph, worse)
    assert not zoo.improve(graph, worse)
    assert zoo.improve(graph, better)
    assert not zoo.improve(graph, worse)
    zoo.remember_miss(graph, worse)
    hit = zoo.lookup(graph)
    assert hit is not None
    assert (hit.order, hit.pending) == (better.order, False)


def test_training_without_success_ends_the_waiting_and_bounds_are_merged(
    tmp_path: Path, graph: Graph, results: Results
) -> None:
    _, better = results
    zoo = Zoo(tmp_path)
    zoo.remember_miss(graph, better)
    assert zoo.improve(graph, replace(better, method="exact", lower_bound=better.cost))
    hit = zoo.lookup(graph)
    assert hit is not None
    assert (hit.method, hit.lower_bound, hit.optimal, hit.pending) == ("exact", better.cost, True, False)
    assert list(zoo.pending()) == []
    assert not zoo.improve(graph, replace(better, method="annealing"))
    hit = zoo.lookup(graph)
    assert hit is not None
    assert hit.optimal


def test_a_refuted_bound_is_dropped() -> None:
    old = StoredOrder((1, 2), 10, lower_bound=8)
    new = StoredOrder((2, 1), 6, lower_bound=3, proof="menger")
    assert old.merged(new) == new
    assert new.merged(old) == new
    assert StoredOrder((1, 2), 10, 2).merged(StoredOrder((2, 1), 6, 0)).lower_bound == 2


def test_search_time_adds_up_and_survives_better_orders(tmp_path: Path, graph: Graph, results: Results) -> None:
    worse, better = results
    zoo = Zoo(tmp_path)
    assert not zoo.charge(graph, 1.0)
    assert list(zoo.entries()) == []
    zoo.remember_miss(graph, worse)
    assert zoo.charge(graph, 5.0)
    assert not zoo.charge(graph, 5.0, STRUCTURAL)
    assert zoo.improve(graph, replace(better, seconds=0.0))
    assert zoo.charge(graph, 2.0)
    ((_, entry),) = zoo.entries()
    assert entry.orders["multiplications"].seconds == worse.seconds + 7.0
    assert not zoo.improve(graph, worse)
    assert zoo.verify() == []


def test_cost_models_are_kept_apart(tmp_path: Path, graph: Graph, results: Results) -> None:
    zoo = Zoo(tmp_path)
    zoo.improve(graph, results[0], MULTIPLICATIONS)
    assert zoo.lookup(graph, "structural") is None
    zoo.improve(graph, results[1], STRUCTURAL)
    structural, other = zoo.lookup(graph, STRUCTURAL), zoo.lookup(graph)
    assert structural is not None
    assert other is not None
    assert structural.cost == count(graph, results[1].order).structural
    assert other.order == results[0].order
    with pytest.raises(CcjacError, match="`cost` must be one of"):
        zoo.lookup(graph, "nonsense")


def test_wrong_orders_are_refused_at_the_door(tmp_path: Path, graph: Graph, results: Results) -> None:
    zoo = Zoo(tmp_path)
    order = results[0].order
    for wrong in (order[1:], (*order[1:], order[1]), (*order[1:], 10**6), (*order[1:], 0)):
        with pytest.raises(OrderError):
            zoo.improve(graph, replace(results[0], order=wrong))
    assert zoo.lookup(graph) is None


def test_a_claimed_cost_is_counted_anew(tmp_path: Path, graph: Graph, results: Results) -> None:
    zoo = Zoo(tmp_path)
    zoo.remember_miss(graph, replace(results[0], cost=0))
    hit = zoo.lookup(graph)
    assert hit is not None
    assert hit.cost == results[0].cost


def test_layers(tmp_path: Path, graph: Graph, results: Results) -> None:
    worse, better = results
    write_shipped(tmp_path / "a", "fluid", [shipped_entry(graph, worse)])
    write_shipped(tmp_path / "b", "other", [shipped_entry(graph, better)])
    zoo = Zoo(tmp_path / "user", shipped=[tmp_path / "a", tmp_path / "b"])
    hit = zoo.lookup(graph)
    assert hit is not None
    assert (hit.source, hit.order) == ("fluid", worse.order)
    zoo.improve(graph, better)
    hit = zoo.lookup(graph)
    assert hit is not None
    assert (hit.source, hit.order) == ("user", better.order)


def test_a_waiting_order_does_not_shadow_a_trained_one(tmp_path: Path, graph: Graph, results: Results) -> None:
    worse, better = results
    Zoo(tmp_path / "user").remember_miss(graph, worse)
    write_shipped(tmp_path / "shipped", "fluid", [shipped_entry(graph, better)])
    zoo = Zoo(tmp_path / "user", shipped=[tmp_path / "shipped"])
    hit = zoo.lookup(graph)
    assert hit is not None
    assert (hit.source, hit.order, hit.pending) == ("fluid", better.order, False)
    assert zoo.prune() == 1
    assert list(zoo.entries(mine=True)) == []


def test_a_waiting_order_that_is_cheaper_does(tmp_path: Path, graph: Graph, results: Results) -> None:
    worse, better = results
    Zoo(tmp_path / "user").remember_miss(graph, better)
    write_shipped(tmp_path / "shipped", "fluid", [shipped_entry(graph, worse)])
    hit = Zoo(tmp_path / "user", shipped=[tmp_path / "shipped"]).lookup(graph)
    assert hit is not None
    assert (hit.source, hit.order) == ("user", better.order)


def test_shipped_zoos_of_plugins_are_found_and_the_prebuilt_one_comes_last(
    tmp_path: Path, graph: Graph, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse, better = results
    write_shipped(tmp_path / "ccjac_zoo" / "orders", "prebuilt", [shipped_entry(graph, better)])
    write_shipped(tmp_path / "mine", "special", [shipped_entry(graph, worse)])
    asked = []

    def answers(hook: str) -> list[Path]:
        asked.append(hook)
        return [tmp_path / "ccjac_zoo" / "orders", tmp_path / "mine"]

    monkeypatch.setattr("ccjac.zoo.layers.answers", answers)
    zoo = Zoo(tmp_path / "user", shipped=None)
    assert asked == []
    hit = zoo.lookup(graph)
    assert hit is not None
    assert hit.source == "special"
    assert asked == ["ccjac_zoos"]


def test_resolve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve(False) is None
    assert resolve(None) is Zoo.default()
    assert Zoo.default().path == Path(os.environ["CCJAC_ZOO"])
    zoo = Zoo(tmp_path)
    assert resolve(zoo) is zoo
    assert resolve(str(tmp_path)) is resolve(tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    for wrong in (file, True, 3, "a" * 5000):
        with pytest.raises(ZooError, match="`zoo` must be"):
            resolve(wrong)
    monkeypatch.setenv("CCJAC_ZOO", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert resolve(None).path.name == "zoo"
    monkeypatch.setenv("CCJAC_ZOO", "$XDG_DATA_HOME/other")
    assert resolve(None).path == tmp_path / "data" / "other"


def test_plans_use_it(graph: Graph) -> None:
    from ccjac.planning.choose import choose

    first = choose(graph)
    assert first.source.startswith("greedy:")
    assert choose(graph).source == first.source
    zoo = Zoo.default()
    best = greedy.best(graph, MULTIPLICATIONS)
    assert zoo.improve(graph, replace(best, method="exact"))
    assert choose(graph).source == "zoo:user"
    assert choose(graph, zoo=False).source.startswith("greedy:")


def test_hits_in_a_fresh_process_load_neither_plugins_nor_searchers(
    tmp_path: Path, graph: Graph, results: Results
) -> None:
    Zoo(tmp_path).improve(graph, results[1])
    program = (
        "import sys; from ccjac.graph import Graph; from ccjac.zoo import resolve; "
        f"g = Graph.from_edges({graph.n_inputs}, {graph.n_vertices}, {graph.outputs}, {graph.edges}, "
        f"{sorted(graph.unit_edges)}); print(resolve(None).lookup(g).order); "
        "print([m for m in ('ccjac_zoo', 'platformdirs', 'jax', 'numba') if m in sys.modules])"
    )
    environment = {**os.environ, "CCJAC_ZOO": str(tmp_path), "PYTHONPATH": str(Path(ccjac.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines() == [str(results[1].order), "[]"]


def test_corner_case_graphs(tmp_path: Path, result: Callable[..., SearchResult]) -> None:
    zoo = Zoo(tmp_path)
    for graph in (
        Graph.from_edges(0, 0, (), ()),
        Graph.from_edges(2, 0, (0, 0), ()),
        Graph.from_edges(1, 4, (2, 3), [(0, 1), (1, 2), (1, 4)]),
        Graph.from_edges(1, 1, (1,), [(0, 1)], granularity="tensor"),
    ):
        assert zoo.lookup(graph) is None
        zoo.remember_miss(graph, result(graph, graph.eliminable))
        hit = zoo.lookup(graph)
        assert hit is not None
        assert sorted(hit.order) == list(graph.eliminable)
    assert zoo.verify() == []
    assert discovery.cost_model("structural") is STRUCTURAL
