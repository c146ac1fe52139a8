"""How calls are executed: by the kernel or fused with their surroundings, and results larger than the caches."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
from ccjac.program import Builder
from ccjac_jax import kernel
from ccjac_jax.xla import install

if (_reason := kernel.obstacle(Builder().finish([], 0))) is not None:
    pytest.skip(_reason, allow_module_level=True)


def lorenz96(x):
    """Eight outputs of eight inputs; 32 nonzero entries, few operations."""
    return (jnp.roll(x, -1) - jnp.roll(x, 2)) * jnp.roll(x, 1) - x + 8.0


def pendulum(x):
    """Two outputs of two inputs."""
    return jnp.stack([x[1], -jnp.sin(x[0])])


def chain(x):
    """Too many operations to compute them again for every entry."""
    return jnp.stack([jnp.sin(jnp.cumprod(x)[-1]), jnp.cos(jnp.cumprod(x * x)[-1])])


@pytest.mark.parametrize(("function", "n", "called"), [(lorenz96, 8, False), (pendulum, 2, False), (chain, 9, True)])
@pytest.mark.parametrize("batch", [1, 2])
def test_one_or_two_samples_of_a_short_program_are_one_loop_of_xla(function, n, called, batch):
    compiled = jax.jit(jax.vmap(ccjac.jacobian(function))).lower(jnp.ones((batch, n))).compile()
    assert ("ccjac_kernel" in compiled.as_text()) == called
    # From 1,000 operations on, XLA hands a computation to another thread, which takes as long as the rest of a call.
    assert compiled.cost_analysis().get("flops", 0.0) < 1000
    entry = compiled.as_text().partition("ENTRY")[2]
    assert entry.count(" fusion(") == (not called)
    assert compiled.memory_analysis().temp_size_in_bytes == 0


@pytest.mark.parametrize("batch", [3, 512])
def test_batches_of_tiny_functions_are_kernels(batch):
    compiled = jax.jit(jax.vmap(ccjac.jacobian(pendulum))).lower(jnp.ones((batch, 2))).compile()
    assert "ccjac_kernel" in compiled.as_text()


def test_only_what_runs_is_compiled(monkeypatch):
    compiled = []

    def counted(text, *args, **options):
        compiled.append(text)
        return compile_text(text, *args, **options)

    compile_text = install.compile_text
    monkeypatch.setattr(install, "compile_text", counted)
    x = jnp.ones((3, 5, 6))
    jacobian = jax.vmap(jax.vmap(ccjac.jacobian(lambda x: 0.123 * lorenz96(x))))
    jax.eval_shape(jacobian, x)
    assert not compiled
    jax.jit(jacobian)(x)
    assert len([text for text in compiled if "@kernel(" in text]) == 1


@pytest.mark.parametrize("batch", [40_001, 65_536])
def test_results_of_many_megabytes(batch):
    x = np.random.default_rng(0).uniform(-2, 2, (batch, 8)).astype(np.float32)
    found = jax.jit(jax.vmap(ccjac.jacobian(lorenz96)))(x)
    expected = jax.jit(jax.vmap(jax.jacfwd(lorenz96)))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_fastmath_is_another_kernel_with_nearly_the_same_results():
    def ratios(x):
        return jnp.stack([x[0] / x[2], x[1] / x[2], x[0] * x[1] / x[2]])

    x = np.random.default_rng(1).uniform(0.5, 2, (100, 3)).astype(np.float32)
    exact, fast = (jax.jit(jax.vmap(ccjac.jacobian(ratios, fastmath=f))) for f in (False, True))
    assert exact.lower(x).as_text() != fast.lower(x).as_text()
    np.testing.assert_allclose(fast(x), exact(x), rtol=1e-5)
