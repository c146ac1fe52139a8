"""The learning agents on graphs whose optimum is known by brute force, and the pieces that they are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import ccjac
from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.ordering import greedy
from ccjac.ordering.protocol import Progress, Searcher
from ccjac_trainer.agent.alphazero import AlphaZero
from ccjac_trainer.agent.network import Shape
from ccjac_trainer.agent.ppo import PPO, advantages
from ccjac_zoo.graphs import random_graph

SMALL = Shape(width=16, layers=2)
PROBLEMS: list[tuple[int, CostModel, int]] = [
    (44, STRUCTURAL, 37),
    (2141, STRUCTURAL, 39),
    (2644, STRUCTURAL, 19),
    (1003, MULTIPLICATIONS, 14),
    (1504, MULTIPLICATIONS, 21),
]
"""Seeds of graphs with 7 intermediate vertices on which every greedy rule fails, and their optima by brute force."""


@pytest.mark.slow
@pytest.mark.parametrize("make", [AlphaZero, PPO])
def test_from_scratch_to_the_optimum(make: Callable[..., Searcher]) -> None:
    agent = make(shape=SMALL)
    for seed, cost, optimum in PROBLEMS:
        graph = random_graph(seed, inner=7)
        assert len(graph.eliminable) == 7
        assert greedy.best(graph, cost).cost > optimum

        def enough(report: Progress, optimum: int = optimum) -> None:
            if report.cost <= optimum:
                raise KeyboardInterrupt  # ends a search, whose result is the best order so far

        found = agent.search(graph, cost=cost, seconds=60, seed=0, progress=enough)
        assert found.cost == optimum == ccjac.evaluate_order(graph, found.order, cost)
        assert found.method.startswith(agent.name)


def test_advantages_of_the_example() -> None:
    rewards, values = np.array([[1.0], [2.0]]), np.array([[4.0], [1.0]])
    gains, returned = advantages(rewards, values, 0.5)
    assert gains.ravel().tolist() == [-1.5, 1.0]
    assert returned.ravel().tolist() == [2.5, 2.0]


def test_undiscounted_returns_without_decay() -> None:
    rng = np.random.default_rng(0)
    rewards, values = rng.normal(size=(2, 6, 3))
    _, returned = advantages(rewards, values, 1.0)
    np.testing.assert_allclose(returned, np.cumsum(rewards[::-1], axis=0)[::-1])
