"""The game: one compiled program for graphs of different sizes, moves that replay exactly."""

from __future__ import annotations

import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
from ccjac.cost import MULTIPLICATIONS, STRUCTURAL
from ccjac_trainer.game import lay_out, play, prices, stack
from ccjac_zoo.graphs import generate

GRAPHS = [generate(seed, (5, 50)).graph for seed in range(12)]


def test_graphs_of_all_sizes_and_both_costs_are_played_at_once() -> None:
    problems = [(graph, cost) for graph in GRAPHS for cost in (STRUCTURAL, MULTIPLICATIONS)]
    starts = [lay_out(graph, cost, 96, 8) for graph, cost in problems]
    orders = []
    for k, start in enumerate(starts):
        order = list(range(start.packed.n))
        random.Random(k).shuffle(order)
        orders.append(order)
    # Behind the last move comes padding, which costs nothing.
    padded = np.array([[*order, *range(len(order), 96)] for order in orders])
    run = jax.jit(jax.vmap(lambda board, order: jax.lax.scan(play, board, order)))
    boards, paid = run(stack([start.board for start in starts]), jnp.asarray(padded))
    assert not np.asarray(boards.alive).any()
    assert not np.asarray(boards.rows).any()
    for (graph, cost), start, order, total in zip(problems, starts, orders, np.asarray(paid).sum(axis=1), strict=True):
        full = graph.dead + start.packed.unpack_order(order)
        assert total == ccjac.evaluate_order(graph, full, cost)


def test_a_board_is_as_small_as_the_graph() -> None:
    start = lay_out(GRAPHS[0], STRUCTURAL)
    n = start.packed.n
    assert start.board.rows.shape[1] == n == len(start.board.alive)
    assert start.board.rows.shape[2] % 2 == 0
    assert (np.asarray(prices(start.board)) > 0).all()


def test_a_graph_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        lay_out(GRAPHS[0], STRUCTURAL, 4)
