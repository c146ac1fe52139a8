"""Sparse results through the public functions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import sparse as jsparse

import ccjac
from ccjac.elements.places import check_size
from ccjac_zoo.structured import energies, structured


def problem(name: str, size: int) -> tuple[Any, Any]:
    fun, x = structured()[name].make(size)
    return fun, jnp.asarray(x)


@pytest.mark.parametrize("output", ["bcoo", "bcsr", "operator"])
@pytest.mark.parametrize(("name", "size"), [("burgers", 40), ("gray_scott", 6), ("cart_pole", 12)])
def test_formats(output: str, name: str, size: int) -> None:
    fun, x = problem(name, size)
    expected = jax.jacfwd(fun)(x)
    found = ccjac.jacobian(fun, output=output)(x)
    shape = expected.shape if output == "bcoo" else (expected.size // x.size, x.size)
    assert found.shape == shape
    np.testing.assert_allclose(found.todense(), np.reshape(expected, shape), rtol=1e-11, atol=1e-12)
    assert found.dtype == x.dtype


def test_operators_multiply() -> None:
    fun, x = problem("burgers", 40)
    dense = jax.jacfwd(fun)(x)
    operator = jax.jit(ccjac.jacobian(fun, output="operator"))(x)
    vector, matrix = jnp.linspace(0, 1, 40), jnp.ones((40, 3)) * jnp.arange(3.0)
    np.testing.assert_allclose(operator @ vector, dense @ vector, rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(operator.T @ matrix, dense.T @ matrix, rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(operator.T.todense(), dense.T, rtol=1e-11, atol=1e-12)
    assert operator.T.T.shape == dense.shape
    assert "entries" in repr(operator)


def test_containers_nest_as_those_of_jacfwd() -> None:
    def fun(x: Any, scale: Any) -> Any:
        return {"a": jnp.roll(x["u"], 1) * x["v"] * scale, "b": x["u"][:5] ** 2}

    x = {"u": jnp.linspace(1, 2, 8), "v": jnp.linspace(2, 3, 8)}
    expected = jax.jacfwd(fun)(x, 2.0)
    found = ccjac.jacobian(fun, output="bcoo")(x, 2.0)
    is_sparse = lambda leaf: isinstance(leaf, jsparse.BCOO)  # noqa: E731
    assert jax.tree.structure(found, is_leaf=is_sparse) == jax.tree.structure(expected)
    for block, dense in zip(jax.tree.leaves(found, is_leaf=is_sparse), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(block.todense(), dense)


def test_values_and_auxiliary_results() -> None:
    fun, x = problem("burgers", 40)
    value, jacobian = ccjac.value_and_jacobian(fun, output="bcsr")(x)
    np.testing.assert_allclose(value, fun(x), rtol=1e-12)
    np.testing.assert_allclose(jacobian.todense(), jax.jacfwd(fun)(x), rtol=1e-11, atol=1e-12)
    jacobian, aux = ccjac.jacobian(lambda x: (fun(x), jnp.max(x)), has_aux=True, output="bcoo")(x)
    assert float(aux) == float(jnp.max(x))
    assert jacobian.nse == 118


@pytest.mark.parametrize("name", energies())
def test_hessians(name: str) -> None:
    fun, x = energies()[name].make(9 if energies()[name].sizes[0] < 50 else 60)
    x = jnp.asarray(x)
    found = ccjac.hessian(fun, output="bcoo")(x)
    expected = jax.hessian(fun)(x)
    np.testing.assert_allclose(found.todense(), expected, rtol=1e-10, atol=1e-10)
    assert found.nse < x.size**2


def test_pattern_and_values_of_several_arguments_make_one_matrix() -> None:
    def fun(x: Any, y: Any) -> Any:
        return jnp.roll(x, 1) * y[:9], jnp.sin(y)

    x, y = jnp.linspace(0.5, 1, 9), jnp.linspace(1, 2, 11)
    pattern = ccjac.sparsity(fun, x, y, argnums=(0, 1))
    values = ccjac.sparse_values(fun, argnums=(0, 1))(x, y)
    blocks = jax.jacfwd(fun, argnums=(0, 1))(x, y)
    expected = np.block([[np.asarray(b) for b in row] for row in blocks])
    assert pattern.shape == (20, 20)
    np.testing.assert_allclose(pattern.scipy(values).toarray(), expected, rtol=1e-12)
    np.testing.assert_array_equal(pattern.todense(), expected != 0)


def test_pattern_draws_itself_and_transposes() -> None:
    fun, x = problem("heat", 12)
    pattern = ccjac.sparsity(fun, x)
    assert "12 × 12, 34 entries" in repr(pattern)
    assert repr(pattern).count("⠿") == 34
    assert pattern == pattern.T
    assert pattern == ccjac.Pattern.from_coordinates(pattern.rows, pattern.cols, pattern.shape)
    pytest.importorskip("matplotlib")
    assert pattern.plot().get_title().startswith("12 × 12")


def test_transformations() -> None:
    fun, x = problem("allen_cahn", 5)
    values = ccjac.sparse_values(fun)
    pattern = ccjac.sparsity(fun, x)

    def dense(x: Any) -> Any:
        return jax.jacfwd(fun)(x).reshape(25, 25)[pattern.rows, pattern.cols]

    np.testing.assert_allclose(jax.jit(values)(x), dense(x), rtol=1e-11)
    batch = jnp.stack([x, x + 1])
    np.testing.assert_allclose(jax.vmap(values)(batch), jax.vmap(dense)(batch), rtol=1e-11)
    weights = jnp.linspace(0, 1, pattern.nnz)
    expected = jax.grad(lambda x: dense(x) @ weights)(x)
    np.testing.assert_allclose(jax.grad(lambda x: values(x) @ weights)(x), expected, rtol=1e-10, atol=1e-12)


def test_plans_tell_the_cells() -> None:
    fun, x = problem("porous_medium", 12)
    plan = ccjac.jacobian(fun, output="bcoo").plan(x)
    assert plan.source == "cells"
    assert sum(members * len(part.graph.outputs) for members, part in plan.parts) == 144
    assert "members" in plan.describe()


def test_without_structure_the_dense_result_is_converted() -> None:
    def fun(x: Any) -> Any:
        return jnp.sort(x) * jnp.sum(x)

    x = jnp.asarray([0.3, 0.1, 0.7])
    with pytest.warns(ccjac.DenseWarning, match="100 %"):
        found = ccjac.jacobian(fun, output="bcoo")(x)
    np.testing.assert_allclose(found.todense(), jax.jacfwd(fun)(x))
    assert "no cells" in ccjac.jacobian(fun, output="bcoo").plan(x).reason
    assert ccjac.sparsity(fun, x) == ccjac.Pattern.full((3, 3))


def test_unknown_formats_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ccjac.CcjacError, match="dense, bcoo, bcsr, operator"):
        ccjac.jacobian(lambda x: x, output="csc")


def test_a_nearly_dense_result_of_cells_warns() -> None:
    x = jnp.linspace(0.5, 1.5, 8)
    fun = lambda x: jnp.roll(x, 1) * x * jnp.roll(x, -1)  # noqa: E731
    assert ccjac.jacobian(fun, output="bcsr").plan(x).source == "cells"
    with pytest.warns(ccjac.DenseWarning, match="38 %"):
        ccjac.jacobian(fun, output="bcsr")(x)


def test_more_entries_than_int32_counts_are_refused() -> None:
    check_size(2**31 - 1)
    with pytest.raises(ccjac.UnsupportedError, match="2,147,483,648 entries"):
        check_size(2**31)
