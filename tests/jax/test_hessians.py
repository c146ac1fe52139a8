"""Hessians of functions as people write them: JAX's numbers, and as symmetric as rounding lets them be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac

W = np.random.default_rng(0).normal(size=(6, 5))
T = np.linspace(0, 1, 8)
X = np.linspace(0.1, 1, 5)

FUNCTIONS = {
    "Rosenbrock": lambda x: jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
    "network": lambda x: jnp.sum(jnp.tanh(W @ jnp.tanh(x)) ** 2),
    "quadratic form": lambda x: x @ (W.T @ W) @ x,
    "logsumexp": lambda x: jax.nn.logsumexp(W @ x),
    "logistic regression": lambda x: jnp.sum(jnp.log1p(jnp.exp(-W @ x))),
    "curve fit": lambda x: jnp.sum((x[0] * jnp.exp(-x[1] * T) * jnp.cos(x[2] * T + x[3]) - np.sin(T)) ** 2),
    "energy of a pendulum": lambda x: (
        x[2] ** 2 + x[2] * x[3] * jnp.cos(x[0] - x[1]) - 2 * jnp.cos(x[0]) - jnp.cos(x[1])
    ),
    "product": lambda x: jnp.prod(jnp.sin(x) + 2),
    "distance": lambda x: jnp.sqrt(jnp.sum(x**2) + 1.0) * jnp.log(1.5 + jnp.sum(x[:3] ** 4)),
    "option": lambda x: x[0] * jax.scipy.stats.norm.cdf((jnp.log(x[0] / x[1] ** 2 + 3) + x[2]) / (1 + x[3] ** 2)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_symmetry(name):
    f = FUNCTIONS[name]
    found, expected = jax.jit(ccjac.hessian(f))(X), jax.jit(jax.hessian(f))(X)
    scale = np.max(np.abs(expected))
    np.testing.assert_allclose(found / scale, expected / scale, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(found / scale, found.T / scale, rtol=0, atol=1e-14)
