"""Primal rules of reductions, scans along an axis, and contractions, on program values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from .derivative import unsupported
from .structural import scatter_positions
from .values import Symbolic, Value, is_known, lift

if TYPE_CHECKING:
    from .interpreter import Interpreter

Combine = Callable[[int, int], int]


def tree(combine: Combine, values: list[int]) -> int:
    """Combine pairwise: logarithmic depth, and rounding errors that grow with the logarithm of the length."""
    while len(values) > 1:
        paired = [combine(a, b) for a, b in zip(values[::2], values[1::2], strict=False)]
        values = paired + ([values[-1]] if len(values) % 2 else [])
    return values[0]


_REDUCERS = {
    "reduce_sum": "add",
    "reduce_prod": "mul",
    "reduce_max": "max",
    "reduce_min": "min",
    "reduce_and": "and",
    "reduce_or": "or",
    "reduce_xor": "xor",
}
_SCANS = {"cumsum": "add", "cumprod": "mul", "cummax": "max", "cummin": "min"}
_SCATTERS = {"scatter-add": "add", "scatter_add": "add", "scatter-mul": "mul", "scatter_mul": "mul"}
_SCATTERS |= {"scatter-min": "min", "scatter_min": "min", "scatter-max": "max", "scatter_max": "max"}


def rows(array: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, ...]]:
    """``array`` with ``axes`` moved last and flattened, and the remaining shape."""
    kept = [d for d in range(array.ndim) if d not in axes]
    moved = array.transpose([*kept, *axes])
    shape = tuple(array.shape[d] for d in kept)
    return moved.reshape(int(np.prod(shape, dtype=np.int64)), -1), shape


def _neutral(walker: Interpreter, op: str, dtype: str) -> int:
    """The value of an empty reduction."""
    kind = np.dtype(dtype)
    floating = kind.kind == "f"
    low, high = (
        (-np.inf, np.inf)
        if floating
        else (False, True)
        if kind.kind == "b"
        else (
            np.iinfo(kind).min,
            np.iinfo(kind).max,
        )
    )
    number = {"add": 0, "mul": 1, "max": low, "min": high, "and": high if kind.kind == "b" else -1, "or": 0, "xor": 0}[
        op
    ]
    return walker.recorder.builder.const(kind.type(number).item(), dtype)


def _reduce(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    op = _REDUCERS[eqn.primitive.name]
    operand = lift(walker.recorder.builder, operands[0])
    walker.recorder.check_size(operand.ids.size)
    table, shape = rows(operand.ids, tuple(eqn.params["axes"]))
    combine = walker.combiner(op, operand.dtype)
    if table.shape[1] == 0:
        ids = np.full(shape, _neutral(walker, op, operand.dtype), dtype=np.int64)
    else:
        ids = np.array([tree(combine, row) for row in table.tolist()], dtype=np.int64).reshape(shape)
    return [Symbolic(ids, None, operand.dtype)]


def _scan(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    operand = lift(walker.recorder.builder, operands[0])
    walker.recorder.check_size(operand.ids.size)
    combine = walker.combiner(_SCANS[eqn.primitive.name], operand.dtype)
    return [Symbolic(running(combine, operand.ids, eqn.params["axis"], eqn.params["reverse"]), None, operand.dtype)]


def running(combine: Callable[[Any, Any], Any], array: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    """Cumulative combination along an axis."""
    moved = np.moveaxis(array, axis, 0)
    moved = moved[::-1] if reverse else moved
    done = moved.copy()
    for k in range(1, len(done)):
        for place in np.ndindex(done.shape[1:]):
            done[(k, *place)] = combine(done[(k - 1, *place)], moved[(k, *place)])
    return np.moveaxis(done[::-1] if reverse else done, 0, axis)


def _argument(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    """argmax/argmin: the first index of the extreme value; a NaN counts as extreme, as in JAX."""
    builder = walker.recorder.builder
    operand = lift(builder, operands[0])
    walker.recorder.check_size(6 * operand.ids.size)
    compare = "gt" if eqn.primitive.name == "argmax" else "lt"
    out = eqn.outvars[0].aval
    index_dtype = out.dtype.name
    table, shape = rows(operand.ids, tuple(eqn.params["axes"]))
    ids = []
    for row in table.tolist():
        best, where = row[0], builder.const(0, index_dtype)
        for k, value in enumerate(row[1:], start=1):
            better = builder.emit(compare, (value, best), "bool")
            first_nan = builder.emit(
                "and", (builder.emit("ne", (value, value), "bool"), builder.emit("eq", (best, best), "bool")), "bool"
            )
            taken = builder.emit("or", (better, first_nan), "bool")
            best = builder.emit("select_n", (taken, best, value), operand.dtype)
            where = builder.emit("select_n", (taken, where, builder.const(k, index_dtype)), index_dtype)
        ids.append(where)
    return [Symbolic(np.array(ids, dtype=np.int64).reshape(shape), None, index_dtype)]


def contraction(
    left: np.ndarray, right: np.ndarray, dimension_numbers: Any
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Bring a ``dot_general`` into the form ``[batch, m, k] @ [batch, n, k]``; returns both and the result's shape."""
    (left_k, right_k), (left_b, right_b) = dimension_numbers
    left_free = [d for d in range(left.ndim) if d not in (*left_k, *left_b)]
    right_free = [d for d in range(right.ndim) if d not in (*right_k, *right_b)]

    def arranged(array: np.ndarray, batch: Any, free: list[int], k: Any) -> np.ndarray:
        moved = array.transpose([*batch, *free, *k])
        shape = [int(np.prod([array.shape[d] for d in group], dtype=np.int64)) for group in (batch, free, k)]
        return moved.reshape(shape)

    shape = (
        *(left.shape[d] for d in left_b),
        *(left.shape[d] for d in left_free),
        *(right.shape[d] for d in right_free),
    )
    return arranged(left, left_b, left_free, left_k), arranged(right, right_b, right_free, right_k), shape


def _dot_general(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    builder = walker.recorder.builder
    dtype = eqn.outvars[0].aval.dtype.name
    left, right = (lift(builder, v) for v in operands)
    a, b, shape = contraction(
        walker.converted(left.ids, left.dtype, dtype),
        walker.converted(right.ids, right.dtype, dtype),
        eqn.params["dimension_numbers"],
    )
    walker.recorder.check_size(2 * a.shape[0] * a.shape[1] * b.shape[1] * a.shape[2])
    add, mul = walker.combiner("add", dtype), walker.combiner("mul", dtype)
    zero = builder.const(0.0 if np.dtype(dtype).kind == "f" else 0, dtype)
    ids = [
        tree(add, [mul(x, y) for x, y in zip(row, column, strict=True)]) if row else zero
        for lefts, rights in zip(a.tolist(), b.tolist(), strict=True)
        for row in lefts
        for column in rights
    ]
    return [Symbolic(np.array(ids, dtype=np.int64).reshape(shape), None, dtype)]


def _scatter_combine(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    operand, where, updates = operands
    if not is_known(where):
        raise walker.unsupported(eqn, "with indices that depend on the arguments")
    operand, updates = (lift(walker.recorder.builder, v) for v in (operand, updates))
    combine = walker.combiner(_SCATTERS[eqn.primitive.name], operand.dtype)
    flat = operand.ids.ravel().copy()
    target = scatter_positions(eqn.params, np.asarray(where), operand.shape, updates.shape).ravel()
    for position, update in zip(target.tolist(), updates.ids.ravel().tolist(), strict=True):
        if position >= 0:
            flat[position] = combine(int(flat[position]), update)
    return [Symbolic(flat.reshape(operand.shape), None, operand.dtype)]


def matrix_of(walker: Interpreter, eqn: Any, varies: list[bool], operands: list[Value]) -> tuple[int, np.ndarray]:
    """The matrix ``[results, entries]`` of an equation that is linear in the one operand that varies, and which one
    it is.
    """
    places = [k for k, flag in enumerate(varies) if flag]
    if (
        len(places) != 1
        or len(eqn.outvars) != 1
        or not all(is_known(operands[k]) for k in range(len(operands)) if k != places[0])
    ):
        raise unsupported(eqn.primitive.name)
    (place,) = places
    aval, out = eqn.invars[place].aval, eqn.outvars[0].aval
    walker.recorder.check_size(aval.size * out.size)

    def applied(unit: Any) -> Any:
        return eqn.primitive.bind(*(unit if k == place else v for k, v in enumerate(operands)), **eqn.params)

    with jax.ensure_compile_time_eval():
        basis = jax.numpy.eye(aval.size, dtype=aval.dtype).reshape((aval.size, *aval.shape))
        columns = np.asarray(jax.vmap(applied)(basis)).reshape(aval.size, -1)
    return place, columns.T


def _linear(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    """A linear operation with one operand that is not known: sums of products with its matrix."""
    place, matrix = matrix_of(walker, eqn, [not is_known(v) for v in operands], operands)
    builder, aval = walker.recorder.builder, eqn.outvars[0].aval
    dtype = aval.dtype.name
    entries = operands[place].ids.ravel().tolist()
    add, mul = walker.combiner("add", dtype), walker.combiner("mul", dtype)
    ids = []
    for row in matrix:
        terms = [mul(entries[c], builder.const(row[c].item(), dtype)) for c in np.flatnonzero(row)]
        ids.append(tree(add, terms) if terms else builder.const(0.0, dtype))
    return [Symbolic(np.array(ids, dtype=np.int64).reshape(aval.shape), None, dtype)]


PrimalRule = Callable[["Interpreter", Any, list[Value]], list[Value]]

REDUCTIONS: dict[str, PrimalRule] = (
    dict.fromkeys(_REDUCERS, _reduce)
    | dict.fromkeys(_SCANS, _scan)
    | dict.fromkeys(_SCATTERS, _scatter_combine)
    | dict.fromkeys(("conv_general_dilated", "reduce_window_sum", "triangular_solve"), _linear)
    | {"argmax": _argument, "argmin": _argument, "dot_general": _dot_general}
)
"""Primitive name -> rule for the values; tangents come from JAX's own rule for the equation."""
