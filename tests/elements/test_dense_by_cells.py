"""Dense Jacobians of large structured functions, computed by cells and spread out."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
from ccjac import estimate
from ccjac.estimate import Features
from ccjac_zoo.structured import structured


def problem(name: str, size: int, dtype: str = "float64") -> tuple[Any, Any]:
    fun, x = structured()[name].make(size)
    return fun, jnp.asarray(x, dtype)


def burgers(x: Any) -> Any:
    return x[1:-1] * (x[2:] - x[:-2]) + jnp.sin(x[2:] - 2 * x[1:-1] + x[:-2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_functions_go_by_cells_unasked(dtype: str) -> None:
    x = jnp.linspace(0.5, 1.5, 1_500, dtype=dtype)
    jacobian = ccjac.jacobian(burgers)
    plan = jacobian.plan(x)
    assert plan.source == "cells"
    assert "straight-line program" in plan.reason
    assert plan.reason in plan.describe()
    found, expected = jacobian(x), jax.jacfwd(burgers)(x)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize("name", ["porous_medium", "brusselator", "bundle", "cart_pole"])
def test_tensor_granularity_insists_on_cells(name: str) -> None:
    fun, x = problem(name, {"bundle": 100}.get(name, 8))
    jacobian = ccjac.jacobian(fun, granularity="tensor")
    assert jacobian.plan(x).source == "cells"
    found, expected = jacobian(x), jax.jacfwd(fun)(x)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12 * float(jnp.abs(expected).max()))


def test_tensor_granularity_falls_back_with_a_reason() -> None:
    x = jnp.asarray([0.3, 0.1, 0.7])
    jacobian = ccjac.jacobian(jnp.sort, granularity="tensor")
    np.testing.assert_array_equal(jacobian(x), jax.jacfwd(jnp.sort)(x))
    assert "no cells" in jacobian.plan(x).reason


def test_values_auxiliary_results_and_containers() -> None:
    def fun(x: Any, scale: Any) -> Any:
        return {"a": jnp.roll(x["u"], 1) * x["v"] * scale, "b": x["u"][:5] ** 2}, jnp.max(x["u"])

    x = {"u": jnp.linspace(1, 2, 8), "v": jnp.linspace(2, 3, 8)}
    options: Any = {"argnums": (0, 1), "has_aux": True}
    (value, aux), found = ccjac.value_and_jacobian(fun, granularity="tensor", **options)(x, 2.0)
    expected, own = jax.jacfwd(fun, **options)(x, 2.0)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    both = (found, value, aux), (expected, fun(x, 2.0)[0], own)
    for a, b in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_allclose(a, b)
        assert jax.typeof(a).weak_type == jax.typeof(b).weak_type


def test_transformations() -> None:
    x = jnp.linspace(0.5, 1.5, 30)
    jacobian, own = ccjac.jacobian(burgers, granularity="tensor"), jax.jacfwd(burgers)
    batch = jnp.stack([x, x**2])
    np.testing.assert_allclose(jax.vmap(jacobian)(batch), jax.vmap(own)(batch), atol=1e-13)
    np.testing.assert_allclose(jax.jit(jacobian)(x), own(x), atol=1e-13)
    weights = jnp.sin(jnp.arange(28 * 30.0)).reshape(28, 30)
    found = jax.grad(lambda x: jnp.sum(jacobian(x) * weights))(x)
    np.testing.assert_allclose(found, jax.grad(lambda x: jnp.sum(own(x) * weights))(x), atol=1e-11)


@pytest.mark.slow
def test_third_derivatives() -> None:
    x = jnp.linspace(0.5, 1.5, 30)
    jacobian, own = ccjac.jacobian(burgers, granularity="tensor"), jax.jacfwd(burgers)
    found = jax.hessian(lambda x: jnp.sum(jacobian(x) ** 2))(x)
    np.testing.assert_allclose(found, jax.hessian(lambda x: jnp.sum(own(x) ** 2))(x), atol=1e-11)


def test_what_the_function_reads_is_an_operand() -> None:
    x = jnp.linspace(0.5, 1.5, 12)

    @jax.jit
    def outer(x: Any, scale: Any) -> Any:
        return ccjac.jacobian(lambda x: burgers(x) * scale, granularity="tensor")(x)

    np.testing.assert_allclose(outer(x, 3.0), 3 * jax.jacfwd(burgers)(x), atol=1e-13)
    np.testing.assert_allclose(outer(x, 5.0), 5 * jax.jacfwd(burgers)(x), atol=1e-13)


def test_integer_results_are_left_to_the_framework() -> None:
    def fun(x: Any) -> Any:
        return x * 2, (x > 1).astype(int)

    x = jnp.linspace(0.5, 1.5, 5)
    for a, b in zip(ccjac.jacobian(fun, granularity="tensor")(x), jax.jacfwd(fun)(x), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


def test_scalar_graphs_have_no_tensor_granularity() -> None:
    with pytest.raises(ccjac.UnsupportedError, match="cells"):
        ccjac.trace(burgers, jnp.ones(9), granularity="tensor")


def test_the_estimate_weighs_cells_against_the_framework() -> None:
    large = Features(inputs=2_000, outputs=2_000, operations=20_000, active=20_000, forward=60_000, equations=10)
    assert estimate.cells_may_pay(large)
    assert not estimate.cells_may_pay(Features(inputs=2_000, outputs=1, equations=10))
    assert not estimate.cells_may_pay(Features(inputs=2_000, outputs=2_000, entries=2_000, equations=10))
    assert not estimate.cells_may_pay(Features(inputs=9, outputs=9, equations=100, steps=1_000))
    assert estimate.cells_obstacle(large, 100) is None
    assert "100,000 partials" in (estimate.cells_obstacle(large, 100_000) or "")
    assert estimate.cells_late_obstacle(large, 60_000, 6_000) is None
    assert "a call by cells" in (estimate.cells_late_obstacle(large, 2_000 * 1_000_000, 4_000_000) or "")


def test_the_search_for_cells_is_bounded() -> None:
    fun, x = problem("porous_medium", 8)
    with pytest.raises(ccjac.UnsupportedError, match="more than 5 operations"):
        _cells(fun, x, 5)
    assert _cells(fun, x, 5_000) > 0


def _cells(fun: Any, x: Any, nodes: int) -> int:
    from ccjac.elements.classes import cells_of
    from ccjac_jax.elements import walk

    graph, (out,) = walk(jax.make_jaxpr(fun)(x), [jax.ShapeDtypeStruct(x.shape, x.dtype)], 1)
    return len(cells_of(graph, out.ids.ravel(), nodes=nodes))
