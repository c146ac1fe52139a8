"""Factorisations and substitutions of small dense matrices, spelled out in scalars.

Choices that depend on numbers (pivots, signs, whether a factor exists) are made as LAPACK makes them, by comparisons
and selections, so that results agree with its own up to rounding.  Arrays are stacks of matrices, the last two axes.
Source: Golub and Van Loan, *Matrix Computations*, 4th edition, algorithms 3.1.1, 3.4.1, 4.2.1, 5.1.1 and 5.2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .expander import Expander, unsupported
from .values import Forms, Symbolic, Value, lift, zero_forms

Table = list[list[int]]
"""Program values of one matrix, row by row."""


class _Arithmetic:
    """Operations on program values of one type."""

    def __init__(self, ex: Expander, dtype: str) -> None:
        self.builder, self.dtype = ex.builder, dtype
        self.zero, self.one = self.number(0.0), self.number(1.0)

    def number(self, value: float) -> int:
        return self.builder.const(value, self.dtype)

    def __call__(self, op: str, *args: int) -> int:
        return self.builder.emit(op, args, self.dtype)

    def is_true(self, op: str, *args: int) -> int:
        return self.builder.emit(op, args, "bool")

    def choose(self, condition: int, no: int, yes: int, dtype: str = "") -> int:
        return self.builder.emit("select_n", (condition, no, yes), dtype or self.dtype)

    def minus_product(self, a: int, x: int, y: int) -> int:
        """``a - x y``; nothing is done where a factor is the constant zero."""
        if 0 in (self.builder.constant_value(x), self.builder.constant_value(y)):
            return a
        product = self("mul", x, y)
        return self("neg", product) if self.builder.constant_value(a) == 0 else self("sub", a, product)

    def total(self, terms: Sequence[int]) -> int:
        result = terms[0]
        for term in terms[1:]:
            result = self("add", result, term)
        return result


def _each(
    ex: Expander, value: Value, function: Callable[[_Arithmetic, Table], Sequence[Any]], work: Callable[[int, int], int]
) -> tuple[list[np.ndarray], str]:
    """A function of one matrix applied to every matrix of a stack: its results stacked, and their type.

    ``work(rows, columns)`` is about how many operations a matrix takes.
    """
    operand = lift(ex.builder, value)
    *batch, m, n = operand.shape
    ex.recorder.check_size(int(np.prod(batch, dtype=np.int64)) * work(m, n))
    arithmetic = _Arithmetic(ex, operand.dtype)
    found = [
        [np.array(part, dtype=np.int64) for part in function(arithmetic, operand.ids[place].tolist())]
        for place in np.ndindex(*batch)
    ]
    if not found:
        empty = function(arithmetic, [[arithmetic.zero] * n for _ in range(m)])
        return [np.zeros((*batch, *np.shape(part)), np.int64) for part in empty], operand.dtype
    return [
        np.stack(parts).reshape((*batch, *parts[0].shape)) for parts in map(list, zip(*found, strict=True))
    ], operand.dtype


# -- LU ----------------------------------------------------------------------------------------------------------------


def lu(ex: Expander, value: Value, index_dtype: str) -> tuple[Symbolic, Symbolic, Symbolic]:
    """``P A = L U`` by elimination with the first largest pivot of every column.

    Returns:
        ``L`` below the diagonal and ``U`` in one array ``[..., m, n]``, the pivots ``[..., min(m, n)]`` (the row that
        was exchanged with row k) and the permutation ``[..., m]`` (the row of ``A`` that row i was).
    """

    def factored(do: _Arithmetic, rows: Table) -> tuple[Table, list[int], list[int]]:
        m, n = len(rows), len(rows[0]) if rows else 0
        counted = [do.builder.const(i, index_dtype) for i in range(m)]
        order, pivots = list(counted), []
        for k in range(min(m, n)):
            best, place = do("abs", rows[k][k]), counted[k]
            for i in range(k + 1, m):
                size = do("abs", rows[i][k])
                larger = do.is_true("gt", size, best)
                best = do.choose(larger, best, size)
                place = do.choose(larger, place, counted[i], index_dtype)
            pivots.append(place)
            found = {i: do.is_true("eq", place, counted[i]) for i in range(k + 1, m)}
            _exchange(do, rows, k, found)
            column = [[number] for number in order]
            _exchange(do, column, k, found, index_dtype)
            order = [number for (number,) in column]
            # A column of zeros stays as it is.
            pivot = rows[k][k]
            divisor = do.choose(do.is_true("eq", pivot, do.zero), pivot, do.one) if k + 1 < m else pivot
            for i in range(k + 1, m):
                rows[i][k] = do("div", rows[i][k], divisor)
                for j in range(k + 1, n):
                    rows[i][j] = do.minus_product(rows[i][j], rows[i][k], rows[k][j])
        return rows, pivots, order

    (factors, pivots, order), dtype = _each(ex, value, factored, lambda m, n: 3 * m * n * min(m, n))
    return (
        Symbolic(factors.reshape(np.shape(value)), None, dtype),
        Symbolic(pivots, None, index_dtype),
        Symbolic(order, None, index_dtype),
    )


def _exchange(do: _Arithmetic, rows: Table, k: int, found: dict[int, int], dtype: str = "") -> None:
    """Exchange row ``k`` with the later row that is ``found``, if any is."""
    above = rows[k]
    chosen = list(above)
    for i, here in found.items():
        chosen = [do.choose(here, a, b, dtype) for a, b in zip(chosen, rows[i], strict=True)]
        rows[i] = [do.choose(here, b, a, dtype) for a, b in zip(above, rows[i], strict=True)]
    rows[k] = chosen


def permutation(ex: Expander, pivots: Value, size: int, *, inverse: bool = False) -> Symbolic:
    """The permutation ``[..., size]`` that exchanges rows one after the other, row k with row ``pivots[..., k]``, or
    its inverse.
    """
    chosen = lift(ex.builder, pivots)
    do = _Arithmetic(ex, chosen.dtype)
    *batch, n = chosen.shape
    ex.recorder.check_size(3 * int(np.prod(batch, dtype=np.int64)) * n * size)
    result = np.zeros((*batch, size), np.int64)
    counted = [do.builder.const(i, chosen.dtype) for i in range(size)]
    for place in np.ndindex(*batch):
        column = [[number] for number in counted]
        exchanges = list(enumerate(chosen.ids[place].tolist()))
        for k, pivot in reversed(exchanges) if inverse else exchanges:
            found = {i: do.is_true("eq", pivot, counted[i]) for i in range(k + 1, size)}
            _exchange(do, column, k, found)
        result[place] = [number for (number,) in column]
    return Symbolic(result, None, chosen.dtype)


# -- triangular systems ------------------------------------------------------------------------------------------------


def triangular_solve(
    ex: Expander,
    matrix: Value,
    right: Value,
    *,
    left_side: bool,
    lower: bool,
    transposed: bool,
    unit_diagonal: bool,
) -> Value:
    """``X`` in ``op(A) X = B`` or, unless ``left_side``, ``X op(A) = B``, by substitution.

    Args:
        ex: The expansion.
        matrix: ``A``, values; only its ``lower`` or upper triangle is read.
        right: ``B``, values or forms.
        left_side, lower, transposed, unit_diagonal: As in BLAS's ``trsm``.
    """
    if isinstance(matrix, Forms):
        raise unsupported("triangular_solve", "has a matrix of tangents in a derivative rule")
    left = lift(ex.builder, matrix)
    forms = isinstance(right, Forms)
    known = right.entries if isinstance(right, Forms) else lift(ex.builder, right).ids
    ids = left.ids
    # X op(A) = B is op(A)' X' = B'.
    if transposed == left_side:
        ids, lower = np.swapaxes(ids, -1, -2), not lower
    columns = known if left_side else np.swapaxes(known, -1, -2)
    n = ids.shape[-1]
    ex.recorder.check_size(n * int(columns.size))
    result: np.ndarray = zero_forms(columns.shape) if forms else np.zeros(columns.shape, np.int64)
    substitute = _of_forms if forms else _of_values
    order = range(n) if lower else range(n - 1, -1, -1)
    do = _Arithmetic(ex, left.dtype)
    for place in np.ndindex(*columns.shape[:-2]):
        rows = ids[place].tolist()
        for j in range(columns.shape[-1]):
            found = substitute(ex, do, rows, list(columns[place][:, j]), order, unit_diagonal)
            for i, entry in enumerate(found):
                result[(*place, i, j)] = entry
    result = result if left_side else np.swapaxes(result, -1, -2)
    return Forms(result) if forms else Symbolic(result, None, left.dtype)


def _of_values(
    ex: Expander, do: _Arithmetic, rows: Table, column: list[Any], order: range, unit_diagonal: bool
) -> list[Any]:
    solved: list[int] = []
    for i in order:
        entry = int(column[i])
        for j in solved:
            entry = do.minus_product(entry, rows[i][j], column[j])
        column[i] = entry if unit_diagonal else do("div", entry, rows[i][i])
        solved.append(i)
    return column


def _of_forms(
    ex: Expander, do: _Arithmetic, rows: Table, column: list[Any], order: range, unit_diagonal: bool
) -> list[Any]:
    solved: list[int] = []
    for i in order:
        terms = [column[i], *(ex.scale(column[j], do("neg", rows[i][j])) for j in solved)]
        entry = ex.total(terms)
        if not unit_diagonal:
            entry = ex.scale(entry, rows[i][i], "div")
        # A sum is settled once, not in every row that uses it.
        column[i] = ex.settled(entry) if entry else None
        solved.append(i)
    return column


# -- Cholesky ----------------------------------------------------------------------------------------------------------


def cholesky(ex: Expander, value: Value) -> Symbolic:
    """The lower factor of symmetric matrices, whose lower triangles are read; NaN where a matrix is not positive."""

    def factored(do: _Arithmetic, rows: Table) -> tuple[Table]:
        n = len(rows)
        factor = [[do.zero] * n for _ in range(n)]
        positive: int | None = None
        for j in range(n):
            pivot = rows[j][j]
            for k in range(j):
                pivot = do.minus_product(pivot, factor[j][k], factor[j][k])
            good = do.is_true("gt", pivot, do.zero)
            positive = good if positive is None else do.is_true("and", positive, good)
            factor[j][j] = do("sqrt", pivot)
            for i in range(j + 1, n):
                entry = rows[i][j]
                for k in range(j):
                    entry = do.minus_product(entry, factor[i][k], factor[j][k])
                factor[i][j] = do("div", entry, factor[j][j])
        if positive is not None:
            undefined = do.number(float("nan"))
            factor = [[do.choose(positive, undefined, x) for x in row] for row in factor]
        return (factor,)

    (factor,), dtype = _each(ex, value, factored, lambda m, n: n**3 // 3 + 2 * n * n)
    return Symbolic(factor.reshape(np.shape(value)), None, dtype)


# -- QR ----------------------------------------------------------------------------------------------------------------


def geqrf(ex: Expander, value: Value) -> tuple[Symbolic, Symbolic]:
    """Householder's factorisation as LAPACK packs it.

    Returns:
        ``R`` with the reflectors below the diagonal ``[..., m, n]``, and their factors ``[..., min(m, n)]``.
    """
    (packed, factors), dtype = _each(ex, value, _reflected, lambda m, n: 4 * m * n * min(m, n))
    # A table without rows does not know its columns.
    return Symbolic(packed.reshape(np.shape(value)), None, dtype), Symbolic(factors, None, dtype)


def _reflected(do: _Arithmetic, rows: Table) -> tuple[Table, list[int]]:
    m, n = len(rows), len(rows[0]) if rows else 0
    factors = []
    for k in range(min(m, n)):
        if k + 1 == m:
            factors.append(do.zero)
            break
        below = do.total([do("mul", rows[i][k], rows[i][k]) for i in range(k + 1, m)])
        alpha = rows[k][k]
        # A column that is zero below the diagonal is not reflected.
        idle = do.is_true("eq", below, do.zero)
        norm = do("sqrt", do("add", do("mul", alpha, alpha), below))
        # Zeros have signs too.
        beta = do.choose(do.is_true("lt_to", alpha, do.zero), do("neg", norm), norm)
        safe = do.choose(idle, beta, do.one)
        tau = do.choose(idle, do("div", do("sub", beta, alpha), safe), do.zero)
        divisor = do.choose(idle, do("sub", alpha, beta), do.one)
        for i in range(k + 1, m):
            rows[i][k] = do("div", rows[i][k], divisor)
        rows[k][k] = do.choose(idle, beta, alpha)
        _reflect(do, rows, k, [rows[i][k] for i in range(k + 1, m)], tau, range(k + 1, n))
        factors.append(tau)
    return rows, factors


def _reflect(do: _Arithmetic, rows: Table, k: int, vector: list[int], tau: int, columns: range) -> None:
    """Apply ``I - tau v v'`` to rows from ``k`` on, where ``v`` is one, then ``vector``."""
    for j in columns:
        inner = [rows[k][j], *(do("mul", v, rows[k + 1 + i][j]) for i, v in enumerate(vector))]
        weight = do("mul", tau, do.total(inner))
        rows[k][j] = do("sub", rows[k][j], weight)
        for i, v in enumerate(vector):
            rows[k + 1 + i][j] = do.minus_product(rows[k + 1 + i][j], v, weight)


def householder_product(ex: Expander, packed: Value, factors: Value, columns: int) -> Symbolic:
    """The first ``columns`` columns of the product of reflectors that :func:`geqrf` gives."""
    reflectors, weights = lift(ex.builder, packed), lift(ex.builder, factors)
    *batch, m, _ = reflectors.shape
    count = weights.shape[-1]
    ex.recorder.check_size(4 * int(np.prod(batch, dtype=np.int64)) * m * columns * count)
    do = _Arithmetic(ex, reflectors.dtype)
    result = np.zeros((*batch, m, columns), np.int64)
    for place in np.ndindex(*batch):
        rows = [[do.one if i == j else do.zero for j in range(columns)] for i in range(m)]
        for k in range(count - 1, -1, -1):
            vector = [int(reflectors.ids[(*place, i, k)]) for i in range(k + 1, m)]
            _reflect(do, rows, k, vector, int(weights.ids[(*place, k)]), range(k, columns))
        result[place] = rows
    return Symbolic(result, None, reflectors.dtype)


def qr(ex: Expander, value: Value, *, full: bool) -> tuple[Symbolic, Symbolic]:
    """``A = Q R`` with ``Q`` of ``m`` columns if ``full``, else of ``min(m, n)``."""
    packed, factors = geqrf(ex, value)
    m, n = np.shape(value)[-2:]
    width = m if full else min(m, n)
    upper = packed.ids[..., :width, :].copy()
    zero = ex.builder.const(0.0, packed.dtype)
    below = np.tril(np.ones((width, n), bool), -1)
    upper[..., below] = zero
    return householder_product(ex, packed, factors, width), Symbolic(upper, None, packed.dtype)
