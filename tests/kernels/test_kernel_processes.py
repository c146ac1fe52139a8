"""Kernels in many threads, in forked and spawned processes, and after their objects are gone."""

import gc
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ccjac.kernels import Layout, compile_kernel
from ccjac.program import evaluate
from kernel_programs import random_program

pytest.importorskip("llvmlite")

ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def first_column(seed: int) -> bool:
    """Compile a program and compare it with its evaluation."""
    program = random_program(seed, 3, 40, 2)
    x = np.random.default_rng(seed).normal(size=(29, 3))
    got = compile_kernel(program, Layout.rows(program)).run([x])[0][:, 0]
    return np.allclose(got, np.broadcast_to(evaluate(program, list(x.T))[0], 29), rtol=1e-9, atol=1e-9)


def test_threads_compile_and_run_at_once():
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(first_column, range(40)))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_fork_uses_its_parent_s_kernels_and_compiles_its_own():
    # A plain fork in a process of its own: forking the test process, with its threads, is what Python warns about.
    script = """
import os, sys
import numpy as np
from kernel_programs import random_program
from test_kernel_processes import first_column
from ccjac.kernels import Layout, compile_kernel
program = random_program(1, 3, 40, 2)
kernel = compile_kernel(program, Layout.rows(program))
x = np.ones((5, 3))
before = kernel.run([x])[0]
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(kernel.run([x])[0], before) and first_column(7) else 1)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""
    assert run_python(script).returncode == 0


def test_a_new_process_compiles_the_same_text():
    script = """
from kernel_programs import random_program
from ccjac.kernels import Layout
from ccjac.kernels.cpu.module import write_module
from ccjac.kernels.cpu.target import Target
import hashlib
program = random_program(3, 3, 400, 2)
text = write_module(program, Layout.rows(program), Target.host(), fastmath=False).text
print(hashlib.sha256(text.encode()).hexdigest())
"""
    one, two = (run_python(script, PYTHONHASHSEED=seed).stdout for seed in ("1", "2"))
    assert one == two
    assert len(one) > 60


def run_python(script: str, **environment: str) -> subprocess.CompletedProcess:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins"), str(Path(__file__).parent)])
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@linux
def test_code_is_freed_with_its_kernel():
    def mappings() -> int:
        return len(Path("/proc/self/maps").read_text(encoding="utf-8").splitlines())

    program = random_program(2, 3, 40, 2)
    kernels = [compile_kernel(program, Layout.rows(program)) for _ in range(20)]
    full = mappings()
    assert kernels[7].run([np.ones((3, 3))])
    del kernels
    gc.collect()
    assert mappings() <= full - 20


@pytest.mark.slow
@linux
def test_a_thousand_functions_leak_no_more_than_their_code():
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def build(seeds: range) -> None:
        for seed in seeds:
            program = random_program(seed, 3, 30, 2)
            compile_kernel(program, Layout.rows(program))
        gc.collect()

    build(range(50))
    before = resident()
    build(range(50, 1050))
    assert resident() - before < 1000 * 20_000
