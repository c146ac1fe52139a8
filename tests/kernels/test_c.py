"""The C that is written for scalar programs: compiled with all warnings as errors, and compared with the reference."""

from __future__ import annotations

import ctypes
import itertools
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ccjac.errors import CcjacError
from ccjac.kernels import compile_kernel
from ccjac.kernels.c import RULES, literal, obstacle
from ccjac.kernels.export import CSource, Parameter, distinct, write_c
from ccjac.kernels.layout import Layout, Operand, Result
from ccjac.kernels.special import HIGHEST_ORDER
from ccjac.program import Builder, Program, evaluate
from kernel_programs import random_program, several

COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)]
pytestmark = pytest.mark.skipif(not COMPILERS, reason="no C compiler")
_serial = itertools.count()
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-fPIC", "-shared"]


def compiled(source: CSource, directory: Path, compiler: str = COMPILERS[0] if COMPILERS else "") -> ctypes.CDLL:
    (directory / f"{source.name}.h").write_text(source.header)
    (directory / f"{source.name}.c").write_text(source.source)
    # A loaded library must not be overwritten.
    library = directory / f"{source.name}-{compiler}-{next(_serial)}.so"
    command = [compiler, "-std=c99", *STRICT, f"{source.name}.c", "-lm", "-o", str(library)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def exported(program: Program, layout: Layout, name: str = "f") -> CSource:
    operands = [Parameter(f"x{k}", (len(o.scalars),)) for k, o in enumerate(layout.operands)]
    results = [Parameter(f"y{k}", (len(r.entries),)) for k, r in enumerate(layout.results)]
    return write_c(program, layout, operands, results, name=name)


def run(library: ctypes.CDLL, name: str, layout: Layout, arrays: Sequence[np.ndarray], batch: int) -> list[np.ndarray]:
    results = [np.full((batch, len(r.entries)), 99, r.dtype) for r in layout.results]
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in (*arrays, *results)]
    getattr(library, f"{name}_batch")(ctypes.c_size_t(batch), *pointers)
    return results


def agree(program: Program, arrays: Sequence[np.ndarray], tmp_path: Path, ulp: float = 4) -> None:
    """Separate arrays ``[B]`` of any types: every result as the reference computes it."""
    layout = Layout.separate(program)
    found = run(compiled(exported(program, layout), tmp_path), "f", layout, arrays, arrays[0].size)
    for node, expected, got in zip(program.results, evaluate(program, arrays), found, strict=True):
        expected = np.broadcast_to(expected, got.shape[:1])
        label = program.nodes[node].op
        if expected.dtype.kind == "f":
            eps = np.finfo(expected.dtype).eps
            np.testing.assert_allclose(got[:, 0], expected, rtol=ulp * eps, atol=0, err_msg=label)
            zeros = expected == 0
            assert (np.signbit(got[:, 0][zeros]) == np.signbit(expected[zeros])).all(), label
        else:
            np.testing.assert_array_equal(got[:, 0], expected, err_msg=label)


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.5, 1e-3, 7.25, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floating_point_operations(dtype: str, tmp_path: Path) -> None:
    unary = """neg abs sign square floor ceil sqrt rsqrt logistic acos asin asinh atan atanh cbrt cos cosh erf erfc exp
    exp2 expm1 log log1p sin sinh tan tanh copy""".split()
    values = np.array(SPECIAL, dtype)
    ops = [(op, dtype, None) for op in unary] + [("round", dtype, 0), ("round", dtype, 1), ("is_finite", "bool", None)]
    ops += [
        ("convert_element_type", t, None) for t in ("float32", "float64", "int8", "int32", "int64", "uint16", "bool")
    ]
    ops += [("bitcast_convert_type", kind, None) for kind in (f"uint{dtype[5:]}", f"int{dtype[5:]}", dtype)]
    agree(several(ops, [dtype]), [values], tmp_path)
    x, y = (a.ravel() for a in np.meshgrid(values, values))
    binary = [(op, dtype, None) for op in ("add", "sub", "mul", "div", "pow", "rem", "max", "min", "atan2")]
    binary += [(op, "bool", None) for op in ("eq", "ne", "lt", "le", "gt", "ge")]
    agree(several(binary, [dtype, dtype]), [x, y], tmp_path)
    three = [np.ascontiguousarray(a.ravel()) for a in np.meshgrid(values, values, values)]
    agree(several([("clamp", dtype, None)], [dtype] * 3), three, tmp_path)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint32"])
def test_integers_wrap_around(dtype: str, tmp_path: Path) -> None:
    info = np.iinfo(dtype)
    values = np.array([info.min, info.min + 1, 0, 1, 2, 3, info.max - 1, info.max], dtype)
    unary = [(op, dtype, None) for op in ("neg", "abs", "sign", "square", "not")]
    unary += [("convert_element_type", t, None) for t in ("float32", "float64", "int16", "uint64", "bool")]
    unary += [("bitcast_convert_type", "float32", None)] if dtype.endswith("int32") else []
    agree(several(unary, [dtype]), [values], tmp_path)
    x, y = (a.ravel() for a in np.meshgrid(values, values))
    binary = [(op, dtype, None) for op in ("add", "sub", "mul", "max", "min", "and", "or", "xor")]
    binary += [(op, "bool", None) for op in ("eq", "ne", "lt", "le", "gt", "ge")]
    agree(several(binary, [dtype, dtype]), [x, y], tmp_path)
    three = [np.ascontiguousarray(a.ravel()) for a in np.meshgrid(values, values, values)]
    agree(several([("clamp", dtype, None)], [dtype] * 3), three, tmp_path)


def test_logic_and_selection(tmp_path: Path) -> None:
    p, q = np.array([0, 0, 1, 1], bool), np.array([0, 1, 0, 1], bool)
    ops = [(op, "bool", None) for op in ("and", "or", "xor", "eq", "ne")]
    agree(several(ops, ["bool", "bool"]), [p, q], tmp_path)
    agree(several([("not", "bool", None), ("convert_element_type", "float32", None)], ["bool"]), [p], tmp_path)
    which = np.array([0, 1, 2], np.int32)
    cases = [np.arange(3.0) + 10 * k for k in range(3)]
    agree(several([("select_n", "float64", None)], ["int32"] + ["float64"] * 3), [which, *cases], tmp_path)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_random_programs_and_layouts(compiler: str, dtype: str, tmp_path: Path, rng: np.random.Generator) -> None:
    program = random_program(3, 6, 400, 9, dtype)
    operands = (Operand((4, 0, 2), dtype), Operand((1, 5), dtype), Operand((3,), dtype))
    layout = Layout(operands, (Result((2, -1, 0, 2), dtype), Result((1, 3, 4, 5, 6, 7, 8, -1), dtype)))
    scalars = rng.normal(size=(6, 5)).astype(dtype)
    arrays = [np.ascontiguousarray(scalars[list(o.scalars)].T) for o in operands]
    found = run(compiled(exported(program, layout), tmp_path, compiler), "f", layout, arrays, 5)
    reference = [np.broadcast_to(r, 5) for r in evaluate(program, scalars)]
    for result, got in zip(layout.results, found, strict=True):
        for k, position in enumerate(result.entries):
            expected = np.zeros(5) if position < 0 else reference[position]
            np.testing.assert_allclose(got[:, k], expected, rtol=200 * np.finfo(dtype).eps, atol=1e-6)


def test_constants_are_exact(tmp_path: Path) -> None:
    b = Builder()
    x = b.input(0, "float64")
    numbers = [0.1, -1 / 3, 1e-310, 1e308, np.inf, -np.inf, np.nan, -0.0]
    program = b.finish([*(b.const(v, "float64") for v in numbers), x], 1)
    agree(program, [np.array([2.0])], tmp_path, ulp=0)
    assert literal(np.iinfo(np.int64).min, "int64") == "(-9223372036854775807ll - 1)"
    assert float.fromhex(literal(0.1, "float32").removesuffix("f")) == float(np.float32(0.1))


def test_the_header_serves_cpp(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    program = random_program(1, 3, 20, 2)
    source = exported(program, Layout.separate(program))
    (tmp_path / "f.h").write_text(source.header)
    (tmp_path / "use.cpp").write_text('#include "f.h"\nvoid use(void) { (void)f_batch; }\n')
    done = subprocess.run(["g++", "-Wall", "-Werror", "-c", "use.cpp"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_functions_are_those_of_the_kernels(dtype: str, tmp_path: Path, rng: np.random.Generator) -> None:
    pytest.importorskip("llvmlite.binding")
    far = np.array([0.0, -0.0, -1.0, -2.0, np.inf, -np.inf, np.nan, 1e-30, 1e30, 1.0, 8.0, -0.5, 0.5, 0.999])
    x = np.concatenate([far, rng.uniform(-12, 12, 200), rng.uniform(-1, 1, 100), 10 ** rng.uniform(-8, 4, 100)])
    x = x.astype(dtype)
    b = Builder()
    argument = b.input(0, dtype)
    results = [b.emit(op, (argument,), dtype) for op in ("digamma", "erf_inv", "bessel_i0e", "bessel_i1e")]
    results += [b.emit("polygamma", (b.const(float(k), dtype), argument), dtype) for k in range(1, HIGHEST_ORDER + 1)]
    program = b.finish(results, 1)
    layout = Layout.separate(program)
    found = run(compiled(exported(program, layout), tmp_path), "f", layout, [x], x.size)
    eps = np.finfo(dtype).eps
    for got, expected in zip(found, compile_kernel(program, layout).run([x]), strict=True):
        # Beside a root what is left of an angle differs by its rounding.
        np.testing.assert_allclose(got, expected, rtol=40 * eps, atol=40 * eps)


def test_names_become_identifiers() -> None:
    assert distinct(["x", "x", "for", "v1", "a.b[0]", "3d", "é"]) == [
        "x",
        "x_1",
        "for_1",
        "v1_1",
        "a_b_0",
        "x3d",
        "x_2",
    ]


def test_what_c_lacks_is_said() -> None:
    program = several([("igamma", "float64", None)], ["float64", "float64"])
    assert "igamma" not in RULES
    assert obstacle(program) == "the operation igamma"
    with pytest.raises(CcjacError, match="cannot be written in C: the operation igamma"):
        exported(program, Layout.separate(program))
    with pytest.raises(CcjacError, match="identifier of C"):
        exported(random_program(1, 2, 3, 1), Layout.separate(random_program(1, 2, 3, 1)), name="two words")
