"""Measures of a vertex, compiled and in Python, against an elimination on a copy."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
from order_oracles import ODD_PRICES

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import EliminationState
from ccjac.graph import Graph
from ccjac.ordering.states import measures_numba as compiled
from ccjac.ordering.states.bits import pack
from ccjac.ordering.states.bits_numba import eliminate, fill_mask
from ccjac.ordering.states.reach import reach_counts
from ccjac.ordering.states.sets import SetState, numbered
from ccjac_zoo.graphs import generate, random_graph

GRAPHS = [*map(random_graph, range(25)), *(generate(seed, (10, 90)).graph for seed in range(12))]


def expected(state: EliminationState, v: int, graph: Graph, cost: CostModel) -> list[int]:
    after = copy.deepcopy(state)
    after.eliminate(v)
    near = [*state.predecessors[v], *state.successors[v]]
    flags = cost.pair != (1, 1, 1)
    return [
        len(state.predecessors[v]),
        len(state.successors[v]),
        flags * sum(state.predecessors[v].values()),
        flags * sum(state.successors[v].values()),
        sum(u < graph.n_inputs for u in state.predecessors[v]),
        sum(u in graph.outputs for u in state.successors[v]),
        sum(after.cost(u, cost) - state.cost(u, cost) for u in near),
        sum(sum(after.pairs(u)) - sum(state.pairs(u)) for u in near),
    ]


@pytest.mark.parametrize("cost", [STRUCTURAL, MULTIPLICATIONS, ODD_PRICES], ids=lambda cost: cost.name)
def test_measures_say_what_an_elimination_does(cost: CostModel) -> None:
    for seed, graph in enumerate(GRAPHS):
        packed, start, state = pack(graph, cost), numbered(graph), EliminationState(graph)
        sets, rows, keep = SetState(start, cost), packed.rows.copy(), np.zeros((packed.n + 63) // 64, np.uint64)
        fill_mask(keep, np.arange(packed.n))
        for v in graph.dead:
            state.eliminate(v)
        left = [int(v) for v in packed.vertices]
        bit = {v: i for i, v in enumerate(left)}
        number = {v: i for i, v in enumerate(start.vertices)}
        random.Random(seed).shuffle(left)
        found = np.zeros(compiled.MEASURES, np.int64)
        while left:
            for v in left[:6]:
                compiled.measure(rows, bit[v], packed.pair, packed.units, found)
                want = expected(state, v, graph, cost)
                assert found.tolist() == want
                k = number[v]
                assert [sets.n_in[k], sets.n_out[k], sets.unit_in[k], sets.unit_out[k]] == want[:4]
                assert sets.damage(k) == want[6]
                assert sets.rise(k) == want[7]
                assert sets.price(k) == state.cost(v, cost)
            v = left.pop()
            eliminate(rows, bit[v], keep, packed.units)
            sets.eliminate(number[v])
            state.eliminate(v)


def test_statics_are_paths_and_reach() -> None:
    for graph in GRAPHS:
        packed = pack(graph, STRUCTURAL)
        found = compiled.statics(packed.rows, np.arange(packed.n))
        up, down = reach_counts(graph)
        vertices = [int(v) for v in packed.vertices]
        assert found[:, 0].tolist() == [up[v] for v in vertices]
        assert found[:, 1].tolist() == [down[v] for v in vertices]
        depth: dict[int, int] = {}
        for v in graph.topological_order:
            inner = [depth[u] for u in graph.predecessors[v] if u in depth and u in graph.live]
            if v in vertices:
                depth[v] = 1 + max((d for d in inner), default=0)
        assert found[:, 2].tolist() == [depth[v] for v in vertices]
