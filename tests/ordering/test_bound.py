"""Lower bounds hold: against brute force on small graphs, and whatever was eliminated before."""

from __future__ import annotations

import random

import pytest
from order_oracles import ODD_PRICES, SCALAR_TASKS, cheapest, paper_graph

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import EliminationState
from ccjac.graph import Graph
from ccjac.ordering.bounds import menger as bound
from ccjac_zoo.graphs import random_graph

MODELS = (STRUCTURAL, MULTIPLICATIONS, ODD_PRICES, CostModel("falling", (1, 2, 1)))
KNOWN = dict(zip(SCALAR_TASKS, (223, 221, 148, 88, 196, 262), strict=True))


@pytest.mark.parametrize("name", SCALAR_TASKS)
def test_known_bounds(name: str) -> None:
    assert bound.menger(paper_graph(name)[0], STRUCTURAL) == KNOWN[name]


@pytest.mark.parametrize("cost", MODELS, ids=lambda cost: cost.name)
def test_menger_holds(cost: CostModel) -> None:
    tight = 0
    for seed in range(500):
        graph = random_graph(seed, inner=6)
        optimum = cheapest(graph, cost)
        assert bound.menger(graph, cost) <= optimum
        tight += bound.menger(graph, cost) == optimum > 0
    assert tight > 30


def test_each_vertex_pays_its_share_in_every_set() -> None:
    """The claim behind the bound, vertex by vertex: |P_S(v)| >= κ_in(v) and the general edges alike."""
    for seed in range(150):
        graph = random_graph(seed, inner=6)
        rng = random.Random(seed)
        live = [v for v in graph.eliminable if v in graph.live]
        shares = {v: bound.menger_shares(graph)[v] for v in live}
        for _ in range(8):
            state = EliminationState(graph)
            for v in graph.dead:
                state.eliminate(v)
            some = rng.sample(live, rng.randint(0, len(live)))
            for v in some:
                state.eliminate(v)
            for v in set(live) - set(some):
                general_in, ways_in, general_out, ways_out = shares[v]
                preds, succs = state.predecessors[v].values(), state.successors[v].values()
                assert len(preds) >= ways_in
                assert len(succs) >= ways_out
                assert len(preds) - sum(preds) >= general_in
                assert len(succs) - sum(succs) >= general_out


def test_disjoint_paths_need_rerouting() -> None:
    """The first path found through the middle must be undone: the classical trap of augmenting paths."""
    # v=6 <- 4, 5;  4 <- 2, 3;  5 <- 3;  2 <- 0;  3 <- 1
    graph = Graph.from_edges(2, 6, [7], [(0, 2), (1, 3), (2, 4), (3, 4), (3, 5), (4, 6), (5, 6), (6, 7)])
    assert bound.menger_shares(graph)[6] == (2, 2, 1, 1)


def test_cheap_declines_large_graphs() -> None:
    n = 4_000
    graph = Graph.from_edges(1, n, [n], [(v, v + 1) for v in range(n)])
    certificate, lower = bound.cheap(graph, STRUCTURAL)
    assert (certificate.proof, lower) == ("none", 0)
