"""Functions of numbers that depend on everything: sparse plus low rank, against JAX's dense Jacobians."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac


def arrowhead(x: Any) -> Any:
    return jnp.concatenate([jnp.sum(x**2)[None], x[1:] ** 2 * x[0]])


def inside_calls(x: Any) -> Any:
    return jnp.roll(x, 1) * jax.jit(lambda y: jnp.vdot(y, y) * jax.checkpoint(jnp.max)(y))(x**2)


FUNCTIONS = {
    "norm": (lambda x: x / jnp.linalg.norm(x), 1),
    "arrowhead": (arrowhead, 1),
    "softmax": (jax.nn.softmax, 2),
    "mean and variance": (lambda x: (x - x.mean()) / jnp.sqrt(x.var() + 1e-3), 2),
    "inside calls": (inside_calls, 2),
    "a count": (lambda x: x**2 * jnp.sum(x > 1.0).astype(x.dtype), 0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_format(name: str) -> None:
    fun, rank = FUNCTIONS[name]
    x = jnp.linspace(0.5, 1.7, 200)
    expected = np.asarray(jax.jacfwd(fun)(x))
    operator = jax.jit(ccjac.jacobian(fun, output="operator"))(x)
    assert operator.left.shape[1] == rank
    assert operator.matrix.nse < 0.05 * expected.size
    np.testing.assert_allclose(operator.todense(), expected, rtol=1e-11, atol=1e-12)
    vectors = jnp.stack([x, x**2], 1)
    np.testing.assert_allclose(operator @ vectors, expected @ vectors, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(operator.T @ x, expected.T @ x, rtol=1e-10, atol=1e-10)
    pattern, values = ccjac.sparsity(fun, x), ccjac.sparse_values(fun)(x)
    np.testing.assert_allclose(pattern.scipy(values).toarray(), expected, rtol=1e-11, atol=1e-12)
    dense = ccjac.jacobian(fun, granularity="tensor")
    assert dense.plan(x).source == "cells"
    np.testing.assert_allclose(dense(x), expected, rtol=1e-11, atol=1e-12)


def test_the_plan_says_what_was_cut() -> None:
    plan = ccjac.jacobian(FUNCTIONS["softmax"][0], output="operator").plan(jnp.ones(200))
    assert "2 numbers depend on everything" in plan.reason


def test_a_dense_row_of_a_large_sparse_matrix() -> None:
    x = jnp.linspace(0.5, 1.5, 20_000)
    pattern = ccjac.sparsity(arrowhead, x)
    assert pattern.nnz == 20_000 + 2 * 19_999
    direction = jnp.cos(x)
    product = pattern.scipy(ccjac.sparse_values(arrowhead)(x)) @ np.asarray(direction)
    np.testing.assert_allclose(product, jax.jvp(arrowhead, (x,), (direction,))[1], rtol=1e-10)


def test_too_large_when_multiplied_out_is_said() -> None:
    x = jnp.linspace(0.5, 1.5, 50_000)
    fun = FUNCTIONS["norm"][0]
    with pytest.raises(ccjac.UnsupportedError, match="operator"):
        ccjac.sparsity(fun, x)
    with pytest.raises(ccjac.UnsupportedError, match="operator"):
        ccjac.sparse_values(fun)(x)
    direction = jnp.sin(9 * x)
    product = jax.jit(lambda x: ccjac.jacobian(fun, output="operator")(x) @ direction)(x)
    np.testing.assert_allclose(product, jax.jvp(fun, (x,), (direction,))[1], rtol=1e-9, atol=1e-14)


@pytest.mark.filterwarnings("ignore::ccjac.DenseWarning")
def test_several_arguments_and_results() -> None:
    def fun(x: Any, y: Any) -> Any:
        return x * jnp.sum(y), {"a": y[::2] * jnp.max(x), "b": x[1:] - x[:-1]}

    x, y = jnp.linspace(0.5, 1, 180), jnp.linspace(1, 2, 200)
    expected = jax.jacfwd(fun, argnums=(0, 1))(x, y)
    is_operator = lambda leaf: hasattr(leaf, "todense")  # noqa: E731
    for output in ("operator", "bcsr"):
        found = ccjac.jacobian(fun, argnums=(0, 1), output=output)(x, y)
        for block, dense in zip(jax.tree.leaves(found, is_leaf=is_operator), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(block.todense(), dense, rtol=1e-11, atol=1e-12)
    pattern = ccjac.sparsity(fun, x, y, argnums=(0, 1))
    matrix = np.block([[np.asarray(b) for b in row] for row in (expected[0], expected[1]["a"], expected[1]["b"])])
    values = ccjac.sparse_values(fun, argnums=(0, 1))(x, y)
    np.testing.assert_allclose(pattern.scipy(values).toarray(), matrix, rtol=1e-11, atol=1e-12)


def test_transformations() -> None:
    fun = FUNCTIONS["mean and variance"][0]
    x = jnp.linspace(0.5, 1.7, 170)
    values = ccjac.sparse_values(fun)
    weights = jnp.cos(jnp.arange(170.0 * 170))
    expected = jax.grad(lambda x: jax.jacfwd(fun)(x).ravel() @ weights)(x)
    np.testing.assert_allclose(jax.grad(lambda x: values(x) @ weights)(x), expected, rtol=1e-8, atol=1e-8)
    batch = jnp.stack([x, x**2])
    np.testing.assert_allclose(
        jax.vmap(values)(batch).reshape(2, 170, 170), jax.vmap(jax.jacfwd(fun))(batch), rtol=1e-10, atol=1e-12
    )


def test_hessian_of_a_norm() -> None:
    x = jnp.linspace(0.5, 1.7, 190)
    fun = lambda x: jnp.sqrt(jnp.sum(x**2)) + jnp.sum(x[1:] * x[:-1] ** 2)  # noqa: E731
    operator = ccjac.hessian(fun, output="operator")(x)
    assert operator.left is not None
    np.testing.assert_allclose(operator.todense(), jax.hessian(fun)(x), rtol=1e-10, atol=1e-11)


def test_many_sums_are_refused() -> None:
    x = jnp.linspace(0.5, 1.5, 20 * 200).reshape(20, 200)
    fun = lambda x: x * jnp.sum(x, 1, keepdims=True)  # noqa: E731
    plan = ccjac.jacobian(fun, output="operator").plan(x)
    assert plan.source == "fallback"
    assert "sum" in plan.reason
