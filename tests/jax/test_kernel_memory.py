"""Hundreds of different functions in one process keep little more than their machine code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
