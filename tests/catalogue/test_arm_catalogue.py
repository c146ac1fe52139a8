"""Kernels of the whole catalogue for 64-bit Arm, executed.  A bare run takes every tenth function, ``-m slow`` all."""

from __future__ import annotations

from pathlib import Path

import pytest

import arm
import ccjac_zoo
from catalogue_kernels import cases, check
from ccjac.kernels.cpu import library
from ccjac.kernels.cpu.module import write_module

pytest.importorskip("llvmlite")
pytestmark = pytest.mark.skipif(arm.COMPILER is None or arm.EMULATOR is None, reason="no cross compiler or no qemu")

SAMPLES = 37
NAMES = list(ccjac_zoo.tasks())
GROUP = [pytest.param(k, marks=[] if k == 3 else [pytest.mark.slow]) for k in range(10)]


@pytest.mark.parametrize("vector_math", [False, True], ids=["by lane", "vector functions"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("group", GROUP)
def test_kernels_on_arm(
    group: int, dtype: str, vector_math: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Which functions there are is asked of this machine's library, which has other names.
    found = library.address_of
    monkeypatch.setattr(library, "address_of", lambda lib, name: 1 if "_ZGVn" in name else found(lib, name))
    machine = arm.target(vector_math=vector_math)
    wanted = cases(tuple(NAMES[group::10]), dtype, SAMPLES)
    modules = [write_module(case.program, case.layout, machine, fastmath=False) for case in wanted]
    assert vector_math or not any("_ZGVnN" in module.text for module in modules)
    program = arm.linked(modules, tmp_path)
    results = arm.run(program, [case.layout for case in wanted], [case.arrays for case in wanted], SAMPLES)
    for case, (jacobian,) in zip(wanted, results, strict=True):
        check(case, jacobian, dtype)
