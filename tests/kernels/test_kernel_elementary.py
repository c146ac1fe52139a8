"""Functions that kernels compute by polynomials, against many digits."""

import mpmath as mp
import numpy as np
import pytest

from ccjac.kernels import Layout, compile_kernel
from ccjac.kernels.cpu import module
from ccjac.kernels.cpu.target import Target
from ccjac.kernels.polynomials import ANGLE_LIMIT, ELEMENTARY, ERFC_SHIFT, NUMBERS, SMALL_TANH
from ccjac.program import Builder
from kernel_programs import several

pytest.importorskip("llvmlite.binding")

DTYPES = ["float32", "float64"]
BITS = {"float32": 24, "float64": 53}
DIGITS = 50


def errors(op: str, x: np.ndarray) -> np.ndarray:
    """In units of the last place of the exact value."""
    dtype = x.dtype.name
    program = several([(op, dtype, None)], [dtype])
    ours = compile_kernel(program, Layout.separate(program)).run([x])[0][:, 0]
    with mp.workdps(DIGITS):
        exact = [getattr(mp, op)(mp.mpf(float(v))) for v in x]
        steps = np.spacing(np.abs(np.array([float(e) for e in exact], dtype)))
        return np.array([float(abs(float(o) - e) / float(s)) for o, e, s in zip(ours, exact, steps, strict=True)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", sorted(ELEMENTARY))
def test_rounding_errors(op, dtype, rng):
    ordinary = {
        "erf": rng.uniform(-4, 4, 400),
        "exp": rng.uniform(-80, 80, 400),
        "log": np.concatenate([np.exp(rng.uniform(-80, 80, 200)), rng.uniform(0.6, 1.5, 200)]),
        "tanh": rng.uniform(-9, 9, 400),
    }.get(op, rng.uniform(-30, 30, 400))
    edges = {"tanh": SMALL_TANH, "erf": 1.0, "log": np.sqrt(0.5), "exp": np.log(2) / 2}.get(op, np.pi / 4)
    near = edges * (1 + np.arange(-8, 9) * np.finfo(dtype).eps)
    # Arguments that nearly vanish, where an error of the result is not hidden by a constant.
    tiny = rng.uniform(0.5, 1, 40) * 10.0 ** -rng.uniform(0, 30, 40)
    x = np.concatenate([ordinary, near, tiny, 1 + tiny]).astype(dtype)
    assert errors(op, x).max() < (3 if op == "tan" else 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["cos", "sin", "tan"])
def test_angles_near_zeros_and_poles(op, dtype, rng):
    # The nearest numbers to multiples of pi/2: the reduction cancels all leading digits.
    limit = ANGLE_LIMIT[dtype]
    turns = np.concatenate([np.arange(1, 60), rng.integers(60, int(limit / 1.6), 200)]).astype(float)
    with mp.workdps(DIGITS):
        x = np.array([float(mp.pi / 2 * int(k)) for k in turns]).astype(dtype)
    assert (np.abs(x) < limit).all()
    assert errors(op, np.concatenate([x, -x])).max() < (3 if op == "tan" else 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", [0, 3, 12])
@pytest.mark.parametrize("inline", [0, 9])
def test_one_large_angle_among_small_ones(dtype, place, inline, monkeypatch, rng):
    # Its neighbours in the vector, and values computed before and after, stay right.
    monkeypatch.setattr(module, "INLINE_FUNCTIONS", inline)
    b = Builder()
    a, c = b.input(0, dtype), b.input(1, dtype)
    both = b.emit("mul", (a, c), dtype)
    sine, cosine = b.emit("sin", (a,), dtype), b.emit("cos", (c,), dtype)
    product = b.emit("mul", (sine, cosine), dtype)
    program = b.finish([both, sine, cosine, b.emit("add", (product, both), dtype)], 2)
    x, y = rng.uniform(-3, 3, (2, 16)).astype(dtype)
    kernel = compile_kernel(program, Layout.separate(program))
    for large in (ANGLE_LIMIT[dtype], -1e10, 1e30, np.inf, np.nan):
        x[place] = large
        with np.errstate(all="ignore"):
            s, t, p = np.sin(x.astype("float64")), np.cos(y.astype("float64")), x.astype("float64") * y
        for ours, exact in zip(kernel.run([x, y]), (p, s, t, s * t + p), strict=True):
            np.testing.assert_allclose(ours[:, 0], exact, rtol=40 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_written_in_place_or_as_functions_the_numbers_are_the_same(dtype, monkeypatch, rng):
    ops = [*sorted(ELEMENTARY), "logistic"] * 5
    program = several([(op, dtype, None) for op in ops], [dtype])
    x = rng.uniform(0.1, 4, 37).astype(dtype)
    results = []
    for inline in (0, len(ops)):
        monkeypatch.setattr(module, "INLINE_FUNCTIONS", inline)
        text = module.write_module(program, Layout.separate(program), Target.host(), fastmath=False).text
        assert ("@polynomial." in text) == (inline == 0 and Target.host().fused)
        results.append(compile_kernel(program, Layout.separate(program)).run([x]))
    np.testing.assert_array_equal(*results)


def test_a_function_within_an_operation_counts(monkeypatch):
    # Many logistic functions are many exponentials.
    monkeypatch.setattr(module, "INLINE_FUNCTIONS", 4)
    program = several([("logistic", "float32", None)] * 5, ["float32"])
    text = module.write_module(program, Layout.separate(program), Target.host(), fastmath=False).text
    assert ("@polynomial.exp" in text) == Target.host().fused


def polynomial(coefficients: tuple[float, ...], x: mp.mpf) -> mp.mpf:
    return mp.polyval([mp.mpf(c) for c in reversed(coefficients)], x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["cos", "erf", "erfc", "exp", "log", "sin", "tanh"])
def test_coefficients_are_those_of_the_functions(name, dtype):
    n = NUMBERS[dtype]
    quarter, root = mp.pi / 4, (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)
    approximation, exact, low, high = {
        "sin": (lambda x: x + x**3 * polynomial(n.sin, x**2), mp.sin, 0, quarter),
        "cos": (lambda x: 1 - x**2 / 2 + x**4 * polynomial(n.cos, x**2), mp.cos, 0, quarter),
        "exp": (lambda x: 1 + x + x**2 * polynomial(n.exp, x), mp.exp, -mp.log(2) / 2, mp.log(2) / 2),
        "log": (lambda s: 2 * s + s**3 * polynomial(n.log, s**2), lambda s: 2 * mp.atanh(s), 0, root),
        "tanh": (lambda x: x + x**3 * polynomial(n.tanh, x**2), mp.tanh, 0, SMALL_TANH),
        "erf": (lambda x: x + x * polynomial(n.erf, x**2), mp.erf, 0, 1),
        "erfc": (
            lambda x: 1 - mp.exp(-(x**2)) * polynomial(n.erfc, 1 / (x + ERFC_SHIFT)), mp.erf, 1, n.erf_range
        ),
    }[name]  # fmt: skip
    with mp.workdps(DIGITS):
        points = [low + (high - low) * mp.mpf(k) / 300 for k in range(1, 301)]
        worst = max(abs(approximation(x) / exact(x) - 1) for x in points)
        assert worst < mp.mpf(2) ** -(BITS[dtype] + 2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_constants_in_parts_add_up(dtype):
    n = NUMBERS[dtype]
    with mp.workdps(80):
        assert abs(sum(map(mp.mpf, n.half_pi)) + mp.pi / 2) < mp.mpf(2) ** -(3 * BITS[dtype] - 4)
        assert abs(sum(map(mp.mpf, n.ln2)) - mp.log(2)) < mp.mpf(2) ** -(2 * BITS[dtype])
