"""Hundreds of different functions in one process keep little more than their machine code."""

import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
from ccjac_jax.computation import Computation
from ccjac_jax.xla import register as ffi

ROOT = Path(__file__).parents[2]

SCRIPT = """
import gc, os
from pathlib import Path
import jax, jax.numpy as jnp, numpy as np
import ccjac

x = np.linspace(0.1, 1, 40).reshape(10, 4)

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def build(numbers):
    for number in numbers:
        def f(x):
            waves = (jnp.sin((number + 0.5) * x[i] * x[i - 1]) * x[i - 2] / (1 + x[i - 3] ** 2) for i in range(4))
            return jnp.stack(list(waves))
        jax.jit(jax.vmap(ccjac.jacobian(f, zoo=False)))(x).block_until_ready()
        if number % 25 == 24:
            # What JAX remembers is JAX's.
            jax.clear_caches()
    gc.collect()

build(range(25))
before = resident()
build(range(25, 175))
print((resident() - before) // 150)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_functions_leave_no_more_than_their_code():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("", "plugins"))},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # XLA cannot forget a registered call: its code and what LLVM keeps about it stay, some 80 kB each.
    assert int(done.stdout) < 140_000, done.stdout


TEXT = "def f(x): return jnp.stack([jnp.sin(x[0] * {number}) * x[1] / (1 + x[2] ** 2), jnp.exp(x[1] * x[2] * x[0])])"


@pytest.mark.skipif(isinstance(ffi.interface(), str), reason="no kernels with this jaxlib")
def test_a_dropped_function_leaves_no_program():
    def computations():
        # What one collection frees lets go of what the next one finds.
        for _ in range(3):
            gc.collect()
        # By type alone: some objects of other libraries warn when they are asked for their class.
        return sum(type(thing) is Computation for thing in gc.get_objects())

    def use(number):
        space = {"jnp": jnp}
        exec(TEXT.format(number=number), space)
        batch = np.linspace(0.1, 1, 12).reshape(4, 3)
        jacobian = ccjac.jacobian(space["f"], executor="kernel", zoo=False)
        expected = jax.vmap(jax.jacfwd(space["f"]))(batch)
        np.testing.assert_allclose(jax.jit(jax.vmap(jacobian))(batch), expected, rtol=1e-12)
        np.testing.assert_allclose(jacobian(jnp.asarray(batch[0])), expected[0], rtol=1e-12)
        jax.grad(lambda x: jnp.sum(jacobian(x)))(batch[0])

    use(0.25)
    before = computations()
    for k in range(5):
        use(k + 0.5)
    assert computations() <= before


def test_a_dropped_function_frees_the_arrays_that_it_captured():
    def use():
        weights = jnp.linspace(0.5, 1.5, 3)
        jacobian = ccjac.jacobian(lambda x: jnp.sin(x * x[1]) * weights[0] + x[2] ** 2 * weights)
        jacobian(jnp.ones(3))
        return weakref.ref(weights)

    reference = use()
    gc.collect()
    assert reference() is None
