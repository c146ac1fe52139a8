"""Linear algebra of small matrices as scalar programs, against JAX's own values and derivatives in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.scipy import linalg as jsl

import ccjac
from ccjac.elimination import reverse_order
from oracles import assert_exact, assert_same, by_all, numpy_jacobian

_random = np.random.default_rng(5)
A, B, C = _random.normal(size=(3, 3)), _random.normal(size=(4, 4)), _random.normal(size=(2, 3, 3))
S = B @ B.T + np.eye(4)
b3, b4 = _random.normal(size=3), _random.normal(size=4)
TALL, WIDE = _random.normal(size=(5, 3)), _random.normal(size=(3, 5))
BLOCK = _random.normal(size=(2, 3, 2))


def _triangular(*, lower: bool, transposed: bool, unit: bool, left: bool) -> Callable[..., Any]:
    def fun(a: Any, b: Any) -> Any:
        return lax.linalg.triangular_solve(
            a, b, left_side=left, lower=lower, transpose_a=transposed, conjugate_a=transposed, unit_diagonal=unit
        )

    return fun


def _whitened(S: Any, x: Any) -> Any:
    return jsl.solve_triangular(jnp.linalg.cholesky(S), x, lower=True)


def _kalman(P: Any, x: Any) -> Any:
    H = jnp.array([[1.0, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, -0.5]])
    innovation = H @ P @ H.T + jnp.eye(2)
    gain = jnp.linalg.solve(innovation, H @ P).T
    return x + gain @ (jnp.sin(x[:2]) - H @ x), P - gain @ H @ P


def _least_squares(a: Any, b: Any) -> Any:
    q, r = jnp.linalg.qr(a)
    return jsl.solve_triangular(r, q.T @ b)


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = {
    f"triangular solve, lower={lower} transposed={transposed} unit={unit} left={left}": (
        _triangular(lower=lower, transposed=transposed, unit=unit, left=left),
        (A, TALL.T if left else TALL),
    )
    for lower, transposed, unit, left in [
        (True, False, False, True),
        (True, True, True, False),
        (False, True, False, True),
        (False, False, True, False),
        (True, False, True, True),
        (False, True, True, False),
    ]
}
FUNCTIONS |= {
    "triangular solve of a known matrix": (lambda b: jsl.solve_triangular(jnp.tril(B), b, lower=True), (b4,)),
    "solve": (jnp.linalg.solve, (B, b4)),
    "solve for several": (jnp.linalg.solve, (A, TALL.T)),
    "solve a batch": (jnp.linalg.solve, (C, BLOCK)),
    "solve with a known matrix": (lambda b: jnp.linalg.solve(A, jnp.sin(b)), (b3,)),
    "solve with a known right-hand side": (lambda a: jnp.linalg.solve(a, b3), (A,)),
    "solve symmetric": (lambda a, b: jsl.solve(a, b, assume_a="pos"), (S, b4)),
    "inv": (jnp.linalg.inv, (A,)),
    "det of 4": (jnp.linalg.det, (B,)),
    "det of 3": (jnp.linalg.det, (A,)),
    "slogdet": (jnp.linalg.slogdet, (B,)),
    "lu": (jsl.lu, (A,)),
    "lu of tall": (lambda a: lax.linalg.lu(a)[0], (TALL,)),
    "lu of wide": (lambda a: lax.linalg.lu(a)[0], (WIDE,)),
    "lu_factor and lu_solve": (lambda a, b: jsl.lu_solve(jsl.lu_factor(a), b), (A, b3)),
    "cholesky": (jnp.linalg.cholesky, (S,)),
    "cholesky, upper": (lambda a: jsl.cholesky(a), (S,)),
    "cho_solve": (lambda a, b: jsl.cho_solve(jsl.cho_factor(a), b), (S, b4)),
    "whitening": (_whitened, (S, b4)),
    "log density": (lambda a, x: jax.scipy.stats.multivariate_normal.logpdf(x, jnp.zeros(4), a), (S, b4)),
    "qr": (jnp.linalg.qr, (A,)),
    "qr of tall": (jnp.linalg.qr, (TALL,)),
    "least squares": (_least_squares, (TALL, _random.normal(size=5))),
    "expm": (jsl.expm, (0.3 * A[:2, :2],)),
    "matrix_power": (lambda a: jnp.linalg.matrix_power(a, -2), (A,)),
    "kalman": (_kalman, (S, b4)),
    "one by one": (lambda a: (jnp.linalg.solve(a, a), jnp.linalg.inv(a), jnp.linalg.qr(a)[1]), (np.array([[-2.5]]),)),
    "newton with a solve in a loop": (
        lambda x: lax.fori_loop(
            0, 3, lambda _, y: y - jnp.linalg.solve(jnp.diag(3 * y**2) + 0.1, y**3 + 0.1 * y.sum() - x), x
        ),
        (np.array([0.9, 1.3]),),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian(name: str) -> None:
    assert_exact(*FUNCTIONS[name])


@pytest.mark.parametrize("name", ["solve", "slogdet", "cholesky", "qr of tall", "kalman", "lu_factor and lu_solve"])
def test_batches_in_the_kernel(name: str) -> None:
    fun, args = FUNCTIONS[name]
    argnums = tuple(range(len(args)))
    batch = tuple(np.stack([a, 1.1 * a, 0.9 * a]) for a in args)
    mine = jax.vmap(ccjac.value_and_jacobian(fun, argnums=argnums, executor="kernel"))(*batch)
    assert_same(mine[0], jax.vmap(fun)(*batch), rtol=1e-9)
    assert_same(mine[1], jax.vmap(jax.jacrev(fun, argnums=argnums))(*batch), rtol=1e-9)


TIES = np.array([[1.0, 2.0, 3.0], [-1.0, 2.5, 1.0], [1.0, -2.0, 0.5]])
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
SPECIAL: dict[str, tuple[Callable[..., Any], np.ndarray]] = {
    "pivots of equal size": (lambda a: lax.linalg.lu(a), TIES),
    "a column of zeros": (lambda a: lax.linalg.lu(a), np.array([[0.0, 1.0], [0.0, 2.0]])),
    "singular solve": (lambda a: jnp.linalg.solve(a, jnp.ones(3)), np.zeros((3, 3))),
    "singular det": (jnp.linalg.det, SINGULAR),
    "singular slogdet": (jnp.linalg.slogdet, np.zeros((3, 3))),
    "not positive": (jnp.linalg.cholesky, np.diag([1.0, -1.0, 2.0])),
    "semidefinite": (jnp.linalg.cholesky, np.diag([1.0, 0.0, 2.0])),
    "qr of a triangle": (jnp.linalg.qr, np.triu(A)),
    "qr of zeros": (jnp.linalg.qr, np.zeros((3, 2))),
    "full qr": (lambda a: jnp.linalg.qr(a, mode="complete"), TALL),
    "raw qr": (lambda a: jnp.linalg.qr(a, mode="raw"), TALL),
    "qr of wide": (jnp.linalg.qr, WIDE),
    "empty": (lambda a: jnp.linalg.qr(a[:0, :0])[1].sum() + a, np.ones((2, 2))),
    "nan": (jnp.linalg.inv, np.array([[1.0, np.nan], [2.0, 1.0]])),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_values_of_special_matrices(name: str) -> None:
    """The matrix is an operand that is not differentiated, so its factors are values alone."""
    fun, a = SPECIAL[name]

    def shifted(x: Any, a: Any) -> Any:
        return jax.tree.map(lambda y: y + (0 * x).astype(y.dtype), fun(a))

    values, _ = ccjac.value_and_jacobian(shifted)(jnp.array(0.0), a)
    for actual, expected in zip(jax.tree.leaves(values), jax.tree.leaves(fun(a)), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("seed", range(10))
def test_random_matrices_are_factored_as_by_lapack(seed: int) -> None:
    random = np.random.default_rng(seed)
    a = np.round(random.normal(size=(random.integers(1, 6), random.integers(1, 6))), int(random.integers(0, 3)))

    def fun(x: Any, a: Any) -> Any:
        factors, pivots, permutation = lax.linalg.lu(a)
        also = lax.linalg.lu_pivots_to_permutation(pivots, a.shape[0])
        return x * factors, *(x * k.astype(x.dtype) for k in (pivots, permutation, also))

    one = jnp.array(1.0)
    values, _ = ccjac.value_and_jacobian(fun)(one, a)
    assert_same(values, fun(one, a), rtol=1e-12)


def test_nearly_singular_solves_agree_relative_to_the_condition() -> None:
    a = SINGULAR + 1e-7 * TIES
    fun = lambda a: jnp.linalg.solve(a, jnp.ones(3))  # noqa: E731
    mine, theirs = numpy_jacobian(fun, (a,), reverse_order), by_all(jax.jacfwd, fun, (a,))
    assert np.abs(mine[0] - theirs[0]).max() <= 1e-14 * np.linalg.cond(a) * np.abs(theirs[0]).max()


def test_a_solve_is_no_fallback() -> None:
    plan = ccjac.plan(jnp.linalg.solve, B, b4, argnums=(0, 1))
    assert plan.executor == "kernel"


def test_tangents_in_a_factorisation_are_refused() -> None:
    @jax.custom_jvp
    def odd(x: Any) -> Any:
        return x

    odd.defjvp(lambda p, t: (p[0], jnp.linalg.qr(t[0])[1]))
    traced = ccjac.plan(odd, A)
    assert "qr" in str(traced)
