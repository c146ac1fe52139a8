"""Bit rows and the compiled primitives agree with the plain elimination."""

from __future__ import annotations

import random

import numpy as np
import pytest
from order_oracles import ODD_PRICES, paper_graph

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import EliminationState, count
from ccjac.graph import Graph
from ccjac.ordering.annealing import walk_numba
from ccjac.ordering.annealing.searcher import Annealer
from ccjac.ordering.states import bits_numba
from ccjac.ordering.states.bits import Packed, pack
from ccjac_zoo.graphs import random_graph

MODELS = (STRUCTURAL, MULTIPLICATIONS, ODD_PRICES)
GRAPHS = [paper_graph("unit_aware/PropaneCombustion")[0], paper_graph("unit_aware/g")[0], *map(random_graph, range(60))]


def _everything(packed: Packed) -> np.ndarray:
    keep = np.zeros((packed.n + 63) // 64, np.uint64)
    bits_numba.fill_mask(keep, np.arange(packed.n))
    return keep


def _shuffled(packed: Packed, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(packed.n).astype(np.int64)


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_price_of_an_order(cost: CostModel) -> None:
    for seed, graph in enumerate(GRAPHS):
        packed = pack(graph, cost)
        order = _shuffled(packed, seed)
        expected = count(graph, graph.dead + packed.unpack_order(order)).cost(cost)
        assert bits_numba.order_price(packed.rows.copy(), order, packed.pair, packed.units) == expected


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_price_without_a_neighbour(cost: CostModel) -> None:
    rng = random.Random(0)
    for graph in GRAPHS:
        packed = pack(graph, cost)
        state = EliminationState(graph)
        for v in graph.dead:
            state.eliminate(v)
        rows, order = packed.rows.copy(), [int(i) for i in _shuffled(packed, 1)]
        while len(order) > 1:
            u, v = order[0], rng.choice(order[1:])
            pu, pv = int(packed.vertices[u]), int(packed.vertices[v])
            side = 0 if pv in state.predecessors[pu] else 1 if pv in state.successors[pu] else None
            if side is not None:
                after = state.copy()
                after.eliminate(pv)
                found = bits_numba.price_without(rows, u, v, side, packed.pair, packed.units)
                assert found == after.cost(pu, cost)
            assert bits_numba.price(rows, u, packed.pair, packed.units) == state.cost(pu, cost)
            bits_numba.eliminate(rows, u, _everything(packed), packed.units)
            state.eliminate(pu)
            del order[0]


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_all_places_of_a_vertex_are_priced_exactly(cost: CostModel) -> None:
    rng = random.Random(0)
    for seed, graph in enumerate(GRAPHS):
        packed = pack(graph, cost)
        if packed.n < 2:
            continue
        annealer = Annealer(packed, _shuffled(packed, seed), seed)
        order = annealer.order
        low = rng.randrange(packed.n - 1)
        high = rng.randrange(low + 2, packed.n + 1)
        at = rng.randrange(low, high)
        rows = packed.rows.copy()
        for v in order[:low]:
            bits_numba.eliminate(rows, v, _everything(packed), packed.units)
        before, keep = rows.copy(), np.zeros((packed.n + 63) // 64, np.uint64)
        bits_numba.fill_mask(keep, order[low:high])
        costs = np.zeros(packed.n, np.int64)
        work = (
            np.zeros((2, packed.n), np.int64),
            np.empty(2 * packed.n, np.int64),
            np.empty((2 * packed.n, 2, packed.n_words), np.uint64),
            np.zeros(1, np.int64),
        )
        walk_numba.insertion_costs(rows, order, low, high, at, keep, packed.pair, packed.units, work, costs)
        assert (rows == before).all()
        totals = []
        for place in range(low, high):
            moved = order.copy()
            walk_numba.move(moved, at, place)
            totals.append(bits_numba.order_price(packed.rows.copy(), moved, packed.pair, packed.units))
        assert [int(c) - int(costs[0]) for c in costs[: high - low]] == [t - totals[0] for t in totals]


def test_draw_follows_boltzmann() -> None:
    costs, state = np.array([3, 2, 90, 2], np.int64), np.array([12345], np.uint64)
    boltzmann = np.exp(-np.arange(20) / 1.0)
    drawn = [walk_numba.draw(costs, 4, boltzmann, state) for _ in range(4000)]
    shares = np.bincount(drawn, minlength=4) / 4000
    expected = np.array([np.exp(-1), 1, 0, 1]) / (2 + np.exp(-1))
    assert np.abs(shares - expected).max() < 0.03


def test_rows_of_a_small_graph() -> None:
    graph = Graph.from_edges(2, 3, [4], [(0, 2), (1, 2), (2, 3), (3, 4), (1, 3)], [(0, 2)])
    packed = pack(graph, MULTIPLICATIONS)
    assert packed.vertices.tolist() == [2, 3]
    # Vertex 2 has the bits of inputs 0 and 1; vertex 3 those of vertex 2 and of input 1.
    preds, succs, unit_preds, unit_succs = packed.rows[:, :, 0].tolist()
    assert preds == [0b1100, 0b1001]
    assert succs == [0b0010, 0b0100]
    assert unit_preds == [0b0100, 0]
    assert unit_succs == [0, 0]
