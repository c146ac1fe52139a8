"""Linear algebra of small matrices: what torch's operators are called, and what of :mod:`ccjac.expand.linalg` they are.

The rules are for values, and for tangents where an operator is linear in them; active operands are left to torch's own
forward-mode rules, which express these operators in each other.  Where torch raises an error for a singular matrix, the
results here are infinite or not numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from ccjac.errors import UnsupportedError
from ccjac.expand import Forms, Symbolic, Value, lift, linalg, lookup

from .derivative import with_all_tangents
from .operation import Operation, Rule

_INDEX = "int32"
Compute = Callable[..., list[Any]]


def _rule(compute: Compute, data: Sequence[str] = ("A",), differentiable: Sequence[int] = (0,)) -> Rule:
    """A rule from what an operator computes of the arguments named ``data``; results that say how LAPACK fared are
    ``None``.
    """

    def rule(op: Operation) -> Any:
        named = op.named
        values = [op.value(named[name]) for name in data]
        if any(isinstance(v, Symbolic) and v.active for v in values):

            def call(*tensors: torch.Tensor) -> Any:
                return op.function(**(named | dict(zip(data, tensors, strict=True))))

            found = with_all_tangents(op, call, values, differentiable)
        else:
            found = compute(op, *values)
        if isinstance(op.out, torch.Tensor):
            return found[0]
        for tensor, value in zip(op.out, found, strict=True):
            if value is None:
                # The stand-ins' matrix may be singular.
                tensor.zero_()
        return found

    return rule


def _entries(value: Value) -> np.ndarray:
    return value.entries if isinstance(value, Forms) else value.ids if isinstance(value, Symbolic) else value


def _like(value: Value, entries: np.ndarray) -> Any:
    if isinstance(value, Forms):
        return Forms(entries)
    assert isinstance(value, Symbolic)
    return Symbolic(entries, None, value.dtype)


def _transposed(value: Value) -> Any:
    return _like(value, np.swapaxes(_entries(value), -1, -2))


def _stacks(op: Operation, *values: Value) -> list[Any]:
    """Matrices with the same batch axes."""
    lifted = [v if isinstance(v, Forms) else lift(op.ex.builder, v) for v in values]
    batch = np.broadcast_shapes(*(_entries(v).shape[:-2] for v in lifted))
    return [_like(v, np.broadcast_to(_entries(v), (*batch, *_entries(v).shape[-2:]))) for v in lifted]


def _matrices(value: Value) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    entries = _entries(value)
    for place in np.ndindex(*entries.shape[:-2]):
        yield place, entries[place]


# -- LU ----------------------------------------------------------------------------------------------------------------


def _factored(op: Operation, matrix: Value) -> tuple[Symbolic, Symbolic]:
    """``L`` and ``U`` in one array, and the pivots, counted from one."""
    if op.named.get("pivot", True) is not True:
        raise UnsupportedError(f"the operation `{op.name}` has no scalar rule without pivots")
    factors, pivots, _ = linalg.lu(op.ex, matrix, _INDEX)
    return factors, _shifted(op, pivots, 1)


def _factored_as_torch(op: Operation, matrix: Symbolic) -> tuple[Symbolic, Symbolic]:
    """The same of the transposed matrix if its rows are contiguous, as torch's derivative rules expect."""
    return _factored(op, _transposed(matrix) if op.named["A"].is_contiguous() else matrix)


def _shifted(op: Operation, numbers: Symbolic, by: int) -> Symbolic:
    step = op.ex.builder.const(by, numbers.dtype)
    flat = [op.ex.builder.emit("add", (k, step), numbers.dtype) for k in numbers.ids.ravel().tolist()]
    return op.ex.values(flat, numbers.shape, numbers.dtype)


def _order(op: Operation, pivots: Value, size: int, *, inverse: bool = False) -> Symbolic:
    return linalg.permutation(op.ex, _shifted(op, lift(op.ex.builder, pivots), -1), size, inverse=inverse)


def _permuted(op: Operation, rows: Any, order: Symbolic, dtype: str) -> Any:
    """``rows[..., order[..., i], :]``"""
    shape = _entries(rows).shape
    *batch, n, columns = shape
    const = op.ex.builder.const
    starts = np.zeros((*batch, n, len(shape)), dtype=np.int64)
    for place in np.ndindex(*batch, n):
        starts[place] = [*(const(k, _INDEX) for k in place[:-1]), int(order.ids[place]), const(0, _INDEX)]
    sizes = [1] * (len(batch) + 1) + [columns]
    found = lookup.gather(op.ex, rows, starts, sizes, dtype, clip=True, fill=None, label=op.label)
    return _like(found, _entries(found).reshape(shape))


def _substituted(op: Operation, factors: Symbolic, pivots: Value, right: Any, *, adjoint: bool) -> Any:
    """``A X = B`` or, for the ``adjoint``, ``A' X = B``, by the factors of ``A``."""
    n, options = factors.shape[-1], {"left_side": True, "transposed": adjoint}
    lower: dict[str, Any] = {"lower": True, "unit_diagonal": True, **options}
    upper: dict[str, Any] = {"lower": False, "unit_diagonal": False, **options}
    order = _order(op, pivots, n, inverse=adjoint)
    order = Symbolic(np.broadcast_to(order.ids, (*_entries(right).shape[:-2], n)), None, order.dtype)
    if not adjoint:
        right = _permuted(op, right, order, factors.dtype)
        return linalg.triangular_solve(op.ex, factors, linalg.triangular_solve(op.ex, factors, right, **lower), **upper)
    found = linalg.triangular_solve(op.ex, factors, linalg.triangular_solve(op.ex, factors, right, **upper), **lower)
    return _permuted(op, found, order, factors.dtype)


def _lu_solve(op: Operation, factors: Value, pivots: Value, right: Value) -> list[Any]:
    named = op.named
    factors, right = _stacks(op, factors, right)
    if named["left"]:
        return [_substituted(op, factors, pivots, right, adjoint=named["adjoint"])]
    return [_transposed(_substituted(op, factors, pivots, _transposed(right), adjoint=not named["adjoint"]))]


def _lu_factor(op: Operation, matrix: Value) -> list[Any]:
    return [*_factored(op, matrix), None]


def _unpacked(op: Operation, factors: Value, pivots: Value) -> list[Any]:
    packed = lift(op.ex.builder, factors)
    *batch, m, n = packed.shape
    builder, k = op.ex.builder, min(m, n)
    zero, one = (builder.const(c, packed.dtype) for c in (0.0, 1.0))
    order = _order(op, pivots, m)
    which = np.zeros((*batch, m, m), dtype=np.int64)
    for place in np.ndindex(*batch, m, m):
        here = builder.emit("eq", (int(order.ids[(*place[:-2], place[-1])]), builder.const(place[-2], _INDEX)), "bool")
        which[place] = builder.emit("select_n", (here, zero, one), packed.dtype)
    lower, upper = packed.ids[..., :, :k].copy(), packed.ids[..., :k, :].copy()
    lower[..., np.triu(np.ones((m, k), bool), 1)] = zero
    lower[..., range(k), range(k)] = one
    upper[..., np.tril(np.ones((k, n), bool), -1)] = zero
    return [Symbolic(x, None, packed.dtype) for x in (which, lower, upper)]


def _lu_unpack(op: Operation, factors: Value, pivots: Value) -> list[Any]:
    if not (op.named["unpack_data"] and op.named["unpack_pivots"]):
        raise UnsupportedError("the operation `lu_unpack` has no scalar rule for a part of its results")
    return _unpacked(op, factors, pivots)


def _lu(op: Operation, matrix: Value) -> list[Any]:
    return _unpacked(op, *_factored(op, matrix))


# -- determinants ------------------------------------------------------------------------------------------------------


def _slogdet(op: Operation, matrix: Value) -> list[Any]:
    """The sign, the logarithm of the absolute value, and the factors."""
    matrix = lift(op.ex.builder, matrix)
    factors, pivots = _factored_as_torch(op, matrix)
    emit, const, dtype = op.ex.builder.emit, op.ex.builder.const, matrix.dtype
    signs, logarithms = [], []
    for place, rows in _matrices(factors):
        sign, logarithm = const(1.0, dtype), const(0.0, dtype)
        for k, entry in enumerate(np.diagonal(rows).tolist()):
            sign = emit("mul", (sign, emit("sign", (entry,), dtype)), dtype)
            exchanged = emit("ne", (int(pivots.ids[(*place, k)]), const(k + 1, _INDEX)), "bool")
            sign = emit("select_n", (exchanged, sign, emit("neg", (sign,), dtype)), dtype)
            logarithm = emit("add", (logarithm, emit("log", (emit("abs", (entry,), dtype),), dtype)), dtype)
        signs.append(sign)
        logarithms.append(logarithm)
    batch = matrix.shape[:-2]
    return [op.ex.values(signs, batch, dtype), op.ex.values(logarithms, batch, dtype), factors, pivots]


def determinant(matrix: torch.Tensor) -> torch.Tensor:
    """The determinant of square matrices by torch's other operations: torch's own derivative of second order takes
    singular values apart, which has no derivative where two of them are equal.

    Of up to three rows it is the polynomial that it is by definition, as ``jax.numpy.linalg.det`` has it.
    """
    n = matrix.shape[-1]
    rows = [[matrix[..., i, j] for j in range(n)] for i in range(n)] if n <= 3 else []
    if n == 1:
        return rows[0][0]
    if n == 2:
        (a, b), (c, d) = rows
        return a * d - b * c
    if n == 3:
        (a, b, c), (d, e, f), (g, h, i) = rows
        return a * e * i + b * f * g + c * d * h - c * e * g - a * f * h - b * d * i
    factors, pivots = torch.linalg.lu_factor(matrix)
    exchanged = pivots != torch.arange(1, n + 1, dtype=pivots.dtype)
    signs = torch.where(exchanged, -1.0, 1.0).to(matrix.dtype)
    return torch.prod(torch.diagonal(factors, dim1=-2, dim2=-1), -1) * torch.prod(signs, -1)


# -- solutions ---------------------------------------------------------------------------------------------------------


def _inverse(op: Operation, matrix: Value) -> list[Any]:
    matrix = lift(op.ex.builder, matrix)
    n, const = matrix.shape[-1], op.ex.builder.const
    unit = np.where(np.eye(n, dtype=bool), const(1.0, matrix.dtype), const(0.0, matrix.dtype))
    factors, right = _stacks(op, matrix, Symbolic(unit, None, matrix.dtype))
    factors, pivots = _factored(op, factors)
    return [_substituted(op, factors, pivots, right, adjoint=False), None]


def _solve(op: Operation, matrix: Value, right: Value) -> list[Any]:
    matrix, right = lift(op.ex.builder, matrix), lift(op.ex.builder, right)
    is_vector = right.ids.ndim == 1 or (right.ids.ndim == matrix.ids.ndim - 1 and right.shape == matrix.shape[:-1])
    if is_vector:
        right = _like(right, right.ids[..., None])
    left = op.named["left"]
    if is_vector and not left:
        raise UnsupportedError("the operation `linalg_solve` has no scalar rule for a vector on the right side")
    factors, pivots = _factored(op, matrix)
    spread, right = _stacks(op, factors, right)
    found = _substituted(op, spread, pivots, right if left else _transposed(right), adjoint=not left)
    found = found if left else _transposed(found)
    return [_like(found, found.ids[..., 0]) if is_vector else found, factors, pivots, None]


def _solve_triangular(op: Operation, matrix: Value, right: Value) -> list[Any]:
    named = op.named
    matrix, right = _stacks(op, matrix, right)
    return [
        linalg.triangular_solve(
            op.ex,
            matrix,
            right,
            left_side=named["left"],
            lower=not named["upper"],
            transposed=False,
            unit_diagonal=named["unitriangular"],
        )
    ]


# -- other factors -----------------------------------------------------------------------------------------------------


def _cholesky(op: Operation, matrix: Value) -> list[Any]:
    matrix = lift(op.ex.builder, matrix)
    if op.named["upper"]:
        return [_transposed(linalg.cholesky(op.ex, _transposed(matrix))), None]
    return [linalg.cholesky(op.ex, matrix), None]


def _qr(op: Operation, matrix: Value) -> list[Any]:
    mode = op.named["mode"]
    if mode == "r":
        raise UnsupportedError("the operation `linalg_qr` has no scalar rule for `mode='r'`")
    return list(linalg.qr(op.ex, matrix, full=mode == "complete"))


def cholesky_solve(right: torch.Tensor, factor: torch.Tensor, upper: bool = False) -> torch.Tensor:
    """Two triangular systems."""
    lower = factor.mT if upper else factor
    inner = torch.linalg.solve_triangular(lower, right, upper=False)
    return torch.linalg.solve_triangular(lower.mT, inner, upper=True)


def cholesky_inverse(factor: torch.Tensor, upper: bool = False) -> torch.Tensor:
    """The inverse of the matrix that was factored."""
    return cholesky_solve(torch.eye(factor.shape[-1], dtype=factor.dtype), factor, upper)


def triangular_solve(
    right: torch.Tensor, matrix: torch.Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """The older name, with a copy of the matrix."""
    turned = matrix.mT if transpose else matrix
    found = torch.linalg.solve_triangular(turned, right, upper=upper != transpose, unitriangular=unitriangular)
    return found, matrix.clone()


LINALG: dict[str, Rule] = {
    "_linalg_slogdet": _rule(_slogdet, differentiable=(1,)),
    "linalg_inv_ex": _rule(_inverse),
    "_linalg_solve_ex": _rule(_solve, ("A", "B")),
    "linalg_lu_solve": _rule(_lu_solve, ("LU", "pivots", "B")),
    "linalg_solve_triangular": _rule(_solve_triangular, ("self", "B")),
    "linalg_lu_factor_ex": _rule(_lu_factor),
    "linalg_lu": _rule(_lu, differentiable=(1, 2)),
    "lu_unpack": _rule(_lu_unpack, ("LU_data", "LU_pivots"), differentiable=(1, 2)),
    "linalg_cholesky_ex": _rule(_cholesky, ("self",)),
    "linalg_qr": _rule(_qr, differentiable=(0, 1)),
}
"""Operator -> rule."""

SOLUTIONS: dict[str, Callable[..., Any]] = {
    "cholesky_solve": cholesky_solve,
    "cholesky_inverse": cholesky_inverse,
    "triangular_solve": triangular_solve,
}
"""Operator -> the same by other operators."""
