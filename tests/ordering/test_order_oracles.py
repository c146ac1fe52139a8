"""The brute-force oracle of the other tests, checked against literally every order."""

from __future__ import annotations

import pytest
from order_oracles import ODD_PRICES, cheapest, cheapest_of_permutations

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL
from ccjac_zoo.graphs.scattered import random_graph


@pytest.mark.parametrize("seed", range(40))
def test_sets_lose_nothing_against_all_permutations(seed: int) -> None:
    graph = random_graph(seed, inner=5)
    for cost in (STRUCTURAL, MULTIPLICATIONS, ODD_PRICES):
        assert cheapest(graph, cost) == cheapest_of_permutations(graph, cost)
