"""The game: a move eliminates a vertex and costs its price; the game ends when nothing is left.

A position depends on the set of eliminated vertices alone.  It is kept as rows of bits, four times ``N x W`` words:
predecessors, successors, and which of these edges are unit edges.  All functions take one position and can be compiled
and mapped; graphs of different sizes are padded to one shape and then differ in what is alive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ccjac.cost import CostModel
from ccjac.graph import Graph
from ccjac.ordering.states.bits import Packed, pack


class Board(NamedTuple):
    """A position.

    Attributes:
        rows: ``[4, N, W]`` uint32: bit b of a row is bit b % 32 of its word b // 32; bits from ``N`` on are inputs
            (predecessors) or outputs (successors).
        alive: ``[N]`` bool, what is left to eliminate; padding is never alive.
        pair: ``[3]`` int32 prices.
    """

    rows: jax.Array
    alive: jax.Array
    pair: jax.Array


@dataclass(frozen=True)
class Start:
    """A graph laid out for the game.

    Attributes:
        board: The first position, on the host.
        packed: The graph; vertex i of the board is vertex i of it.
    """

    board: Board
    packed: Packed


def width(size: int, ends: int) -> int:
    """Words of a row for ``size`` vertices and ``ends`` inputs or outputs; even, so that pairs of them are uint64."""
    return 2 * -(-(size + ends) // 64)


def lay_out(graph: Graph, cost: CostModel, size: int | None = None, words: int | None = None) -> Start:
    """Set up the game on the live part of ``graph``.

    Args:
        graph: Any graph.
        cost: The price of a pair.
        size: Pad to this many vertices; as many as there are by default.
        words: Pad rows to this many words; as many as are needed by default.

    Raises:
        ValueError: The graph is larger than the padding.
    """
    packed = pack(graph, cost)
    n = packed.n
    size = n if size is None else size
    bits = np.unpackbits(packed.rows.view(np.uint8), axis=2, bitorder="little")
    # Only as many words as there are ends; pack() rounds up.
    used = np.flatnonzero(bits.any(axis=(0, 1)))
    ends = max(0, int(used[-1]) + 1 - n) if len(used) else 0
    needed = width(size, ends)
    words = needed if words is None else words
    if size < n or words < needed:
        raise ValueError(f"{n} vertices and {ends} ends do not fit into a board of {size} rows of {words} words.")
    wide = np.zeros((4, size, 32 * words), np.uint8)
    wide[:, :n, :n] = bits[:, :, :n]
    wide[:, :n, size : size + ends] = bits[:, :, n : n + ends]
    rows = np.packbits(wide, axis=2, bitorder="little").view(np.uint32)
    board = Board(rows, np.arange(size) < n, packed.pair.astype(np.int32))  # type: ignore[arg-type]
    return Start(board, packed)


def stack(boards: Sequence[Board]) -> Board:
    """Positions of one shape along a new leading axis, to map over."""
    return Board(*(np.stack(columns) for columns in zip(*boards, strict=True)))  # type: ignore[arg-type]


def prices(board: Board) -> jax.Array:
    """``[N]`` int32: what eliminating each vertex now costs."""
    counts = jnp.sum(jax.lax.population_count(board.rows), axis=2, dtype=jnp.int32)
    unit_in, unit_out = counts[2], counts[3]
    general_in, general_out = counts[0] - unit_in, counts[1] - unit_out
    mixed = general_in * unit_out + unit_in * general_out
    return board.pair[0] * general_in * general_out + board.pair[1] * mixed + board.pair[2] * unit_in * unit_out


def eliminate(board: Board, v: jax.Array) -> Board:
    """Eliminate ``v``.  Nothing changes if it is not alive.

    Every successor gets the predecessors of ``v`` and every predecessor its successors.  A product of two unit edges is
    a unit edge, a sum is not.
    """
    rows, v = board.rows, jnp.asarray(v, jnp.int32)
    # All types are said: the game is the same whatever a program has set for 64-bit types and promotion.
    word, bit = v // jnp.int32(32), jnp.left_shift(jnp.uint32(1), (v % jnp.int32(32)).astype(jnp.uint32))
    size, words = rows.shape[1], rows.shape[2]
    gone = jnp.where(jnp.arange(words, dtype=jnp.int32) == word, bit, jnp.uint32(0))
    merged = []
    for side in (0, 1):
        # Rows on this side belong to the neighbours of v on the other.
        own, units = rows[side], rows[side + 2]
        near = jnp.take(own, word, axis=1) & bit != 0
        behind_unit = jnp.take(units, word, axis=1) & bit != 0
        joined = jnp.where(behind_unit[:, None], units[v] & ~own, jnp.uint32(0))
        merged.append(
            (
                jnp.where(near[:, None], (own | own[v]) & ~gone, own),
                jnp.where(near[:, None], ((units & ~own[v]) | joined) & ~gone, units),
            )
        )
    (preds, unit_preds), (succs, unit_succs) = merged
    kept = (jnp.arange(size, dtype=jnp.int32) != v)[:, None]
    fresh = jnp.where(kept, jnp.stack([preds, succs, unit_preds, unit_succs]), jnp.uint32(0))
    return Board(fresh, board.alive & kept[:, 0], board.pair)


def play(board: Board, v: jax.Array) -> tuple[Board, jax.Array]:
    """A move: the position after it and its price."""
    return eliminate(board, v), prices(board)[v]
