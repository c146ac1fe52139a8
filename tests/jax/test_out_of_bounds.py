"""Constant indices beyond the ends: they read and write what they read and write in JAX, with JAX's derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import ccjac

POINT = jnp.array([1.5, 2.0, 3.0])
INDICES = jnp.array([0, 5, -9, 2, 3])
MODES = [None, "clip", "fill", "drop", "promise_in_bounds"]


def compare(f):
    with jax.enable_x64(True):
        x = jnp.asarray(np.asarray(POINT), jnp.float64)
        assert ccjac.plan(f, x).source != "fallback"
        value, jacobian = ccjac.value_and_jacobian(f)(x)
        np.testing.assert_allclose(value, f(x), rtol=1e-12)
        np.testing.assert_allclose(jacobian, jax.jacfwd(f)(x), rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_reading(mode):
    # What `fill` reads outside is not a number by default.
    fill = 7.0 if mode in ("fill", "drop") else None
    compare(lambda x: x.at[INDICES].get(mode=mode, fill_value=fill) ** 2 * x[1])


def test_what_fill_reads_outside_by_default():
    compare(lambda x: (x**2).at[INDICES].get(mode="fill"))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("write", ["set", "add"])
def test_writing(mode, write):
    compare(lambda x: getattr((x**2).at[INDICES], write)(x[0] * jnp.arange(1.0, 6.0), mode=mode))


@pytest.mark.parametrize("mode", MODES)
def test_multiplying(mode):
    # JAX differentiates products in place for distinct indices only.
    compare(lambda x: (x**2).at[jnp.array([1, 5])].mul(x[:2], mode=mode, unique_indices=True))


@pytest.mark.parametrize("start", [-7, -1, 2, 9])
def test_windows(start):
    compare(lambda x: lax.dynamic_slice(x**2, (start,), (2,)) * x[0])
    compare(lambda x: lax.dynamic_update_slice(x**2, x[:2] * x[2], (start,)))


@pytest.mark.parametrize("mode", [m for m in lax.GatherScatterMode if m != lax.GatherScatterMode.ONE_HOT])
def test_windows_of_a_matrix(mode):
    numbers = lax.GatherDimensionNumbers(offset_dims=(1, 2), collapsed_slice_dims=(), start_index_map=(0, 1))
    starts = jnp.array([[0, 0], [2, 1], [-3, 9]])

    def f(x):
        table = jnp.outer(x, x**2)
        return lax.gather(table, starts, numbers, (2, 2), mode=mode)

    compare(f)
