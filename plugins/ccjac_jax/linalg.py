"""Linear algebra of small matrices: what JAX's primitives are called, and which of :mod:`ccjac.expand.linalg` they are.

A rule is for values, and for tangents where the operation is linear in them; active operands are left to JAX's own
derivative rule, which these primitives' rules express in each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ccjac.expand import Expander, Forms, Value, linalg, unsupported

LinalgRule = Callable[[Expander, Any, list[Value]], list[Value]]


def _lu(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    return list(linalg.lu(ex, operands[0], eqn.outvars[1].aval.dtype.name))


def _permutation(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    return [linalg.permutation(ex, operands[0], eqn.outvars[0].aval.shape[-1])]


def _triangular_solve(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    params = eqn.params
    return [
        linalg.triangular_solve(
            ex,
            *operands,
            left_side=params["left_side"],
            lower=params["lower"],
            transposed=params["transpose_a"],
            unit_diagonal=params["unit_diagonal"],
        )
    ]


def _cholesky(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    return [linalg.cholesky(ex, operands[0])]


def _qr(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    if eqn.params.get("pivoting"):
        raise unsupported("qr", "chooses its columns")
    return list(linalg.qr(ex, operands[0], full=eqn.params["full_matrices"]))


def _geqrf(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    return list(linalg.geqrf(ex, operands[0]))


def _householder_product(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    packed, factors = operands
    return [linalg.householder_product(ex, packed, factors, eqn.outvars[0].aval.shape[-1])]


def _custom_linear_solve(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    """The solver that the call brings along, on values or, for it is linear in the right-hand side, on tangents."""
    lengths, jaxprs = eqn.params["const_lengths"], eqn.params["jaxprs"]
    start = lengths.matvec + lengths.vecmat
    constants = operands[start : start + lengths.solve]
    right = operands[start + lengths.solve + lengths.transpose_solve :]
    return ex.run(jaxprs.solve, [*constants, *right])


LINALG: dict[str, LinalgRule] = {
    "lu": _lu,
    "lu_pivots_to_permutation": _permutation,
    "triangular_solve": _triangular_solve,
    "cholesky": _cholesky,
    "qr": _qr,
    "geqrf": _geqrf,
    "householder_product": _householder_product,
    "custom_linear_solve": _custom_linear_solve,
}
"""Primitive name -> rule."""

_LINEAR = frozenset({"triangular_solve", "custom_linear_solve"})


def evaluate(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    """Evaluate one equation on values or tangents.

    Raises:
        UnsupportedError: Tangents meet an operation that is not linear.
    """
    name = eqn.primitive.name
    if name not in _LINEAR and any(isinstance(v, Forms) for v in operands):
        raise unsupported(name, "is applied to tangents in a derivative rule and is not linear")
    return LINALG[name](ex, eqn, operands)
