"""What a plan says about its bound is proven here and now, or called a claim."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ccjac.cost import MULTIPLICATIONS
from ccjac.elimination import count
from ccjac.fingerprint import canonical
from ccjac.graph import Graph
from ccjac.ordering import search
from ccjac.planning.choose import choose
from ccjac.zoo import Entry, StoredOrder, Zoo, write_shipped


@pytest.fixture
def graph() -> Graph:
    """Reverse mode costs 6 multiplications, the best order 5."""
    edges = [(0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (4, 6)]
    return Graph.from_edges(2, 5, (5, 6), edges)


def costs(graph: Graph) -> tuple[tuple[int, ...], int]:
    best = search(graph, method="exact", seconds=5)
    assert best.optimal
    return best.order, best.cost


def shipped(directory: Path, graph: Graph, **claims: object) -> Zoo:
    """A zoo whose only entry is the dearest order, with ``claims``."""
    from itertools import permutations

    label = canonical(graph)
    order = max(permutations(graph.eliminable), key=lambda o: count(graph, o).multiplications)
    price = count(graph, order).multiplications
    stored = StoredOrder(label.to_canonical(order), price, method="exact")
    entry = Entry(label.fingerprint, label.graph, {"multiplications": replace(stored, **claims)}, ("liar",))
    write_shipped(directory, "liars", [entry])
    return Zoo(directory / "user", shipped=[directory])


@pytest.mark.parametrize("proof", ["none", "menger", "groups", "exhausted", "because"])
def test_a_lying_bound_is_no_optimum_and_is_found(tmp_path: Path, graph: Graph, proof: str) -> None:
    _, best = costs(graph)
    dear = max(
        count(graph, o).multiplications for o in (graph.eliminable, graph.eliminable[::-1], (3, 2, 4), (3, 4, 2))
    )
    groups = ((2, 3, 4),) if proof == "groups" else ()
    zoo = shipped(tmp_path, graph, lower_bound=dear, proof=proof, groups=groups)
    plan = choose(graph, zoo=zoo)
    assert plan.source == "zoo:liars"
    assert plan.multiplications == dear > best
    assert "as its source claims" in plan.certainty
    assert not plan.optimal
    assert plan.lower_bound <= best
    (finding,) = zoo.verify()
    assert str(dear) in finding.problem


def test_groups_are_kept_and_repeated(tmp_path: Path, graph: Graph) -> None:
    found = search(graph, method="exact", seconds=5)
    assert found.certificate.proof == "groups"
    zoo = Zoo(tmp_path)
    zoo.improve(graph, found)
    plan = choose(graph, zoo=Zoo(tmp_path))
    assert not plan.trusted
    assert plan.certainty == "optimal as its source claims, proof: groups"
    assert plan.optimal
    assert plan.certainty == "optimal"
    assert plan.lower_bound == found.cost
    assert zoo.verify() == []


def test_searches_of_this_process_are_believed(graph: Graph) -> None:
    plan = choose(graph, "exact")
    assert plan.optimal
    assert plan.certainty == "optimal"
    assert choose(graph, "reverse").lower_bound == 0


def test_a_lying_bound_is_replaced_by_the_next_search(tmp_path: Path, graph: Graph) -> None:
    order, best = costs(graph)
    zoo = shipped(tmp_path, graph, lower_bound=6, proof="menger")
    mine = Zoo(tmp_path / "mine")
    text = json.loads((tmp_path / "liars.json").read_text())
    assert mine.import_(tmp_path / "liars.json").new == 1
    stored = mine.get(canonical(graph).fingerprint)
    assert stored is not None
    assert stored.orders["multiplications"].lower_bound == 0, text
    assert zoo.verify()
    assert mine.verify() == []
    assert mine.improve(graph, search(graph, method="exact", seconds=5), MULTIPLICATIONS)
    hit = mine.lookup(graph)
    assert hit is not None
    assert (hit.cost, hit.optimal) == (best, True)
    assert len(order) == 3
