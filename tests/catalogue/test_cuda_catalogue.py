"""CUDA kernels of the whole catalogue: compiled for the processor and run there, compiled by NVRTC, run on a device.

A bare run takes every sixth function, ``-m slow`` takes all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

import block_shim
import ccjac
import ccjac_zoo
from ccjac.kernels import Layout, Operand, Result
from ccjac.kernels.constants import lifted
from ccjac.kernels.gpu import kernel as gpu
from ccjac.kernels.gpu import nvrtc
from ccjac.kernels.gpu.source import THREADS, Source, write_source
from ccjac.zoo import Zoo
from ccjac_jax.showcase import points
from oracles import jacobian_programs, numpy_jacobians

SAMPLES = THREADS + 3
"""A full block and a few samples."""
NAMES = list(ccjac_zoo.tasks())
GROUPS = [NAMES[k::6] for k in range(6)]
"""Compiled together, which saves most of the time."""
GROUP = [pytest.param(k, marks=[] if k == 0 else [pytest.mark.slow]) for k in range(6)]
FLOOR = 4 * float(np.finfo(np.float32).eps)


class Case(NamedTuple):
    """A function's kernel, and what it is to be compared with."""

    name: str
    source: Source
    layout: Layout
    arrays: list[np.ndarray]
    expected: np.ndarray
    exact: np.ndarray


def zoo_order(graph: ccjac.Graph) -> Sequence[int]:
    hit = Zoo.default().lookup(graph)
    assert hit is not None
    return hit.order


def cases(group: int, dtype: str) -> list[Case]:
    """One trace per function; the same program by numpy in both precisions."""
    found = []
    for name in GROUPS[group]:
        task = ccjac_zoo.task(name)
        rows = np.asarray(points(task, SAMPLES, "float64")).astype(np.float32).astype(float)
        fun = task.vector("jax")
        _, (double,) = jacobian_programs(fun, (jnp.asarray(rows[0]),), [zoo_order])
        _, (program,) = jacobian_programs(fun, (jnp.asarray(rows[0], dtype),), [zoo_order])
        bare, numbers, values = lifted(program.program)
        entries = tuple(program.dense().ravel().tolist())
        layout = Layout((Operand(tuple(range(task.n)), dtype), *numbers), (Result(entries, dtype),))
        single = rows.astype(dtype)
        expected, exact = numpy_jacobians(program, single), numpy_jacobians(double, rows)
        found.append(Case(name, write_source(bare, layout), layout, [single, *values], expected, exact))
    return found


def check(case: Case, found: np.ndarray, dtype: str) -> None:
    """As near to the exact numbers as the same program by numpy, in units of the largest entry of each row."""
    found = found.reshape(case.exact.shape)
    size = np.abs(case.exact).max(axis=2, keepdims=True)
    size = np.where(size == 0, 1, size)
    error, reference = (np.max(np.abs(x - case.exact) / size) for x in (found, case.expected))
    # Where cancellation leaves single precision no digit, double precision keeps half of its own.
    bound = 8 * max(reference, FLOOR) if dtype == "float32" else 1e-8
    assert error <= bound, (case.name, error, reference)
    if dtype == "float64":
        assert np.median(np.abs(found - case.exact) / size) <= 1e-14, case.name


@pytest.mark.skipif(block_shim.COMPILER is None, reason="no C++ compiler")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("group", GROUP)
def test_kernels_on_the_processor(group: int, dtype: str, tmp_path: Path) -> None:
    wanted = cases(group, dtype)
    library = block_shim.compiled([c.source for c in wanted], tmp_path, effort="-O0")
    for k, case in enumerate(wanted):
        (found,) = block_shim.run(library, k, case.source, case.layout, case.arrays, SAMPLES)
        check(case, found, dtype)


@pytest.mark.slow
@pytest.mark.skipif(not nvrtc.is_available(), reason="NVRTC is not installed")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("group", range(6))
@pytest.mark.parametrize("architecture", ["compute_80", "compute_90", "compute_100"])
def test_kernels_become_ptx(architecture: str, group: int, dtype: str) -> None:
    for case in cases(group, dtype):
        code = nvrtc.compile_source(case.source.text, architecture, cache=False)
        assert b".visible .entry ccjac_kernel" in code, case.name


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("group", range(6))
def test_kernels_on_a_device(group: int, dtype: str) -> None:
    jax = pytest.importorskip("jax")
    from ccjac_jax.xla import device

    if (reason := device.obstacle()) is not None:
        pytest.skip(reason)
    assert gpu.obstacle() is None
    for case in cases(group, dtype):
        task = ccjac_zoo.task(case.name)
        jacobian = jax.jit(jax.vmap(ccjac.jacobian(task.vector("jax"), executor="kernel")))
        check(case, np.asarray(jacobian(jax.device_put(case.arrays[0], device.devices()[0]))), dtype)
