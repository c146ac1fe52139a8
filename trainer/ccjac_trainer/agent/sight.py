"""From positions of the game to what the network sees, within compiled programs.

Measures are counted on the host, by the same code that serves the greedy rules: on bits that takes microseconds, as
dense matrices it would cost more than the network.  With them come completions: what the greedy rules pay from there
on.  Completions are whole orders, so the best of them is kept, whatever the search makes of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import io_callback

from ccjac.cost import CostModel
from ccjac.graph import Graph
from ccjac.ordering.greedy.linear import WEIGHTS, linear_rules
from ccjac.ordering.states.measures_numba import MEASURES
from ccjac.ordering.states.sets import HUB

from ..game import Board, Start, eliminate, lay_out, prices
from .batches import fixed_columns
from .observation import FIXED, Observation, bucket

LARGEST = 512
"""Vertices up to which positions are dense tables."""


class Position(NamedTuple):
    """A position with its past; arrays have a leading batch axis.

    Attributes:
        board: What is left.
        order: ``[B, N]`` int32, the moves so far.
        moves: ``[B]`` int32, how many there were.
        spent: ``[B]`` int32, what they cost.
        table: ``[B]`` int32, the number of the :class:`Table` that it is played at.
        fixed: ``[B, N, 5]`` float32; see :class:`.observation.Observation`.
    """

    board: Board
    order: jax.Array
    moves: jax.Array
    spent: jax.Array
    table: jax.Array
    fixed: jax.Array


@dataclass
class Table:
    """A graph that is played on, and the best order that anybody saw there.

    Attributes:
        start: The game.
        rules: Weights of the rules that complete orders.
        best: ``[n]`` packed vertices.
        cost: What it costs.
        evaluations: Positions looked at.
    """

    start: Start
    rules: tuple[np.ndarray, ...]
    best: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    cost: int = 1 << 62
    evaluations: int = 0

    def complete(self, rows: np.ndarray, pair: np.ndarray, order: np.ndarray, spent: int) -> int:
        """What the rules pay from a position on; remembers the whole order if it is the best so far."""
        from ccjac.ordering.greedy import linear_numba

        packed = self.start.packed
        least = 1 << 62
        for weights in self.rules:
            rest, cost = linear_numba.apply(
                rows, pair, packed.units, self._statics, self._place, weights, HUB, least
            )  # fmt: skip
            if cost < least:
                least = int(cost)
                if spent + least < self.cost:
                    self.offer(np.concatenate([order, rest]), spent + least)
        return least

    def offer(self, order: Sequence[int] | np.ndarray, cost: int) -> None:
        """Keep an order if it is the best so far; what is not alive may be in it."""
        if cost < self.cost:
            seen = dict.fromkeys(int(v) for v in order if v < self.start.packed.n)
            self.best, self.cost = np.array(list(seen), np.int64), cost

    def __post_init__(self) -> None:
        fixed = fixed_columns(self.start.packed.rows)
        size = self.start.board.alive.shape[0]
        self.fixed = np.zeros((size, FIXED), np.float32)
        self.fixed[: len(fixed)] = fixed
        self._statics = np.ones((size, FIXED - 1), np.int64)
        self._statics[: len(fixed)] = fixed[:, :-1]
        self._place = np.arange(size)

    @classmethod
    def of(cls, graph: Graph, cost: CostModel) -> Table:
        """Lay the game out, padded so that few programs are compiled."""
        bare = lay_out(graph, cost)
        size = bucket(bare.packed.n)
        ends = 32 * bare.board.rows.shape[2] - bare.packed.n
        room = next(r for r in itertools.count(64, 64) if r >= size + ends and (r <= 256 or r % 256 == 0))
        lmmd = np.zeros(WEIGHTS)
        lmmd[:2] = 1.0
        learned = [np.array(rule.weights) for rule in linear_rules(cost, bare.packed.n)][:2]
        return cls(lay_out(graph, cost, size, room // 32), (lmmd, *learned))


_tables: dict[int, Table] = {}
_numbers = itertools.count()


def open_table(table: Table) -> int:
    """Give a table a number, by which compiled programs reach it."""
    number = next(_numbers) % (1 << 30)
    _tables[number] = table
    return number


def close_table(number: int) -> None:
    """Forget a table."""
    del _tables[number]


def begin(number: int, count: int, prefix: Sequence[int] = ()) -> Position:
    """``count`` copies of the position after the moves of ``prefix``."""
    table = _tables[number]
    board = Board(*(jnp.asarray(x) for x in table.start.board))
    order = np.zeros(len(board.alive), np.int32)
    order[: len(prefix)] = prefix
    board, spent = _forward(board, order, len(prefix))

    def copies(x: Any) -> jax.Array:
        return jnp.broadcast_to(jnp.asarray(x), (count, *np.shape(x)))

    return Position(
        Board(*map(copies, board)), copies(order), copies(np.int32(len(prefix))), copies(spent),
        copies(np.int32(number)), copies(table.fixed),
    )  # fmt: skip


@jax.jit
def _forward(board: Board, order: jax.Array, count: jax.Array) -> tuple[Board, jax.Array]:
    def move(k: jax.Array, state: tuple[Board, jax.Array]) -> tuple[Board, jax.Array]:
        board, spent = state
        return eliminate(board, order[k]), spent + prices(board)[order[k]]

    return jax.lax.fori_loop(0, count, move, (board, jnp.zeros((), jnp.int32)))


def move(position: Position, action: jax.Array) -> tuple[Position, jax.Array]:
    """Eliminate ``action`` ``[B]``; returns the positions after it and its prices ``[B]``."""
    price = jnp.take_along_axis(jax.vmap(prices)(position.board), action[:, None], axis=1)[:, 0]
    board = jax.vmap(eliminate)(position.board, action)
    places = jnp.arange(position.order.shape[1])
    order = jnp.where(places == position.moves[:, None], action[:, None].astype(jnp.int32), position.order)
    after = position._replace(board=board, order=order, moves=position.moves + 1, spent=position.spent + price)
    return after, price


def look(position: Position, complete: bool) -> tuple[Observation, jax.Array]:
    """What the network sees, and what the rules would pay from there on (0 unless ``complete``)."""
    batch, size = position.board.alive.shape
    shapes = jax.ShapeDtypeStruct((batch, size, MEASURES), jnp.int32), jax.ShapeDtypeStruct((batch,), jnp.float32)
    p = position
    measures, rest = io_callback(
        _count_and_complete if complete else _count, shapes, p.board, p.order, p.moves, p.spent, p.table
    )
    words = size // 32 or 1
    bits = jnp.arange(32, dtype=jnp.uint32)

    def table(rows: jax.Array) -> jax.Array:
        flags = (rows[:, :, :words, None] >> bits) & 1
        return flags.reshape(batch, size, -1)[:, :, :size].astype(jnp.uint8)

    edges = table(p.board.rows[:, 1]) + 2 * table(p.board.rows[:, 3])
    return Observation(measures, p.fixed, edges, p.board.alive, p.board.pair.astype(jnp.float32)), rest


def _count(*arguments: Any) -> tuple[np.ndarray, np.ndarray]:
    return _see(False, *arguments)


def _count_and_complete(*arguments: Any) -> tuple[np.ndarray, np.ndarray]:
    return _see(True, *arguments)


def _see(
    complete: bool, board: Board, order: Any, moves: Any, spent: Any, number: Any
) -> tuple[np.ndarray, np.ndarray]:
    from .snapshot_numba import measure_boards

    table = _tables[int(np.asarray(number)[0])]
    rows = np.ascontiguousarray(board.rows).view(np.uint64)
    alive, pair = np.asarray(board.alive), np.asarray(board.pair).astype(np.int64)
    measures = np.zeros((*alive.shape, MEASURES), np.int64)
    measure_boards(rows, alive, pair, table.start.packed.units, measures)
    rest = np.zeros(len(alive), np.float32)
    if complete:
        order, moves, spent = np.asarray(order), np.asarray(moves), np.asarray(spent)
        for b in range(len(alive)):
            if alive[b].any():
                rest[b] = table.complete(rows[b], pair[b], order[b, : moves[b]], int(spent[b]))
            else:
                table.offer(order[b, : moves[b]], int(spent[b]))
    table.evaluations += len(alive)
    return measures.astype(np.int32), rest
