"""CUDA kernels of the whole catalogue: compiled for the processor and run there, compiled by NVRTC, run on a device.

A bare run takes every sixth function, ``-m slow`` takes the others.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import block_shim
import ccjac
import ccjac_zoo
from catalogue_kernels import cases, check
from ccjac.kernels.gpu import kernel as gpu
from ccjac.kernels.gpu import nvrtc
from ccjac.kernels.gpu.source import THREADS, write_source

SAMPLES = THREADS + 3
"""A full block and a few samples."""
NAMES = list(ccjac_zoo.tasks())
GROUPS = [tuple(NAMES[k::6]) for k in range(6)]
"""Compiled together, which saves most of the time."""
GROUP = [pytest.param(k, marks=[] if k == 0 else [pytest.mark.slow]) for k in range(6)]


@pytest.mark.skipif(block_shim.COMPILER is None, reason="no C++ compiler")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("group", GROUP)
def test_kernels_on_the_processor(group: int, dtype: str, tmp_path: Path) -> None:
    wanted = cases(GROUPS[group], dtype, SAMPLES)
    sources = [write_source(c.program, c.layout) for c in wanted]
    library = block_shim.compiled(sources, tmp_path, effort="-O0")
    for k, case in enumerate(wanted):
        (found,) = block_shim.run(library, k, sources[k], case.layout, case.arrays, SAMPLES)
        check(case, found, dtype)


@pytest.mark.slow
@pytest.mark.skipif(not nvrtc.is_available(), reason="NVRTC is not installed")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("group", range(6))
@pytest.mark.parametrize("architecture", ["compute_80", "compute_90", "compute_100"])
def test_kernels_become_ptx(architecture: str, group: int, dtype: str) -> None:
    for case in cases(GROUPS[group], dtype, SAMPLES):
        code = nvrtc.compile_source(write_source(case.program, case.layout).text, architecture, cache=False)
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
    for case in cases(GROUPS[group], dtype, SAMPLES):
        task = ccjac_zoo.task(case.name)
        jacobian = jax.jit(jax.vmap(ccjac.jacobian(task.vector("jax"), executor="kernel")))
        check(case, np.asarray(jacobian(jax.device_put(case.arrays[0], device.devices()[0]))), dtype)
