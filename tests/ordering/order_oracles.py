"""Small random graphs, the optimum of a graph by brute force, and the published graphs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

from ccjac.cost import CostModel
from ccjac.elimination import EliminationState, count
from ccjac.graph import Graph
from ccjac_zoo.graphs import published

DATA = Path(__file__).parents[1] / "data"
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


def paper_graph(name: str) -> tuple[Graph, Mapping[str, Any]]:
    """A published graph by its path below the data folder, without ``.json``, and its published counts."""
    found = published()[name]
    return found.graph, found.record


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
