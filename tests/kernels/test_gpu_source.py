"""Source for graphics processors, compiled as C++ through a shim that runs blocks of threads on the processor."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import block_shim
from ccjac.kernels.cpu import segments
from ccjac.kernels.gpu import source
from ccjac.kernels.gpu.source import write_source
from ccjac.kernels.layout import Layout, Operand, Result
from ccjac.program import Builder, Node, Program, evaluate
from kernel_programs import random_program, several

pytestmark = pytest.mark.skipif(block_shim.COMPILER is None, reason="no C++ compiler")

_serial = itertools.count()


def run(
    program: Program, layout: Layout, arrays: Sequence[np.ndarray], samples: int, directory: Path, threads: int
) -> list[np.ndarray]:
    written = write_source(program, layout, threads=threads)
    library = block_shim.compiled([written], directory, f"kernel{next(_serial)}")
    return block_shim.run(library, 0, written, layout, arrays, samples)


def assert_evaluates(
    program: Program,
    layout: Layout,
    scalars: np.ndarray,
    found: Sequence[np.ndarray],
    *,
    ulps: float,
    atol: float,
) -> None:
    reference = [np.broadcast_to(r, scalars.shape[1]) for r in evaluate(program, scalars)]
    rtol = ulps * np.finfo(scalars.dtype).eps
    for result, got in zip(layout.results, found, strict=True):
        for k, position in enumerate(result.entries):
            expected = np.zeros(scalars.shape[1]) if position < 0 else reference[position]
            np.testing.assert_allclose(got[:, k], expected, rtol=rtol, atol=atol)


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
    assert_evaluates(program, layout, scalars, found, ulps=200, atol=1e-6)


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


def test_functions_that_are_called_often_are_compiled_once(tmp_path: Path, rng: np.random.Generator) -> None:
    b = Builder()
    x = value = b.input(0, "float64")
    for k in range(30):
        value = b.emit(("sin", "exp", "logistic", "tanh")[k % 4], (b.emit("mul", (value, x), "float64"),), "float64")
    power = b.emit("pow", (b.emit("abs", (value,), "float64"), x), "float64")
    program, layout = b.finish([value, power], 1), Layout((Operand((0,), "float64"),), (Result((0, 1), "float64"),))
    text = write_source(program, layout).text
    assert text.count("return sin(x0)") == text.count("return exp(x0)") == text.count("return pow(x0, x1)") == 1
    few = b.finish([b.emit("sin", (x,), "float64")], 1)
    assert "noinline" not in write_source(few, Layout.rows(few)).text
    samples = rng.uniform(0.1, 1, size=(5, 1))
    (found,) = run(program, layout, [samples], 5, tmp_path, threads=8)
    np.testing.assert_allclose(found.T, evaluate(program, [samples[:, 0]]), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_long_programs_are_cut(
    dtype: str, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = random_program(7, 5, 500, 9, dtype)
    nodes = list(program.nodes)
    # A number, an input and a whole number among the results, the latter from another type.
    nodes += [Node("const", (), dtype, 2.5), Node("convert_element_type", (program.results[0],), "int32", None)]
    number = len(nodes)
    results = (*program.results, number - 2, 0, number - 1, program.results[3])
    program = Program(tuple(nodes), program.n_inputs, results)
    last = Result((12, 11, -1, 9, 12), dtype)
    layout = Layout(
        (Operand((3, 0, 2), dtype), Operand((1,), dtype), Operand((4,), dtype, False)),
        (Result(tuple(range(11)), dtype), last),
    )
    monkeypatch.setattr(source, "DEVICE_OPERATIONS", 100)
    monkeypatch.setattr(segments, "SEGMENT_OPERATIONS", 60)
    assert write_source(program, layout).text.count("void ccjac_segment_") > 5
    samples = 11
    x = rng.normal(size=(5, samples)).astype(dtype)
    x[4] = x[4, 0]
    arrays = [np.ascontiguousarray(x[[3, 0, 2]].T), x[1].copy(), x[4, :1].copy()]
    found = run(program, layout, arrays, samples, tmp_path, threads=8)
    assert_evaluates(program, layout, x, found, ulps=500, atol=1e-5)
