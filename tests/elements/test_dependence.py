"""Patterns of functions that have no cells: never smaller than the Jacobian, and no larger than they need be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac

N = 12
MATRIX = np.eye(3) * 4 + np.arange(9.0).reshape(3, 3)


def blocks(of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``of`` on every three entries."""
    return lambda x: jnp.concatenate([of(x[k : k + 3]) for k in range(0, N, 3)])


TIGHT: dict[str, Callable[[Any], Any]] = {
    "wide sum": lambda x: jnp.concatenate([x[:3] * jnp.sum(jnp.tile(x, 20)), x[3:]]),
    "solves": blocks(lambda y: jnp.linalg.solve(MATRIX + jnp.diag(y), jnp.sin(y))),
    "sorts and neighbours": lambda x: jnp.concatenate([x[1:5] * x[:4], jnp.sort(x[6:])[:2]]),
}
LOOSE: dict[str, Callable[[Any], Any]] = {
    "sort": jnp.sort,
    "cumulative sum": jnp.cumsum,
    "fourier": lambda x: jnp.fft.fft(x).real,
    "dynamic index": lambda x: x[jnp.argmax(x) - jnp.arange(3)] * x[:3],
    "while": lambda x: jax.lax.while_loop(lambda y: y[0] < 10, lambda y: y * 2, x),
    "long scan": lambda x: jax.lax.scan(lambda c, _: (jnp.roll(c, 1) * 0.9, None), x, None, length=400)[0],
    "condition": lambda x: jax.lax.cond(x[0] > 0, jnp.sin, jnp.cos, x),
    "convolution": lambda x: jnp.convolve(x, jnp.arange(1.0, 4.0)),
    "custom reverse rule": lambda x: doubled(x) * x,
    "inverse": lambda x: jnp.linalg.inv(MATRIX + x[:9].reshape(3, 3)),
}


@jax.custom_vjp
def doubled(x: Any) -> Any:
    return 2 * x


doubled.defvjp(lambda x: (2 * x, None), lambda _, g: (2 * g,))


def entries(fun: Callable[[Any], Any], x: Any) -> np.ndarray:
    reverse = fun is LOOSE["custom reverse rule"]
    return np.asarray((jax.jacrev if reverse else jax.jacfwd)(fun)(x)).reshape(-1, N) != 0


@pytest.mark.parametrize("name", [*TIGHT, *LOOSE])
def test_patterns_cover_the_jacobian(name: str) -> None:
    fun = (TIGHT | LOOSE)[name]
    x = jnp.asarray(np.random.default_rng(3).permutation(np.linspace(0.4, 1.6, N)))
    expected = entries(fun, x)
    found = ccjac.sparsity(fun, x).todense()
    assert found.shape == expected.shape
    assert not (expected & ~found).any()


def test_opaque_parts_do_not_spread() -> None:
    x = jnp.linspace(0.4, 1.6, N)
    np.testing.assert_array_equal(ccjac.sparsity(TIGHT["solves"], x).todense(), np.kron(np.eye(4), np.ones((3, 3))) > 0)
    found = ccjac.sparsity(TIGHT["sorts and neighbours"], x)
    assert found.nnz == 4 * 2 + 2 * 6
    assert ccjac.sparsity(TIGHT["wide sum"], x).nnz == 3 * N + 9


def test_what_no_output_reads_is_no_obstacle() -> None:
    def fun(x: Any) -> Any:
        jnp.sort(x)
        return x[1:] * x[:-1]

    assert ccjac.jacobian(fun, output="bcoo").plan(jnp.ones(N)).source == "cells"


def test_several_arguments() -> None:
    found = ccjac.sparsity(lambda x, y: (jnp.sort(x[:2]), y * 2), jnp.ones(3), jnp.ones(2), argnums=(0, 1))
    expected = [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
    np.testing.assert_array_equal(found.todense(), np.array(expected, bool))


@pytest.mark.parametrize("name", ["solves", "sorts and neighbours", "custom reverse rule"])
def test_values_are_in_the_order_of_the_pattern(name: str) -> None:
    fun = (TIGHT | LOOSE)[name]
    x = jnp.linspace(0.4, 1.6, N)
    reverse = name == "custom reverse rule"
    expected = (jax.jacrev if reverse else jax.jacfwd)(fun)(x)
    values = ccjac.sparse_values(fun)(x)
    np.testing.assert_allclose(ccjac.sparsity(fun, x).scipy(values).toarray(), expected, rtol=1e-12)


def test_values_of_several_arguments_without_cells() -> None:
    def fun(x: Any, y: Any) -> Any:
        return jnp.sort(x[:2]) * y, y * x[2]

    x, y = jnp.asarray([0.7, 0.2, 3.0]), jnp.asarray([2.0, 5.0])
    expected = np.block([[np.asarray(b) for b in row] for row in jax.jacfwd(fun, argnums=(0, 1))(x, y)])
    values = ccjac.sparse_values(fun, argnums=(0, 1))(x, y)
    pattern = ccjac.sparsity(fun, x, y, argnums=(0, 1))
    assert pattern.nnz == 10
    np.testing.assert_allclose(pattern.scipy(values).toarray(), expected)
    with pytest.warns(ccjac.DenseWarning, match="50 %"):
        sparse = ccjac.jacobian(fun, argnums=(0, 1), output="bcoo")(x, y)
    for row, line in zip(sparse, jax.jacfwd(fun, argnums=(0, 1))(x, y), strict=True):
        for block, dense in zip(row, line, strict=True):
            np.testing.assert_allclose(block.todense(), dense)


SLICES: dict[str, Any] = {
    "sort": lambda x: jnp.sort(x.reshape(6, 8), 1) ** 2,
    "cholesky": lambda x: jnp.linalg.cholesky(jnp.einsum("bij,bkj->bik", m := x.reshape(3, 4, 4), m) + jnp.eye(4) * 5),
    "triangular_solve": lambda x: jax.lax.linalg.triangular_solve(
        x[:32].reshape(2, 4, 4) + jnp.eye(4), x[:16].reshape(2, 2, 4)
    ),
    "eigenvalues": lambda x: jnp.linalg.eigvalsh(m := x.reshape(3, 4, 4)) * m[:, 0],
}


@pytest.mark.parametrize("name", SLICES)
def test_what_works_on_slices_depends_on_slices(name: str) -> None:
    x = jnp.cos(jnp.arange(48.0) ** 2)
    fun = SLICES[name]
    pattern = ccjac.sparsity(fun, x)
    expected = np.asarray(jax.jacfwd(fun)(x)).reshape(-1, 48)
    assert (expected[~pattern.todense()] == 0).all()
    assert pattern.density < 0.6
    np.testing.assert_allclose(pattern.scipy(ccjac.sparse_values(fun)(x)).toarray(), expected, rtol=1e-9, atol=1e-10)
