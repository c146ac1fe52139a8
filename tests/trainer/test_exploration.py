"""Agents that have settled on one order look further."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ccjac.cost import MULTIPLICATIONS
from ccjac.elimination import count, forward_order
from ccjac.ordering.toolkit import Incumbent
from ccjac.ordering.toolkit.turns import interleave
from ccjac_trainer.agent.alphazero import AlphaZero
from ccjac_trainer.agent.network import Shape
from ccjac_trainer.agent.ppo import PPO
from ccjac_trainer.agent.precision import single
from ccjac_trainer.agent.searcher import Agent
from ccjac_zoo.graphs import random_graph

PROBLEMS: list[tuple[Callable[..., Agent], int, int]] = [(AlphaZero, 749, 12), (PPO, 1273, 4)]
"""Agents, seeds of graphs on which their policy settles on an order that is not the best, and the optima."""


@pytest.mark.slow
@pytest.mark.parametrize(("make", "seed", "optimum"), PROBLEMS)
def test_a_settled_policy_explores(make: Callable[..., Agent], seed: int, optimum: int) -> None:
    graph = random_graph(seed, inner=7)
    agent = make(shape=Shape(width=16, layers=2))
    incumbent = Incumbent(graph, MULTIPLICATIONS, 60.0, agent.name, lower=optimum)
    first = forward_order(graph)
    incumbent.offer(first, count(graph, first).cost(MULTIPLICATIONS), "forward")
    assert incumbent.total > optimum
    with single():
        interleave(incumbent, *agent.parts(incumbent, 0))
    assert incumbent.total == optimum == count(graph, incumbent.order).cost(MULTIPLICATIONS)
