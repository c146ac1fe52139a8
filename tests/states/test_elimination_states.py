"""One table of scenarios binds all implementations of vertex elimination."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from elimination_states import COSTS, STEPPERS, TOTALS, Stepper, by_definition, price_by_definition, scenarios

from ccjac.cost import CostModel
from ccjac.elimination import EliminationState, count
from ccjac.graph import Graph
from ccjac.program import evaluate
from ccjac.program.accumulate import accumulate
from ccjac.program.linearization import Linearization, Recorder

GRAPHS = dict(scenarios())
KINDS = np.array([["float64"]], dtype=object)


def live_order(graph: Graph, rng: random.Random) -> list[int]:
    live = [v for v in graph.eliminable if v not in graph.dead]
    return rng.sample(live, len(live))


@pytest.mark.parametrize("cost", COSTS, ids=lambda cost: cost.name)
@pytest.mark.parametrize("stepper", STEPPERS.values(), ids=STEPPERS)
def test_every_step_is_that_of_the_definition(stepper: type[Stepper], cost: CostModel) -> None:
    for name, graph in GRAPHS.items():
        rng = random.Random(name)
        order, state = live_order(graph, rng), stepper(graph, cost)
        # Small graphs after every step, larger ones now and then.
        every = 1 if len(order) < 12 else 9
        for k, v in enumerate(order):
            if k % every == 0:
                edges, left = by_definition(graph, {*graph.dead, *order[:k]}), set(order[k:])
                for u in left:
                    assert state.price(u) == price_by_definition(edges, u, cost), name
                expected = {e: unit for e, unit in edges.items() if left.issuperset(e)}
                if (found := state.edges(left)) is not None:
                    found = {e: unit for e, unit in found.items() if left.issuperset(e)}
                    assert found.keys() == expected.keys(), name
                    if len(set(cost.pair)) > 1:
                        assert found == expected, name
            state.eliminate(v)


@pytest.mark.parametrize("cost", COSTS, ids=lambda cost: cost.name)
@pytest.mark.parametrize("total", TOTALS.values(), ids=TOTALS)
def test_whole_orders_cost_the_sum_of_their_steps(
    total: Callable[[Graph, Sequence[int], CostModel], int], cost: CostModel
) -> None:
    for name, graph in GRAPHS.items():
        order = live_order(graph, random.Random(name))
        state, expected = EliminationState(graph, without_dead=True), 0
        for v in order:
            expected += state.cost(v, cost)
            state.eliminate(v)
        assert total(graph, [*graph.dead, *order], cost) == expected, name


def linearized(graph: Graph, *, units: bool) -> Linearization:
    """A linearization of this structure, whose general partials are inputs of their own."""
    recorder = Recorder(graph.n_inputs, 10**6)
    b = recorder.builder
    partials = {}
    for k, edge in enumerate(graph.edges):
        unit = units and edge in graph.unit_edges
        partials[edge] = b.const(1.0, "float64") if unit else b.input(k, "float64")
    return Linearization(b, graph, partials, (), len(graph.edges))


def test_programs_have_the_products_and_sums_that_were_counted() -> None:
    for name, graph in GRAPHS.items():
        order = live_order(graph, random.Random(name))
        counts = count(graph, [*graph.dead, *order])
        for units in (False, True):
            program = accumulate(
                linearized(graph, units=units), order, with_values=False, dtypes=KINDS, limit=10**6
            ).program
            ops = [node.op for node in program.nodes]
            if units:
                # A product that is built twice is built once.
                assert ops.count("mul") <= counts.multiplications, name
            else:
                assert ops.count("mul") == counts.structural, name
                assert ops.count("add") == counts.additions, name


def test_programs_sum_over_all_paths_in_any_order(rng: np.random.Generator) -> None:
    for name, graph in GRAPHS.items():
        values = {
            e: 1.0 if e in graph.unit_edges else v
            for e, v in zip(graph.edges, rng.random(len(graph.edges)) + 0.5, strict=True)
        }
        reach = np.zeros((graph.size, graph.n_inputs))
        reach[: graph.n_inputs] = np.eye(graph.n_inputs)
        for v in graph.topological_order:
            for p in graph.predecessors[v]:
                reach[v] += values[p, v] * reach[p]
        for seed in range(3):
            order = live_order(graph, random.Random(seed))
            done = accumulate(linearized(graph, units=True), order, with_values=False, dtypes=KINDS, limit=10**6)
            results = np.array([*map(float, evaluate(done.program, [values[e] for e in graph.edges])), 0.0])
            np.testing.assert_allclose(results[done.dense()], reach[list(graph.outputs)], rtol=1e-12, err_msg=name)
