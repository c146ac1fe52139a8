"""What must hold on every supported release of JAX, the oldest and the newest."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import ccjac
import ccjac_zoo
from ccjac_jax.xla.register import interface

BEYOND_SCALARS = {"TransformerEncoder"}
"""Tasks whose estimate may choose otherwise."""


def test_this_release_is_supported_and_calls_kernels() -> None:
    assert jax.__version_info__ >= (0, 8, 3)
    assert not isinstance(interface(), str), interface()


def test_the_whole_catalogue_is_made_of_kernels() -> None:
    plans = {}
    for name, task in ccjac_zoo.tasks().items():
        if name not in BEYOND_SCALARS:
            plans[name] = ccjac.plan(task.vector("jax"), jnp.asarray(task.pack(*task.example())), zoo=False)
    assert len(plans) > 150
    assert {name: (plan.source, plan.reason) for name, plan in plans.items() if plan.executor != "kernel"} == {}


X = np.array([0.3, -0.7, 1.9, 2.5])


def _scanned(x):  # type: ignore[no-untyped-def]
    def step(carry, row):  # type: ignore[no-untyped-def]
        a, b = carry
        return (a * row[0] + x[1], b + row[1]), {"sum": a + b, "product": a * row}

    return lax.scan(step, (x[0], x[2]), jnp.stack([x, x[::-1]], axis=1), reverse=True)


ACROSS_RELEASES = {
    "scan": lambda x: jax.tree.leaves(_scanned(x)),
    "while": lambda x: lax.fori_loop(0, 3, lambda k, y: jnp.sin(y) * (k + 1.0), x),
    "cond": lambda x: lax.cond(x[0] > 0.1, lambda y: jnp.tanh(y), lambda y: y * y, x),
    "remat": jax.checkpoint(lambda x: jnp.tanh(x) * jnp.exp(x[::-1])),
    "call": lambda x: jax.jit(lambda y: jnp.arctanh(y / 4) * lax.erfc(y))(x),
    "gather": lambda x: x[jnp.array([0, 2, 2])] * jnp.take(x, 1),
    "inverse functions": lambda x: jnp.arcsin(x / 4) + jnp.arccos(x / 5) * jnp.arcsinh(x),
    "normal distribution": lambda x: jax.scipy.stats.norm.cdf(x) * jax.scipy.stats.norm.pdf(x),
    "powers of two": lambda x: jnp.log2(x * x + 1.0) * jnp.exp2(x) + jnp.log10(x * x + 2.0),
    "softmax": lambda x: jax.nn.softmax(x) * jax.nn.gelu(x) + jax.nn.log_sigmoid(x),
}


@pytest.mark.parametrize("name", ACROSS_RELEASES)
def test_primitives_that_change_from_release_to_release(name: str) -> None:
    fun = ACROSS_RELEASES[name]
    plan = ccjac.plan(fun, jnp.asarray(X), zoo=False)
    assert plan.executor == "kernel", plan.reason
    ours, theirs = ccjac.jacobian(fun, zoo=False)(jnp.asarray(X)), jax.jacfwd(fun)(jnp.asarray(X))
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
