"""The library's own threads: what they compute, in many callers at once, and in forked processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from ccjac.kernels import Layout, compile_kernel
from ccjac.kernels.cpu import pool
from ccjac.program import Builder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the pool is made of POSIX threads")


def sine_kernel():
    builder = Builder()
    x, y = builder.input(0, "float64"), builder.input(1, "float64")
    results = [builder.emit("sin", (x,), "float64"), builder.emit("mul", (x, y), "float64")]
    program = builder.finish(results, 2)
    return compile_kernel(program, Layout.rows(program))


def test_large_batches_are_computed_by_several_threads(rng):
    kernel = sine_kernel()
    x = rng.normal(size=(100_003, 2))
    one = kernel.run([x])[0]
    for threads in (2, 3, 8):
        np.testing.assert_array_equal(kernel.run([x], threads=threads)[0], one)
    count = len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 8
    assert count >= 8, "seven threads help the calling one"


def test_many_callers_share_the_pool(rng):
    kernel = sine_kernel()
    x = rng.normal(size=(20_000, 2))
    one = kernel.run([x])[0]
    wrong: list[int] = []

    def call(k: int) -> None:
        for _ in range(20):
            if not np.array_equal(kernel.run([x], threads=3)[0], one):
                wrong.append(k)

    callers = [threading.Thread(target=call, args=(k,)) for k in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_without_threads_the_caller_computes_alone(rng, monkeypatch):
    monkeypatch.setattr(pool, "_shared", lambda: None)
    x = rng.normal(size=(5_000, 2))
    np.testing.assert_allclose(sine_kernel().run([x], threads=4)[0][:, 0], np.sin(x[:, 0]), rtol=1e-14)


_FORKED = """
import os, sys
import numpy as np
sys.path[:0] = {path!r}
from test_kernel_pool import sine_kernel
kernel = sine_kernel()
x = np.linspace(0.0, 1.0, 200_000).reshape(-1, 2)
one = kernel.run([x])[0]
kernel.run([x], threads=3)
child = os.fork()
same = all(np.array_equal(kernel.run([x], threads=3)[0], one) for _ in range(10))
if child == 0:
    os._exit(0 if same and len(os.listdir("/proc/self/task")) > 1 else 1)
print(same, os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="counts threads as Linux lists them")
def test_a_forked_process_starts_threads_of_its_own():
    script = _FORKED.format(path=[os.path.dirname(__file__), *sys.path])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["True", "0"], done.stderr
