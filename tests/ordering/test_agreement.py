"""Every searcher against brute force on 500 random graphs: costs, bounds, claims of optimality."""

from __future__ import annotations

import pytest
from order_oracles import cheapest

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import check_order, count
from ccjac.ordering import searchers
from ccjac.ordering.bounds.groups import group_bound
from ccjac_zoo.graphs import random_graph

BUILT_IN = ("annealing", "beam", "exact", "greedy", "lns", "portfolio")
PROVES = ("exact", "portfolio")
UNHURRIED = (*PROVES, "greedy")
"""What ends by itself; how much the others find depends on the machine, and is none of this test's business."""


@pytest.mark.parametrize("cost", [STRUCTURAL, MULTIPLICATIONS], ids=lambda cost: cost.name)
def test_no_searcher_contradicts_brute_force(cost: CostModel) -> None:
    assert set(BUILT_IN) <= set(searchers())
    found = dict.fromkeys(BUILT_IN, 0)
    for seed in range(500):
        graph = random_graph(10_000 + seed)
        optimum = cheapest(graph, cost)
        for name in BUILT_IN:
            seconds = 30.0 if name in UNHURRIED else 0.002
            result = searchers()[name].search(graph, cost=cost, seconds=seconds, seed=seed)
            assert count(graph, check_order(graph, result.order)).cost(cost) == result.cost >= optimum, name
            assert result.lower_bound <= optimum, name
            assert result.optimal == (result.lower_bound == result.cost), name
            if result.certificate.proof == "groups":
                assert group_bound(graph, cost, result.certificate.groups) == result.lower_bound, name
            if name in PROVES:
                assert result.optimal, name
            found[name] += result.cost == optimum
    assert found["exact"] == found["portfolio"] == 500
    assert found["greedy"] >= 450
