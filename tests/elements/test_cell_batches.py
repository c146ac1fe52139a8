"""Sparse values under JAX's transformations: batches are one call, devices compute their own share."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import ccjac
from ccjac_zoo.structured import structured


@pytest.fixture(scope="module")
def problem() -> tuple[Any, Any]:
    """A function of a grid and of a parameter of its own, and a grid."""
    fun, x = structured()["burgers"].make(90)
    return lambda x, c: fun(x) * c * jnp.roll(x, 1), jnp.asarray(x)


def one_by_one(values: Any, *batches: Any) -> np.ndarray:
    return np.stack([np.asarray(values(*sample)) for sample in zip(*batches, strict=True)])


def test_a_batch_is_one_call(problem: tuple[Any, Any]) -> None:
    fun, x = problem
    values = ccjac.sparse_values(fun)
    xs, cs = jnp.stack([x, x**2, 2 * x]), jnp.asarray([1.0, 2.0, 3.0])
    batched = jax.jit(jax.vmap(values))
    np.testing.assert_allclose(batched(xs, cs), one_by_one(values, xs, cs), rtol=1e-13)
    # No loop over samples.
    assert "while" not in batched.lower(xs, cs).as_text()
    shared = jax.jit(jax.vmap(values, (0, None), 1))(xs, cs[1])
    np.testing.assert_allclose(shared.T, one_by_one(values, xs, [cs[1]] * 3), rtol=1e-13)


def test_batches_of_batches(problem: tuple[Any, Any]) -> None:
    fun, x = problem
    values = ccjac.sparse_values(fun)
    xs, cs = jnp.stack([x * (1 + 0.1 * k) for k in range(4)]), jnp.asarray([1.0, 2.0, 3.0])
    expected = np.stack([one_by_one(values, xs, [c] * 4) for c in cs])
    outer = jax.vmap(jax.vmap(values, (0, None)), (None, 0))
    np.testing.assert_allclose(jax.jit(outer)(xs, cs), expected, rtol=1e-13)
    pairs = jax.jit(jax.vmap(jax.vmap(values, (0, 0)), (0, None)))(xs.reshape(2, 2, -1), cs[:2])
    np.testing.assert_allclose(pairs.reshape(4, -1), one_by_one(values, xs, [*cs[:2], *cs[:2]]), rtol=1e-13)


def test_batches_have_derivatives(problem: tuple[Any, Any]) -> None:
    fun, x = problem
    values = ccjac.sparse_values(fun)
    xs, cs = jnp.stack([x, x**2]), jnp.asarray([1.0, 2.0])
    weights = jnp.cos(jnp.arange(270.0))[: values(x, 1.0).size]

    def loss(xs: Any) -> Any:
        return (jax.vmap(values)(xs, cs) @ weights).sum()

    found = jax.jit(jax.grad(loss))(xs)
    for k in range(2):
        expected = jax.grad(lambda x, k=k: values(x, cs[k]) @ weights)(xs[k])
        np.testing.assert_allclose(found[k], expected, rtol=1e-10, atol=1e-10)


def test_devices_compute_their_share_of_the_grid(problem: tuple[Any, Any]) -> None:
    fun, x = problem
    values = ccjac.sparse_values(fun)
    mesh = Mesh(np.array(jax.devices()[:1]), ("i",))
    own, everywhere = PartitionSpec("i"), PartitionSpec()
    divided = jax.jit(jax.shard_map(values, mesh=mesh, in_specs=(own, everywhere), out_specs=own))
    np.testing.assert_allclose(divided(x, 2.0), values(x, 2.0), rtol=1e-13)


def test_in_loops(problem: tuple[Any, Any]) -> None:
    fun, x = problem
    jacobian = ccjac.jacobian(fun, output="bcsr")

    def step(x: Any, _: None) -> tuple[Any, Any]:
        return x - 1e-4 * (jacobian(x, 1.0) @ x), None

    def dense_step(x: Any, _: None) -> tuple[Any, Any]:
        return x - 1e-4 * (jax.jacfwd(fun)(x, 1.0) @ x), None

    found, expected = (jax.jit(lambda x, s=s: jax.lax.scan(s, x, None, length=5)[0])(x) for s in (step, dense_step))
    np.testing.assert_allclose(found, expected, rtol=1e-11)
