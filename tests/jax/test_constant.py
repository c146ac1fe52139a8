"""Jacobians that do not depend on the arguments: computed once, an array of the compiled function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import ccjac

MATRIX = jnp.asarray(np.random.default_rng(0).normal(size=(50, 60)))
X = jnp.linspace(-1.0, 1.0, 60)


def affine(x):
    return MATRIX @ x + jnp.sin(MATRIX[0])[:50]


LINEAR = {
    "matrix": affine,
    "running mean": lambda x: jnp.cumsum(x) / jnp.arange(1.0, 61.0),
    "convolution": lambda x: jnp.convolve(x, MATRIX[0, :9], mode="same"),
    "two outputs": lambda x: {"a": MATRIX @ x, "b": (x.reshape(6, 10) @ MATRIX[:10, :40])[::-1]},
    "large": lambda x: jnp.outer(jnp.ones(400), x) * 2,
    "loop": lambda x: lax.fori_loop(0, 3, lambda _, y: 0.5 * (MATRIX.T @ (MATRIX @ y)) + x, x),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_functions(name):
    f = LINEAR[name]
    plan = ccjac.plan(f, X)
    assert (plan.source, plan.executor) == ("constant", "constant")
    assert "constant Jacobian" in plan.describe()
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), ccjac.jacobian(f)(X), jax.jacfwd(f)(X)
    )


def test_values_and_auxiliary_results_still_depend_on_the_arguments():
    def f(x, y):
        return MATRIX @ x + y, (jnp.sum(x), "label")

    y = jnp.ones(50)
    for x in (X, 2 * X):
        (value, (total, label)), (left, right) = ccjac.value_and_jacobian(f, argnums=(0, 1), has_aux=True)(x, y)
        np.testing.assert_allclose(value, MATRIX @ x + y)
        np.testing.assert_allclose(total, jnp.sum(x))
        assert label == "label"
        np.testing.assert_allclose(left, MATRIX)
        np.testing.assert_allclose(right, np.eye(50))


def test_under_transformations():
    jacobian = ccjac.jacobian(affine)
    np.testing.assert_allclose(jax.jit(jacobian)(X), MATRIX)
    np.testing.assert_allclose(jax.vmap(jacobian)(jnp.stack([X, X])), np.stack([MATRIX, MATRIX]))
    np.testing.assert_array_equal(jax.grad(lambda x: jnp.sum(jacobian(x)))(X), np.zeros(60))
    np.testing.assert_allclose(jax.jit(lambda y: ccjac.jacobian(lambda x: MATRIX @ x + y)(X))(jnp.ones(50)), MATRIX)


def test_a_matrix_among_the_arguments_is_no_constant():
    def f(x, a):
        return a @ x

    jacobian = ccjac.jacobian(f)
    assert ccjac.plan(f, X, MATRIX).source != "constant"
    for a in (MATRIX, 2 * MATRIX):
        np.testing.assert_allclose(jacobian(X, a), a)


def test_a_constant_plan_is_a_file(tmp_path):
    plan = ccjac.plan(affine, X)
    plan.save(tmp_path / "plan.json")
    loaded = ccjac.Plan.load(tmp_path / "plan.json")
    assert (loaded.source, loaded.reason) == (plan.source, plan.reason)


def test_an_order_that_was_asked_for_is_used():
    assert ccjac.plan(affine, X, order="reverse").source == "given"
