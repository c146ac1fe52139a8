"""Beam search: sets are merged, guesses are right, a wide beam is exact, it repeats itself and can be interrupted."""

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
from ccjac.ordering.beam.searcher import _Beam
from ccjac.ordering.states.bits import pack
from ccjac_zoo.graphs import random_graph

MODELS = (STRUCTURAL, MULTIPLICATIONS, ODD_PRICES)
UNLIMITED = 1 << 60


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_a_beam_wider_than_the_number_of_sets_is_exact(cost: CostModel) -> None:
    for seed in range(300):
        graph = random_graph(seed)
        packed = pack(graph, cost)
        *_, found = _Beam(packed, seed).run(256, 2, UNLIMITED)
        assert found is not None
        order, total = found
        assert total == cheapest(graph, cost)
        assert count(graph, check_order(graph, graph.dead + packed.unpack_order(order))).cost(cost) == total


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_never_beats_brute_force(cost: CostModel) -> None:
    found = 0
    for seed in range(60):
        graph = random_graph(seed)
        result, optimum = ccjac.search(graph, method="beam", cost=cost, seconds=0.02), cheapest(graph, cost)
        assert count(graph, check_order(graph, result.order)).cost(cost) == result.cost
        assert result.lower_bound <= optimum <= result.cost
        found += result.cost == optimum
    assert found >= 58


@pytest.mark.parametrize("cost", [STRUCTURAL, MULTIPLICATIONS], ids=lambda cost: cost.name)
def test_the_guess_of_a_child_is_the_sum_of_its_prices(cost: CostModel) -> None:
    """A beam of one follows the guess; recount what it must have chosen at its first step."""
    from ccjac.ordering.beam.layers_numba import GUESS, PAID, VERTEX, children
    from ccjac.ordering.states.bits_numba import eliminate, fill_mask, price

    packed = pack(paper_graph("unit_aware/g")[0], cost)
    n, words = packed.n, (packed.n + 63) // 64
    prices = [price(packed.rows, v, packed.pair, packed.units) for v in range(n)]
    found = np.empty((n, 5), np.int64)
    random = np.array([7], np.uint64)
    gone, paid, guess = np.zeros((1, words), np.uint64), np.zeros(1, np.int64), np.array([sum(prices)])
    arguments = packed.rows[None], gone, paid, guess, 0, 1, 2, UNLIMITED, packed.pair, packed.units, random, found, 0
    assert children(*arguments) == n
    keep = np.zeros(words, np.uint64)
    fill_mask(keep, np.arange(n))
    for child in found:
        v, rows = child[VERTEX], packed.rows.copy()
        eliminate(rows, v, keep, packed.units)
        rest = sum(price(rows, u, packed.pair, packed.units) for u in range(n) if u != v)
        assert (child[PAID], child[GUESS]) == (prices[v], rest)


def test_wider_beams_improve_on_the_greedy_rules() -> None:
    graph, _ = paper_graph("g")
    result = ccjac.search(graph, method="beam", cost="structural", seconds=3)
    assert result.method == "beam"
    assert result.cost < ccjac.search(graph, method="greedy", cost="structural").cost
    assert count(graph, check_order(graph, result.order)).structural == result.cost


def test_same_seed_same_order() -> None:
    packed = pack(paper_graph("g")[0], STRUCTURAL)
    orders = []
    for seed in (1, 1, 2):
        *_, found = _Beam(packed, seed).run(4, 2, UNLIMITED)
        assert found is not None
        orders.append(found[0].tolist())
    assert orders[0] == orders[1] != orders[2]


def test_an_interrupt_keeps_the_best_order() -> None:
    graph, _ = paper_graph("g")

    def interrupt(progress: Progress) -> None:
        if progress.method == "beam":
            raise KeyboardInterrupt

    result = ccjac.search(graph, method="beam", cost="structural", seconds=60, progress=interrupt)
    assert result.method == "beam"
    assert result.seconds < 40


def test_no_vertices_and_no_intermediates() -> None:
    for graph in (Graph.from_edges(0, 0, [], []), Graph.from_edges(1, 1, [1], [(0, 1)])):
        assert ccjac.search(graph, method="beam", seconds=1).optimal


def test_declines_what_does_not_fit_into_memory() -> None:
    n = 30_000
    graph = Graph.from_edges(1, n, [n], [(v, v + 1) for v in range(n)])
    with pytest.raises(UnsupportedError, match="lns"):
        ccjac.search(graph, method="beam", seconds=20)
