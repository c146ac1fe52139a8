"""Group bounds hold for every grouping, are exact for one group of all, and never fall when groups are united."""

from __future__ import annotations

import random
from collections import deque

import numpy as np
import pytest
from order_oracles import ODD_PRICES, cheapest, paper_graph

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import EliminationState
from ccjac.errors import OrderError
from ccjac.ordering import greedy
from ccjac.ordering.bounds import menger as bound
from ccjac.ordering.bounds.groups import Partition, group_bound
from ccjac.ordering.bounds.groups_numba import cheapest_order, cheapest_rest, compress, member_price, tabulate
from ccjac.ordering.states.bits import pack
from ccjac_zoo.graphs import random_graph

MODELS = (STRUCTURAL, MULTIPLICATIONS, ODD_PRICES, CostModel("falling", (1, 2, 1)))


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_bounds_hold_on_500_random_graphs(cost: CostModel) -> None:
    rng = random.Random(0)
    tighter = 0
    for seed in range(500):
        graph = random_graph(seed)
        optimum = cheapest(graph, cost)
        live = [v for v in graph.eliminable if v in graph.live]
        assert group_bound(graph, cost, []) == bound.menger(graph, cost) <= optimum
        rng.shuffle(live)
        cut = rng.randint(0, len(live))
        halves = [live[:cut], live[cut:]]
        between = group_bound(graph, cost, halves)
        assert bound.menger(graph, cost) <= between <= optimum
        tighter += between > bound.menger(graph, cost)
        if cost.pair != (1, 2, 1):
            # With one group of all vertices nothing is relaxed.
            assert group_bound(graph, cost, [live]) == optimum
    assert tighter > 40


def test_what_a_member_pays_holds_in_every_set() -> None:
    """f_v(E) of the docstring: whatever is eliminated outside the group, v pays at least that."""
    rng = random.Random(1)
    for seed in range(120):
        graph = random_graph(seed)
        for cost in (STRUCTURAL, MULTIPLICATIONS):
            packed = pack(graph, cost)
            if packed.n < 3:
                continue
            members = np.array(sorted(rng.sample(range(packed.n), rng.randint(2, packed.n))), np.int64)
            tables = tabulate(packed.rows.copy(), members, packed.units)
            for _ in range(6):
                gone = rng.sample(range(packed.n), rng.randint(0, packed.n - 1))
                state = EliminationState(graph)
                for v in (*graph.dead, *(int(packed.vertices[i]) for i in gone)):
                    state.eliminate(v)
                inside = sum(1 << j for j, i in enumerate(members) if i in gone)
                for j, i in enumerate(members):
                    if i not in gone:
                        least = member_price(tables, j, inside, packed.pair)
                        assert least <= state.cost(int(packed.vertices[i]), cost)


def test_tabulating_leaves_the_rows_alone() -> None:
    packed = pack(paper_graph("unit_aware/g")[0], MULTIPLICATIONS)
    before = packed.rows.copy()
    tabulate(packed.rows, np.arange(10, 20), packed.units)
    assert (packed.rows == before).all()


def test_an_order_that_attains_a_groups_bound() -> None:
    packed = pack(paper_graph("g")[0], STRUCTURAL)
    members = np.array([3, 4, 7, 8, 9, 20, 22, 57], np.int64)
    weights, rest, prices = np.array([1, 1, 2, 1, 0, 1, 1, 3]), np.empty(256, np.int64), np.empty(8, np.int64)
    tables = tabulate(packed.rows, members, packed.units)
    least = cheapest_rest(tables, weights, packed.pair, rest)
    order = cheapest_order(tables, weights, packed.pair, rest, prices)
    assert sorted(order) == list(range(8))
    assert (weights * prices).sum() == least
    gone = 0
    for j in order:
        assert member_price(tables, j, gone, packed.pair) == prices[j]
        gone |= 1 << int(j)


def test_compress() -> None:
    assert compress(0b1011_0110, 0b0110_1100) == 0b01_01
    assert compress(0b1111, 0) == 0


@pytest.mark.parametrize(
    ("name", "cost", "menger", "at_least"),
    [
        ("RoeFlux_1d", STRUCTURAL, 223, 284),
        ("g", STRUCTURAL, 262, 350),
        ("unit_aware/RoeFlux_1d", MULTIPLICATIONS, 80, 145),
    ],
)
def test_partitions_raise_the_bound(name: str, cost: CostModel, menger: int, at_least: int) -> None:
    graph, _ = paper_graph(name)
    packed = pack(graph, cost)
    state, paid = EliminationState(graph), {}
    for v in greedy.best(graph, cost).order:
        paid[v] = state.cost(v, cost)
        state.eliminate(v)
    partition = Partition(packed, [paid[int(v)] for v in packed.vertices], 0)
    assert partition.bound == menger
    deque(partition.merge(6), 0)
    merged = partition.bound
    deque(partition.anneal(6, 2000, 1.0), 0)
    assert merged <= partition.bound
    assert at_least <= partition.bound <= sum(paid.values())
    groups = [packed.unpack_order(group) for group in partition.groups()]
    assert group_bound(graph, cost, groups) == partition.bound


def test_no_group_and_bad_groups() -> None:
    graph, _ = paper_graph("g")
    assert group_bound(graph, STRUCTURAL, []) == 262
    for groups in ([[15, 16], [16, 17]], [[0]], [[15, 15]], [graph.eliminable[:25]]):
        with pytest.raises(OrderError, match="groups"):
            group_bound(graph, STRUCTURAL, groups)
