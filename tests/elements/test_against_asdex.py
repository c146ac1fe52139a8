"""Patterns of many functions beside those that ``asdex`` detects: the same, or tighter and still complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
from ccjac_zoo.structured import energies, structured

asdex = pytest.importorskip("asdex")


def gradient_of(name: str, size: int) -> tuple[Callable[..., Any], Any]:
    fun, x = energies()[name].make(size)
    return jax.grad(fun), x


def line(fun: Callable[..., Any], n: int = 24) -> tuple[Callable[..., Any], Any]:
    return fun, np.linspace(0.3, 1.9, n)


def time_steps(x: Any) -> Any:
    return jax.lax.scan(lambda c, u: (0.9 * c * u, c + jnp.sin(u)), x[0], x)[1]


DIFFERENCES = np.diag(np.linspace(1, 2, 200)) - 0.7 * np.eye(200, k=1) - np.diag(np.linspace(2, 3, 198), -2)
WEIGHTS = 0.1 * np.arange(12.0).reshape(4, 3)
SIZES = {"heat_3d": 5, "bundle": 60, "power_flow": 30, "euler_roe": 12, "lennard_jones": 110}
FUNCTIONS: dict[str, tuple[Callable[..., Any], Any]] = {
    **{name: task.make(SIZES.get(name, 9 if task.sizes[0] < 100 else 24)) for name, task in structured().items()},
    **{f"gradient of {name}": gradient_of(name, 7 if task.sizes[0] < 100 else 30) for name, task in energies().items()},
    "permutation": line(lambda x: x[::-1] ** 2),
    "cancelled": line(lambda x: x - x + x**2),
    "stopped": line(lambda x: jax.lax.stop_gradient(x) * x[::-1]),
    "masked": line(lambda x: jnp.where(np.arange(24) % 3 == 0, jnp.sin(x), 0.0)),
    "maximum of neighbours": line(lambda x: jnp.maximum(x[1:], x[:-1])),
    "softmax of short rows": line(lambda x: jax.nn.softmax(x.reshape(6, 4), axis=1)),
    "scattered": line(lambda x: jnp.zeros(6).at[np.array([0, 3, 3, 5])].add((x[:4] ** 2).astype(float))),
    "segments": line(lambda x: jax.ops.segment_sum(x**2, np.arange(24) // 3, 8)),
    "interior padding": line(lambda x: jax.lax.pad(x**2, x[0], [(1, 1, 2)])),
    "small layer": line(
        lambda x: jnp.tanh(x.reshape(6, 4) @ jnp.asarray(0.1 * np.arange(12.0).reshape(4, 3), x.dtype))
    ),
    "convolution": line(lambda x: jnp.convolve(x, jnp.asarray([1.0, -2.0, 0.5], x.dtype), mode="same") * x),
    "running sums of short rows": line(lambda x: jnp.cumsum(jnp.sin(x).reshape(6, 4), 1)),
    "arrowhead": line(lambda x: jnp.concatenate([jnp.sum(x**2)[None], x[1:] * x[0]]), 200),
    "two sums": line(lambda x: jnp.stack([jnp.sum(x**2), jnp.max(x)]), 200),
    "loop in time": line(time_steps),
    "differences by a matrix": line(lambda x: jnp.asarray(DIFFERENCES, x.dtype) @ jnp.sin(x) * x, 200),
    "a matrix from the right": line(
        lambda x: jnp.sin(x.reshape(4, 50)) @ jnp.asarray(DIFFERENCES[:50, :50], x.dtype), 200
    ),
    "long sorted rows": line(lambda x: jnp.sort(x.reshape(3, 40), 1) ** 2, 120),
    "sorted triples": line(lambda x: jnp.sort(x.reshape(8, 3), 1)),
    "polynomials of triples": line(lambda x: jnp.linalg.det(x.reshape(6, 2, 2) + jnp.eye(2, dtype=x.dtype))),
}


def test_there_are_forty() -> None:
    assert len(FUNCTIONS) >= 40


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_patterns_and_values(name: str, dtype: str) -> None:
    fun, start = FUNCTIONS[name]
    x = jnp.asarray(start, dtype)
    expected = np.asarray(jax.jit(jax.jacfwd(fun))(x), np.float64).reshape(-1, x.size)
    pattern = ccjac.sparsity(fun, x)
    here = pattern.todense()
    theirs = asdex.jacobian_sparsity(lambda z: jnp.ravel(fun(z.reshape(x.shape))), x.ravel())
    there = np.zeros(here.shape, bool)
    there[np.asarray(theirs.rows), np.asarray(theirs.cols)] = True
    assert not (here & ~there).any()
    # What it leaves out is zero, at this point and at others.
    other = np.asarray(jax.jit(jax.jacfwd(fun))(x * 1.01 + 0.003), np.float64).reshape(-1, x.size)
    assert (expected[~here] == 0).all()
    assert (other[~here] == 0).all()
    found = pattern.scipy(ccjac.sparse_values(fun)(x)).toarray()
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=scale * (3e-5 if dtype == "float32" else 1e-11))
