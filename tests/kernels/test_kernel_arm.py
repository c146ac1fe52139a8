"""Library functions and long programs on 64-bit Arm, executed; the catalogue is in ``tests/catalogue``."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import arm
from ccjac.kernels import Layout
from ccjac.kernels.cpu import library
from ccjac.kernels.cpu.library import C_NAME
from ccjac.kernels.cpu.module import is_long, write_module
from ccjac.program import evaluate
from kernel_programs import random_program, several

pytest.importorskip("llvmlite")
pytestmark = pytest.mark.skipif(arm.COMPILER is None or arm.EMULATOR is None, reason="no cross compiler or no qemu")


@pytest.mark.parametrize("vector_math", [False, True], ids=["by lane", "vector functions"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_library_function(
    dtype: str, vector_math: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    found = library.address_of
    monkeypatch.setattr(library, "address_of", lambda lib, name: 1 if "_ZGVn" in name else found(lib, name))
    two = [op for op in C_NAME if op in ("atan2", "nextafter", "pow", "rem")]
    one = [op for op in C_NAME if op not in two and op != "acosh"]
    programs = [several([(op, dtype, None) for op in ops], [dtype] * n) for n, ops in ((1, one), (2, two))]
    programs.append(several([("acosh", dtype, None)], [dtype]))
    samples = 23
    inputs = [rng.uniform(0.05, 0.95, (1, samples)), rng.uniform(0.5, 2, (2, samples)), rng.uniform(1, 9, (1, samples))]
    layouts = [Layout.separate(program) for program in programs]
    machine = arm.target(vector_math=vector_math)
    modules = [write_module(p, layout, machine, fastmath=False) for p, layout in zip(programs, layouts, strict=True)]
    called = {name for m in modules for name in re.findall(r"= call .*@(_ZGVnN\w+)", m.text)}
    assert (len(called) > 10) if vector_math else not called
    arrays = [[row.astype(dtype) for row in x] for x in inputs]
    results = arm.run(arm.linked(modules, tmp_path), layouts, arrays, samples)
    eps = np.finfo(dtype).eps
    for program, given, got in zip(programs, arrays, results, strict=True):
        for node, exact, ours in zip(program.results, evaluate(program, given), got, strict=True):
            np.testing.assert_allclose(ours[:, 0], exact, rtol=6 * eps, err_msg=program.nodes[node].op)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_long_programs_and_few_samples(dtype: str, tmp_path: Path, rng: np.random.Generator) -> None:
    programs = [random_program(5, 7, size, 12, dtype) for size in (60, 3200)]
    layouts = [Layout.rows(program) for program in programs]
    assert [is_long(*pair) for pair in zip(programs, layouts, strict=True)] == [False, True]
    machine = arm.target(vector_math=False)
    modules = [
        write_module(p, layout, machine, fastmath=False, lanes=lanes)
        for lanes in (None, 1)
        for p, layout in zip(programs, layouts, strict=True)
    ]
    binary = arm.linked(modules, tmp_path)
    for samples in (1, 3, 29):
        x = rng.normal(size=(samples, 7)).astype(dtype)
        results = arm.run(binary, layouts * 2, [[x]] * 4, samples)
        for program, (got,) in zip(programs * 2, results, strict=True):
            expected = np.stack([np.broadcast_to(r, samples) for r in evaluate(program, list(x.T))], axis=1)
            np.testing.assert_allclose(got, expected, rtol=2000 * np.finfo(dtype).eps, atol=2000 * np.finfo(dtype).eps)
