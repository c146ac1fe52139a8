"""Compiled primitives on the bit rows of :class:`ccjac.ordering.states.bits.Packed`: price, eliminate, undo, draw.

In all of them ``rows`` is ``[4, n, n_words]`` uint64 (predecessors, successors, their unit edges), ``side`` 0 means
predecessors and 1 successors, ``pair`` ``[3]`` holds the prices, and ``units`` says whether unit edges matter.
"""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..toolkit.compiled import compiled

ONE = np.uint64(1)
ZERO = np.uint64(0)


@intrinsic
def lowest_bit(_context: Any, _word: Any) -> Any:
    """Number of the lowest set bit; the word must not be 0."""

    def generate(_ctx: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic
def bit_count(_context: Any, _word: Any) -> Any:
    """Number of set bits."""

    def generate(_ctx: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), generate


@compiled
def next_random(state):
    """xorshift64* (Vigna, 2016); ``state`` is ``[1]`` uint64 and never 0."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return x * np.uint64(0x2545F4914F6CDD1D)


@compiled
def random_below(state, n):
    """A random integer from 0 to ``n - 1``."""
    return np.int64((next_random(state) >> np.uint64(33)) % np.uint64(n))


@compiled
def random_float(state):
    """A random number in [0, 1)."""
    return np.float64(next_random(state) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def has_bit(row, b):
    """Bit ``b`` of a row, as 0 or 1."""
    return (row[b >> 6] >> np.uint64(b & 63)) & ONE


@compiled
def pair_price(general_in, unit_in, general_out, unit_out, pair):
    """The price of all pairs of in- and out-edges."""
    mixed = general_in * unit_out + unit_in * general_out
    return pair[0] * general_in * general_out + pair[1] * mixed + pair[2] * unit_in * unit_out


@compiled
def price(rows, v, pair, units):
    """The price of eliminating ``v`` now."""
    n_in = n_out = unit_in = unit_out = 0
    for w in range(rows.shape[2]):
        n_in += np.int64(bit_count(rows[0, v, w]))
        n_out += np.int64(bit_count(rows[1, v, w]))
    if not units:
        return pair[0] * n_in * n_out
    for w in range(rows.shape[2]):
        unit_in += np.int64(bit_count(rows[2, v, w]))
        unit_out += np.int64(bit_count(rows[3, v, w]))
    return pair_price(n_in - unit_in, unit_in, n_out - unit_out, unit_out, pair)


@compiled
def price_without(rows, u, v, side, pair, units):
    """The price of ``u`` once its neighbour ``v``, on ``side`` of it, is eliminated; nothing is changed."""
    other = 1 - side
    near = far = near_units = far_units = 0
    vanished = ~(ONE << np.uint64(v & 63))
    for w in range(rows.shape[2]):
        x = rows[side, u, w] | rows[side, v, w]
        if w == v >> 6:
            x &= vanished
        near += np.int64(bit_count(x))
        far += np.int64(bit_count(rows[other, u, w]))
    if not units:
        return pair[0] * near * far
    behind_unit = has_bit(rows[side + 2, u], v)
    for w in range(rows.shape[2]):
        x = rows[side + 2, u, w] & ~rows[side, v, w]
        if behind_unit:
            x |= rows[side + 2, v, w] & ~rows[side, u, w]
        if w == v >> 6:
            x &= vanished
        near_units += np.int64(bit_count(x))
        far_units += np.int64(bit_count(rows[other + 2, u, w]))
    return pair_price(near - near_units, near_units, far - far_units, far_units, pair)


@compiled
def _merge(rows, side, p, v, units):
    """Replace ``v`` in the row of its neighbour ``p`` by the row of ``v``."""
    word, vanished = v >> 6, ~(ONE << np.uint64(v & 63))
    other = 1 - side
    if units:
        if has_bit(rows[other + 2, v], p):
            for w in range(rows.shape[2]):
                kept = rows[side + 2, p, w] & ~rows[side, v, w]
                rows[side + 2, p, w] = kept | (rows[side + 2, v, w] & ~rows[side, p, w])
        else:
            for w in range(rows.shape[2]):
                rows[side + 2, p, w] &= ~rows[side, v, w]
        rows[side + 2, p, word] &= vanished
    for w in range(rows.shape[2]):
        rows[side, p, w] |= rows[side, v, w]
    rows[side, p, word] &= vanished


@compiled
def eliminate(rows, v, keep, units):
    """Eliminate ``v``, updating only the rows of the vertices in ``keep`` (``[words of n]``)."""
    for side in range(2):
        for w in range(keep.shape[0]):
            bits = rows[1 - side, v, w] & keep[w]
            while bits:
                p = w * 64 + np.int64(lowest_bit(bits))
                bits &= bits - ONE
                _merge(rows, side, p, v, units)


@compiled
def eliminate_logged(rows, v, keep, units, touched, sweep, log, saved, n_saved):
    """The same, saving every row before its first change in this ``sweep``.  Returns the number of rows saved so far.

    ``touched[side, p] == sweep`` marks saved rows, ``log`` lists them as ``side * n + p`` and ``saved[k]`` is
    ``[2, n_words]``, the row and its unit edges.
    """
    n = rows.shape[1]
    for side in range(2):
        for w in range(keep.shape[0]):
            bits = rows[1 - side, v, w] & keep[w]
            while bits:
                p = w * 64 + np.int64(lowest_bit(bits))
                bits &= bits - ONE
                if touched[side, p] != sweep:
                    touched[side, p] = sweep
                    log[n_saved] = side * n + p
                    for k in range(rows.shape[2]):
                        saved[n_saved, 0, k] = rows[side, p, k]
                    if units:
                        for k in range(rows.shape[2]):
                            saved[n_saved, 1, k] = rows[side + 2, p, k]
                    n_saved += 1
                _merge(rows, side, p, v, units)
    return n_saved


@compiled
def undo(rows, units, log, saved, first, last):
    """Put the rows saved as ``first .. last-1`` back."""
    n = rows.shape[1]
    for k in range(first, last):
        side, p = log[k] // n, log[k] % n
        for w in range(rows.shape[2]):
            rows[side, p, w] = saved[k, 0, w]
        if units:
            for w in range(rows.shape[2]):
                rows[side + 2, p, w] = saved[k, 1, w]


@compiled
def fill_mask(mask, members):
    """Make ``mask`` the set of ``members``."""
    mask[:] = ZERO
    for v in members:
        mask[v >> 6] |= ONE << np.uint64(v & 63)


@compiled
def payments(rows, order, pair, units):
    """``[n]``: what each vertex pays in ``order``; ``rows`` is used up."""
    keep = np.zeros((rows.shape[1] + 63) // 64, np.uint64)
    fill_mask(keep, order)
    paid = np.zeros(rows.shape[1], np.int64)
    for v in order:
        paid[v] = price(rows, v, pair, units)
        eliminate(rows, v, keep, units)
    return paid


@compiled
def order_price(rows, order, pair, units):
    """The price of a whole order; ``rows`` is used up."""
    return payments(rows, order, pair, units).sum()
