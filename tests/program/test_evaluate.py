"""The numpy meaning of every operation, against JAX itself."""

import functools
import itertools

import numpy as np
import pytest

from ccjac.errors import UnsupportedError
from ccjac.program import Builder, evaluate

jax = pytest.importorskip("jax")
pytest.importorskip("jax.extend.core")
lax = jax.lax

UNARY = [
    "abs",
    "neg",
    "sign",
    "square",
    "floor",
    "ceil",
    "sqrt",
    "rsqrt",
    "cbrt",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "logistic",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "erf",
    "erfc",
    "erf_inv",
    "lgamma",
    "digamma",
    "bessel_i0e",
    "bessel_i1e",
    "is_finite",
]
BINARY = [
    "add",
    "sub",
    "mul",
    "div",
    "rem",
    "pow",
    "max",
    "min",
    "atan2",
    "nextafter",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
]
INTEGER = [
    "add",
    "sub",
    "mul",
    "div",
    "rem",
    "max",
    "min",
    "and",
    "or",
    "xor",
    "shift_left",
    "shift_right_logical",
    "shift_right_arithmetic",
]
TOLERANCE = {"float32": 3e-6, "float64": 1e-13}
# XLA's float32 polynomials for these are a little coarser.
COARSE = {
    "digamma": 5e-6,
    "lgamma": 2e-5,
    "erfc": 1e-5,
    "acos": 5e-6,
    "erf_inv": 5e-6,
    "atanh": 1e-5,
    "sinh": 1e-5,
    "cosh": 1e-5,
}


def special(dtype: str) -> np.ndarray:
    rng = np.random.default_rng(1)
    fixed = [
        0.0,
        -0.0,
        1,
        -1,
        np.inf,
        -np.inf,
        np.nan,
        0.5,
        -0.5,
        1.5,
        2.5,
        -2.5,
        2,
        -2,
        3,
        60.3,
        -104.0,
        1e15,
        0.99,
        -0.99,
        1e-8,
    ]
    return np.concatenate([fixed, rng.uniform(-1, 1, 30), rng.uniform(-9, 9, 30)]).astype(dtype)


def run(op: str, args: list[np.ndarray], dtype: str, param: object = None) -> np.ndarray:
    b = Builder()
    places = [b.input(k, a.dtype.name) for k, a in enumerate(args)]
    # straight to the nodes: the builder would simplify some operations away
    out = b._intern(b.nodes[0]._replace(op=op, args=tuple(places), dtype=dtype, param=param))
    return evaluate(b.finish([out], len(args)), args)[0]


def assert_same(ours: np.ndarray, theirs: np.ndarray, rtol: float) -> None:
    assert ours.dtype == theirs.dtype
    if ours.dtype.kind != "f":
        np.testing.assert_array_equal(ours, theirs)
        return
    tiny = np.finfo(ours.dtype).tiny
    # XLA on the CPU flushes subnormals.
    ours, theirs = (np.where(np.abs(v) < tiny, np.copysign(0, v), v) for v in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=0 if rtol == 0 else rtol / 10)
    zero = (ours == 0) & (theirs == 0)
    np.testing.assert_array_equal(np.signbit(ours[zero]), np.signbit(theirs[zero]))


@functools.cache
def all_unary(dtype: str) -> dict[str, np.ndarray]:
    """Every function in one compilation: compiling is what takes time here."""
    with jax.enable_x64(True):
        results = jax.jit(lambda x: {op: getattr(lax, op)(x) for op in UNARY})(special(dtype))
    return {op: np.asarray(v) for op, v in results.items()}


@functools.cache
def all_binary(dtype: str) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    v = special(dtype)[:40]
    x, y = (a.ravel() for a in np.meshgrid(v, v))
    with jax.enable_x64(True):
        results = jax.jit(lambda x, y: {op: getattr(lax, op)(x, y) for op in BINARY})(x, y)
    return x, y, {op: np.asarray(v) for op, v in results.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", UNARY)
def test_unary_operations_are_those_of_jax(op, dtype):
    x, theirs = special(dtype), all_unary(dtype)[op]
    if op == "digamma":
        # At its pole in zero releases of JAX differ.
        x, theirs = x[x != 0], theirs[x != 0]
    assert_same(
        run(op, [x], theirs.dtype.name), theirs, max(TOLERANCE[dtype], COARSE.get(op, 0) if dtype == "float32" else 0)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", BINARY)
def test_binary_operations_are_those_of_jax(op, dtype):
    x, y, results = all_binary(dtype)
    assert_same(run(op, [x, y], results[op].dtype.name), results[op], TOLERANCE[dtype])


@pytest.mark.parametrize("op", INTEGER)
def test_integer_operations_are_those_of_jax(op):
    v = np.array(
        [0, 1, -1, 2, 3, -3, 7, -7, 31, 32, 40, 100, np.iinfo(np.int32).max, np.iinfo(np.int32).min + 1], np.int32
    )
    x, y = (a.ravel() for a in np.meshgrid(v, v))
    theirs = np.asarray(getattr(lax, f"bitwise_{op}" if op in ("and", "or", "xor") else op)(x, y))
    assert_same(run(op, [x, y], "int32"), theirs, 0)


@pytest.mark.parametrize("op", ["population_count", "clz", "abs", "sign", "neg", "not"])
def test_integer_functions_are_those_of_jax(op):
    x = np.array([0, 1, -1, 2, 3, -3, 1 << 20, np.iinfo(np.int32).max], np.int32)
    assert_same(run(op, [x], "int32"), np.asarray(getattr(lax, "bitwise_not" if op == "not" else op)(x)), 0)


@pytest.mark.parametrize("method", [0, 1])
def test_rounding_takes_jax_s_method(method):
    x = np.array([0.5, -0.5, 1.5, 2.5, -2.5, 0.49999997, -0.0, 1e9, np.nan, np.inf], np.float32)
    assert_same(run("round", [x], "float32", method), np.asarray(lax.round(x, lax.RoundingMethod(method))), 0)


def test_clamp_orders_its_bounds_as_jax():
    v = np.array([0.0, -0.0, 1, -1, np.inf, np.nan, 3], np.float32)
    low, x, high = np.array(list(itertools.product(v, v, v)), np.float32).T
    assert_same(run("clamp", [low, x, high], "float32"), np.asarray(lax.clamp(low, x, high)), 0)


@pytest.mark.parametrize("which", [np.array([True, False, True]), np.array([0, 2, 1], np.int32)])
def test_select_takes_booleans_and_integers(which):
    n = 2 if which.dtype == bool else 3
    cases = [np.arange(3, dtype=np.float32) + 10 * k for k in range(n)]
    assert_same(run("select_n", [which, *cases], "float32"), np.asarray(lax.select_n(which, *cases)), 0)


@pytest.mark.parametrize("target", ["int32", "uint32", "int64", "bool", "float32", "float16"])
def test_conversions_saturate(target):
    x = np.array([0, -0.0, 1.9, -1.9, 1e10, -1e10, 1e30, np.inf, -np.inf, np.nan, 0.5], np.float64)
    with jax.enable_x64(True):
        # Of an array of JAX: one of numpy's may be converted by numpy.
        theirs = np.asarray(lax.convert_element_type(jax.numpy.asarray(x), target))
    assert_same(run("convert_element_type", [x], target), theirs, 0)


@pytest.mark.parametrize(("source", "target"), [("float32", "uint32"), ("float64", "int64"), ("int32", "float32")])
def test_bits_of_another_type(source, target):
    x = np.array([0, 1, -2.5, 1e3, -0.0]).astype(source)
    with jax.enable_x64(True):
        theirs = np.asarray(lax.bitcast_convert_type(x, target))
    np.testing.assert_array_equal(run("bitcast_convert_type", [x], target).view("u1"), theirs.view("u1"))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 7, -1, -2, -5])
def test_integer_powers(exponent):
    x = special("float32")
    assert_same(run("integer_pow", [x], "float32", exponent), np.asarray(lax.integer_pow(x, exponent)), 1e-6)


def test_an_unknown_operation_is_an_error():
    with pytest.raises(UnsupportedError, match="frobnicate"):
        run("frobnicate", [np.float32([1])], "float32")
