"""Reductions, running combinations, contractions and scattered combinations, on values and on forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .expander import Expander, unsupported
from .values import Forms, Symbolic, Value, is_floating, lift, linear_entries, zero_forms

Axes = Sequence[int]


def reduce(ex: Expander, value: Value, axes: Axes, op: str) -> Value:
    """Combine the entries along ``axes`` by a binary operation; forms can be added only.

    Values are combined in a balanced tree, so that rounding errors grow with the logarithm of the length.
    """
    if isinstance(value, Forms):
        _additive(op)
        table, shape = _rows(value.entries, axes)
        out = zero_forms((len(table),))
        for k, row in enumerate(table):
            out[k] = ex.total(row)
        return Forms(out.reshape(shape))
    operand = lift(ex.builder, value)
    ex.recorder.check_size(operand.ids.size)
    table, shape = _rows(operand.ids, axes)
    if table.shape[1] == 0:
        return ex.values([_neutral(ex, op, operand.dtype)] * len(table), shape, operand.dtype)
    combine = ex.combiner(op, operand.dtype)
    return ex.values([_tree(combine, row) for row in table.tolist()], shape, operand.dtype)


def running(ex: Expander, value: Value, axis: int, op: str, *, reverse: bool = False) -> Value:
    """Combine every entry along an axis with all before it (after it, if ``reverse``); forms can be added only."""
    if isinstance(value, Forms):
        _additive(op)
        return Forms(_accumulated(ex.add, value.entries, axis, reverse))
    operand = lift(ex.builder, value)
    ex.recorder.check_size(operand.ids.size)
    combined = _accumulated(ex.combiner(op, operand.dtype), operand.ids, axis, reverse)
    return Symbolic(combined, None, operand.dtype)


def argument(ex: Expander, value: Value, axes: Axes, dtype: str, *, largest: bool) -> Symbolic:
    """The position, of integer type ``dtype``, of the first extreme value along ``axes``; a NaN counts as extreme."""
    builder = ex.builder
    operand = lift(builder, value)
    ex.recorder.check_size(6 * operand.ids.size)
    compare = "gt" if largest else "lt"
    table, shape = _rows(operand.ids, axes)
    ids = []
    for row in table.tolist():
        best, where = row[0], builder.const(0, dtype)
        for k, entry in enumerate(row[1:], start=1):
            better = builder.emit(compare, (entry, best), "bool")
            is_nan, was_number = builder.emit("ne", (entry, entry), "bool"), builder.emit("eq", (best, best), "bool")
            taken = builder.emit("or", (better, builder.emit("and", (is_nan, was_number), "bool")), "bool")
            best = builder.emit("select_n", (taken, best, entry), operand.dtype)
            where = builder.emit("select_n", (taken, where, builder.const(k, dtype)), dtype)
        ids.append(where)
    return ex.values(ids, shape, dtype)


def contract(
    ex: Expander, left: Value, right: Value, *, batch: tuple[Axes, Axes], contracted: tuple[Axes, Axes], dtype: str
) -> Value:
    """Sums of products: the result's axes are those of ``batch``, then the left's and the right's remaining ones.

    Args:
        ex: The expansion.
        left, right: Values, or one of them forms.
        batch: Axes of either operand that run along.
        contracted: Axes of either operand that are summed over.
        dtype: Name of the result's type.
    """
    builder = ex.builder
    if isinstance(left, Forms) or isinstance(right, Forms):
        return _contract_forms(ex, left, right, batch, contracted)
    factors = [lift(builder, v) for v in (left, right)]
    ids = [ex.converted(f.ids, f.dtype, dtype) for f in factors]
    a, b, shape = matrices(ids[0], ids[1], batch, contracted)
    ex.recorder.check_size(2 * a.shape[0] * a.shape[1] * b.shape[1] * a.shape[2])
    add, mul = ex.combiner("add", dtype), ex.combiner("mul", dtype)
    zero = builder.const(0.0 if is_floating(dtype) else 0, dtype)
    sums = [
        _tree(add, [mul(x, y) for x, y in zip(row, column, strict=True)]) if row else zero
        for rows, columns in zip(a.tolist(), b.tolist(), strict=True)
        for row in rows
        for column in columns
    ]
    return ex.values(sums, shape, dtype)


def _contract_forms(
    ex: Expander, left: Value, right: Value, batch: tuple[Axes, Axes], contracted: tuple[Axes, Axes]
) -> Forms:
    if isinstance(left, Forms) and isinstance(right, Forms):
        raise unsupported("dot_general", "multiplies two tangents in a derivative rule")
    flipped = isinstance(right, Forms)
    entries = [v.entries if isinstance(v, Forms) else lift(ex.builder, v).ids for v in (left, right)]
    a, b, shape = matrices(entries[0], entries[1], batch, contracted)
    ex.recorder.check_size(2 * a.shape[0] * a.shape[1] * b.shape[1] * a.shape[2])
    out = zero_forms((a.shape[0], a.shape[1], b.shape[1]))
    for k, i, j in np.ndindex(out.shape):
        pairs = zip(a[k, i], b[k, j], strict=True)
        out[k, i, j] = ex.total(ex.scale(y, int(x)) if flipped else ex.scale(x, int(y)) for x, y in pairs)
    return Forms(out.reshape(shape))


def combine_at(ex: Expander, base: Value, targets: np.ndarray, updates: Value, op: str) -> Value:
    """Combine entries of ``base`` with ``updates``, one after the other.

    Args:
        ex: The expansion.
        base: Values or forms.
        targets: Of the shape of ``updates``: flat positions in ``base``, negative where an update is dropped.
        updates: To forms, forms are added (``op`` is ``"add"``) and values multiplied (``"mul"``).
        op: A binary operation.
    """
    builder = ex.builder
    positions = targets.ravel().tolist()
    if isinstance(base, Forms) or isinstance(updates, Forms):
        flat = linear_entries(base).ravel().copy()
        if op == "mul" and not isinstance(updates, Forms):
            factors = lift(builder, updates).ids.ravel().tolist()
            for position, factor in zip(positions, factors, strict=True):
                if position >= 0:
                    flat[position] = ex.scale(flat[position], factor)
        else:
            _additive(op)
            for position, update in zip(positions, linear_entries(updates).ravel(), strict=True):
                if position >= 0:
                    flat[position] = ex.add(flat[position], update)
        return Forms(flat.reshape(np.shape(linear_entries(base))))
    values, extra = lift(builder, base), lift(builder, updates)
    combine = ex.combiner(op, values.dtype)
    ids = values.ids.ravel().tolist()
    for position, update in zip(positions, extra.ids.ravel().tolist(), strict=True):
        if position >= 0:
            ids[position] = combine(ids[position], update)
    return ex.values(ids, values.shape, values.dtype)


def by_matrix(ex: Expander, value: Value, matrix: np.ndarray, shape: tuple[int, ...], dtype: str) -> Value:
    """A linear operation given by its matrix ``[results, entries]``, on values or forms."""
    builder = ex.builder
    nonzero = [(row, np.flatnonzero(row)) for row in matrix]

    def number(coefficient: Any) -> int:
        return builder.const(coefficient.item(), dtype)

    if isinstance(value, Forms):
        forms = value.entries.ravel()
        out = zero_forms((len(matrix),))
        for k, (row, columns) in enumerate(nonzero):
            out[k] = ex.total(ex.scale(forms[c], number(row[c])) for c in columns)
        return Forms(out.reshape(shape))
    entries = lift(builder, value).ids.ravel().tolist()
    add, mul = ex.combiner("add", dtype), ex.combiner("mul", dtype)
    products = [[mul(entries[c], number(row[c])) for c in columns] for row, columns in nonzero]
    zero = builder.const(0.0, dtype)
    return ex.values([_tree(add, terms) if terms else zero for terms in products], shape, dtype)


def _additive(op: str) -> None:
    if op != "add":
        raise unsupported(op, "combines tangents in a derivative rule, which is not linear")


def _tree(combine: Callable[[int, int], int], values: list[int]) -> int:
    """Combine pairwise: logarithmic depth, and rounding errors that grow with the logarithm of the length."""
    while len(values) > 1:
        paired = [combine(a, b) for a, b in zip(values[::2], values[1::2], strict=False)]
        values = paired + ([values[-1]] if len(values) % 2 else [])
    return values[0]


def _rows(array: np.ndarray, axes: Axes) -> tuple[np.ndarray, tuple[int, ...]]:
    """``array`` with ``axes`` moved last and flattened, and the remaining shape."""
    kept = [d for d in range(array.ndim) if d not in axes]
    shape = tuple(array.shape[d] for d in kept)
    lengths = [array.shape[d] for d in axes]
    flat = (int(np.prod(shape, dtype=np.int64)), int(np.prod(lengths, dtype=np.int64)))
    return array.transpose([*kept, *axes]).reshape(flat), shape


def _neutral(ex: Expander, op: str, dtype: str) -> int:
    """The value of an empty reduction."""
    if is_floating(dtype):
        low, high = -np.inf, np.inf
    elif dtype == "bool":
        low, high = False, True
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    everything = True if dtype == "bool" else -1
    neutral = {"add": 0, "mul": 1, "max": low, "min": high, "and": everything, "or": 0, "xor": 0}[op]
    kind = float if is_floating(dtype) else bool if dtype == "bool" else int
    return ex.builder.const(kind(neutral), dtype)


def _accumulated(combine: Callable[[Any, Any], Any], array: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    moved = np.moveaxis(array, axis, 0)
    moved = moved[::-1] if reverse else moved
    done = moved.copy()
    for k in range(1, len(done)):
        for place in np.ndindex(done.shape[1:]):
            done[(k, *place)] = combine(done[(k - 1, *place)], moved[(k, *place)])
    return np.moveaxis(done[::-1] if reverse else done, 0, axis)


def matrices(
    left: np.ndarray, right: np.ndarray, batch: tuple[Axes, Axes], contracted: tuple[Axes, Axes]
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """The operands of a contraction as ``[batch, m, k]`` and ``[batch, n, k]``, and the result's shape."""

    def arranged(array: np.ndarray, b: Axes, k: Axes) -> tuple[np.ndarray, list[int]]:
        free = [d for d in range(array.ndim) if d not in (*b, *k)]
        sizes = [int(np.prod([array.shape[d] for d in group], dtype=np.int64)) for group in (b, free, k)]
        return array.transpose([*b, *free, *k]).reshape(sizes), [array.shape[d] for d in free]

    a, a_free = arranged(left, batch[0], contracted[0])
    b, b_free = arranged(right, batch[1], contracted[1])
    return a, b, (*(left.shape[d] for d in batch[0]), *a_free, *b_free)
