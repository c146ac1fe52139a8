"""Small random graphs, the optimum of a graph by brute force, and the published graphs."""

from __future__ import annotations

import json
import random
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

from ccjac.cost import CostModel
from ccjac.elimination import EliminationState, count
from ccjac.graph import Graph

PAPER_GRAPHS = Path(__file__).parents[1] / "data" / "paper_graphs"
SCALAR_TASKS = (
    "RoeFlux_1d",
    "RobotArm_6DOF",
    "HumanHeartDipole",
    "PropaneCombustion",
    "BlackScholes_Jacobian",
    "g",
)
ODD_PRICES = CostModel("odd prices", (3, 2, 1))
"""A third cost model, to catch code that knows only the two built-in ones."""


@cache
def paper_graph(name: str) -> tuple[Graph, dict[str, Any]]:
    """A published graph by its path below the data folder, without ``.json``, and its published counts."""
    record = json.loads((PAPER_GRAPHS / f"{name}.json").read_text())
    graph = Graph.from_edges(
        record["n_inputs"], record["n_vertices"], record["outputs"], record["edges"], record.get("unit_edges", ())
    )
    return graph, record


def random_graph(seed: int, *, inner: int = 8) -> Graph:
    """A graph with at most ``inner`` eliminable vertices, dead vertices and copies of outputs among them."""
    rng = random.Random(seed)
    n_inputs = rng.randint(1, 4)
    n_vertices = rng.randint(1, inner + 2)
    density = rng.choice([0.25, 0.4, 0.6])
    edges = []
    for v in range(n_inputs, n_inputs + n_vertices):
        preds = [u for u in range(v) if rng.random() < density]
        if not preds and rng.random() < 0.9:
            preds = [rng.randrange(v)]
        edges += [(u, v) for u in preds]
    units = [e for e in edges if rng.random() < rng.choice([0.2, 0.5, 0.8])]
    used = {a for a, _ in edges}
    outputs = [v for v in range(n_inputs, n_inputs + n_vertices) if v not in used and rng.random() < 0.9]
    outputs = outputs or [n_inputs + n_vertices - 1]
    graph = Graph.from_edges(n_inputs, n_vertices, outputs, edges, units)
    if len(graph.eliminable) > inner:
        return random_graph(seed + 1_000_003, inner=inner)
    return graph


def cheapest(graph: Graph, cost: CostModel) -> int:
    """The cost of the best of all orders, by trying every order of the live intermediate vertices.

    Orders share their beginnings, and what follows depends on the set eliminated so far alone: sets are tried once.
    """
    best_of: dict[frozenset[int], int] = {}

    def rest(done: frozenset[int], left: frozenset[int]) -> int:
        if not left:
            return 0
        if done not in best_of:
            state = EliminationState(graph)
            for v in graph.dead + tuple(sorted(done)):
                state.eliminate(v)
            best_of[done] = min(state.cost(v, cost) + rest(done | {v}, left - {v}) for v in left)
        return best_of[done]

    return rest(frozenset(), frozenset(graph.eliminable) - frozenset(graph.dead))


def cheapest_of_permutations(graph: Graph, cost: CostModel) -> int:
    """The same without the argument about sets: literally every order."""
    live = [v for v in graph.eliminable if v not in graph.dead]
    return min(count(graph, graph.dead + order).cost(cost) for order in permutations(live))
