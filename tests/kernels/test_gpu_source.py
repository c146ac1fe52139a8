"""Source for graphics processors, compiled as C++ through a shim that runs blocks of threads on the processor."""

from __future__ import annotations

import ctypes
import itertools
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ccjac.kernels.gpu.source import ENTRY, write_source
from ccjac.kernels.layout import Layout, Operand, Result
from ccjac.program import Program, evaluate
from kernel_programs import random_program, several

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")

SHIM = r"""
#include <cmath>
#include <cstring>
#include <barrier>
#include <thread>
#include <vector>
struct Index { int x; };
static thread_local Index threadIdx, blockIdx;
static std::barrier<> *meeting;
static void __syncthreads() { meeting->arrive_and_wait(); }
static float __int_as_float(unsigned x) { float y; std::memcpy(&y, &x, 4); return y; }
static double __longlong_as_double(unsigned long long x) { double y; std::memcpy(&y, &x, 8); return y; }
#define __global__
#define __device__
#define __shared__ static
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(n)
#define __restrict__
using std::signbit;
"""

_serial = itertools.count()


def run(program: Program, layout: Layout, arrays: Sequence[np.ndarray], samples: int, directory: Path, threads: int):
    source = write_source(program, layout, threads=threads)
    types = [o.dtype for o in layout.operands] + [r.dtype for r in layout.results]
    names = {"float32": "float", "float64": "double", "int32": "int", "bool": "unsigned char"}
    arguments = ", ".join(f"({names[t]} *)p[{k}]" for k, t in enumerate(types))
    driver = f"""
extern "C" void launch(void **p, long long samples, int blocks) {{
  for (int b = 0; b < blocks; ++b) {{
    std::barrier<> here({threads}); meeting = &here;
    std::vector<std::thread> all;
    for (int t = 0; t < {threads}; ++t)
      all.emplace_back([=] {{ threadIdx.x = t; blockIdx.x = b; {ENTRY}({arguments}, samples); }});
    for (auto &one : all) one.join();
  }}
}}"""
    stem = f"kernel{next(_serial)}"
    (directory / f"{stem}.cpp").write_text(SHIM + source.text + driver)
    command = ["g++", "-std=c++20", "-O1", "-pthread", "-Wall", "-fPIC", "-shared", f"{stem}.cpp", "-o", f"{stem}.so"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:2000]
    library = ctypes.CDLL(str(directory / f"{stem}.so"))
    results = [np.full((samples, len(r.entries)), 77, r.dtype) for r in layout.results]
    pointers = (ctypes.c_void_p * len(types))(*(a.ctypes.data for a in (*arrays, *results)))
    library.launch(pointers, ctypes.c_longlong(samples), source.blocks(samples))
    return results


@pytest.mark.parametrize("samples", [1, 7, 8, 21])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_of_samples(dtype: str, samples: int, tmp_path: Path, rng: np.random.Generator) -> None:
    program = random_program(5, 7, 150, 12, dtype)
    operands = (Operand((4, 0, 2), dtype), Operand((1, 5), dtype), Operand((3,), dtype), Operand((6,), dtype, False))
    layout = Layout(operands, (Result((2, -1, 0, 2), dtype), Result((1,), dtype), Result(tuple(range(3, 12)), dtype)))
    scalars = rng.normal(size=(7, samples)).astype(dtype)
    scalars[6] = 0.75
    arrays = [np.ascontiguousarray(scalars[list(o.scalars)].T) for o in operands[:3]] + [scalars[6, :1].copy()]
    found = run(program, layout, arrays, samples, tmp_path, threads=8)
    reference = [np.broadcast_to(r, samples) for r in evaluate(program, scalars)]
    for result, got in zip(layout.results, found, strict=True):
        for k, position in enumerate(result.entries):
            expected = np.zeros(samples) if position < 0 else reference[position]
            np.testing.assert_allclose(got[:, k], expected, rtol=200 * np.finfo(dtype).eps, atol=1e-6)


def test_rows_wider_than_shared_memory(tmp_path: Path, rng: np.random.Generator) -> None:
    width = 3000
    program = random_program(2, width, 400, 40, "float64")
    layout = Layout((Operand(tuple(range(width)), "float64"),), (Result((*range(40), *[-1] * width), "float64"),))
    scalars = rng.normal(size=(width, 5))
    (found,) = run(program, layout, [np.ascontiguousarray(scalars.T)], 5, tmp_path, threads=8)
    for k, expected in enumerate(evaluate(program, scalars)):
        np.testing.assert_allclose(found[:, k], np.broadcast_to(expected, 5), rtol=1e-12, atol=1e-12)
    assert not found[:, 40:].any()


def test_special_values(tmp_path: Path) -> None:
    x, y = (a.ravel() for a in np.meshgrid(*[np.array([0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, np.nan])] * 2))
    ops = [("max", "float64", None), ("min", "float64", None), ("div", "float64", None), ("lt", "bool", None)]
    ops += [("rem", "float64", None), ("atan2", "float64", None)]
    program = several(ops, ["float64", "float64"])
    layout = Layout.separate(program)
    found = run(program, layout, [x, y], x.size, tmp_path, threads=16)
    for got, expected in zip(found, evaluate(program, [x, y]), strict=True):
        np.testing.assert_array_equal(got[:, 0], expected)
