"""Densities and distributions with gamma, error and Bessel functions run as kernels, to any order of derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy import special, stats

import ccjac

pytest.importorskip("llvmlite")

DENSITIES = {
    "beta": lambda s: (s[0] - 1) * jnp.log(0.3) + (s[1] - 1) * jnp.log(0.7) - special.betaln(s[0], s[1]),
    "gamma": lambda s: s[0] * jnp.log(s[1]) - special.gammaln(s[0]) + (s[0] - 1) * jnp.log(1.7) - s[1] * 1.7,
    "Student": lambda s: stats.t.logpdf(0.7, s[0], s[1], 1.5),
    "von Mises": lambda s: s[0] * jnp.cos(0.4 - s[1]) - jnp.log(special.i0e(s[0])) - s[0],
    "ratio of Bessel functions": lambda s: special.i1e(s[0]) / special.i0e(s[0]) * s[1],
    "normal quantile": lambda s: special.ndtri(0.1 + 0.2 * s[0]) * s[1],
    "Dirichlet, entropy": lambda s: s[0] * special.digamma(s[0] + s[1]) + special.polygamma(1, s[1]),
}


WEIGHTS = jnp.array([[1.0, 0.3], [-0.4, 2.0]])
_QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def compiled(function, points):
    return jax.jit(jax.vmap(function)).lower(points).compile(compiler_options=_QUICK)


@pytest.mark.parametrize("name", DENSITIES)
def test_gradients_hessians_and_their_derivatives(name):
    f = DENSITIES[name]
    points = jnp.asarray(np.random.default_rng(0).uniform(1.2, 3.4, (6, 2)))
    gradient, hessian = ccjac.jacobian(f, executor="kernel"), ccjac.hessian(f, executor="kernel")
    reference = compiled(jax.hessian(f), points)
    for ours, theirs in ((gradient, compiled(jax.grad(f), points)), (hessian, reference)):
        np.testing.assert_allclose(jax.jit(jax.vmap(ours))(points), theirs(points), rtol=2e-12, atol=2e-12)
    # XLA takes a minute and more for third derivatives of these: differences of fourth order instead.
    third = jax.jit(jax.vmap(jax.grad(lambda s: jnp.sum(hessian(s) * WEIGHTS))))(points)
    for k, step in enumerate(1e-3 * np.eye(2)):
        near, far = (reference(points + j * step) - reference(points - j * step) for j in (1, 2))
        expected = jnp.sum((8.0 * near - far) / 12e-3 * WEIGHTS, axis=(1, 2))
        np.testing.assert_allclose(third[:, k], expected, rtol=1e-8, atol=1e-8)
