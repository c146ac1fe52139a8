"""Gamma functions, the inverse error function and Bessel functions in kernels, against many digits."""

import mpmath as mp
import numpy as np
import pytest

from ccjac.kernels import Layout, compile_kernel, supports
from ccjac.kernels.special import HIGHEST_ORDER, LOWEST, SPECIAL
from ccjac.program import Builder, evaluate
from kernel_programs import several

pytest.importorskip("llvmlite.binding")

DTYPES = ["float32", "float64"]


def program(op, dtype, order=None):
    if order is None:
        return several([(op, dtype, None)], [dtype])
    b = Builder()
    return b.finish([b.emit(op, (b.const(float(order), dtype), b.input(0, dtype)), dtype)], 1)


def run(op, x, order=None):
    built = program(op, x.dtype.name, order)
    return compile_kernel(built, Layout.separate(built)).run([x])[0][:, 0]


def errors(found, exact, x):
    """In units of the type's precision, relative to the exact value or to one, whichever is larger."""
    with mp.workdps(40):
        references = [exact(mp.mpf(float(v))) for v in x]
        eps = float(np.finfo(found.dtype).eps)
        return np.array(
            [float(abs(mp.mpf(float(o)) - e) / max(1, abs(e))) / eps for o, e in zip(found, references, strict=True)]
        )


def lgamma(x):
    return mp.log(abs(mp.gamma(x)))


@pytest.fixture
def positive(rng):
    return np.concatenate([10 ** rng.uniform(-6, 4, 200), rng.uniform(0, 12, 300), rng.uniform(0.9, 2.1, 100)])


@pytest.fixture
def negative(rng):
    return -np.concatenate([rng.uniform(0, 30, 200), 10 ** rng.uniform(-4, 2, 100)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["lgamma", "digamma"])
def test_gamma_functions(op, dtype, positive, negative):
    exact = {"lgamma": lgamma, "digamma": mp.digamma}[op]
    x, y = positive.astype(dtype), negative.astype(dtype)
    assert errors(run(op, x), exact, x).max() < 3
    # The reflection loses what is left of an angle beside an integer.
    assert errors(run(op, y), exact, y).max() < 8


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("op", "zero"), [("lgamma", 1.0), ("lgamma", 2.0), ("digamma", 1.4616321449683623)])
def test_digits_beside_zeros(op, zero, dtype, rng):
    x = (zero * (1 + rng.choice([-1, 1], 200) * 10 ** rng.uniform(-5, -1, 200))).astype(dtype)
    exact = {"lgamma": lgamma, "digamma": mp.digamma}[op]
    with mp.workdps(40):
        references = [exact(mp.mpf(float(v))) for v in x]
        relative = [abs(mp.mpf(float(o)) / e - 1) for o, e in zip(run(op, x), references, strict=True)]
    # Beside 1 and 2 a logarithm and a polynomial cancel to a third; the zero of digamma is known in two parts.
    assert float(max(relative)) < 6 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", [1, 2, 3, 5, HIGHEST_ORDER])
def test_polygamma(order, dtype, positive, negative):
    x = positive[positive > (0.2 if order > 3 else 1e-4)].astype(dtype)
    found = run("polygamma", x, order)
    with mp.workdps(40):
        references = [mp.psi(order, mp.mpf(float(v))) for v in x]
        relative = [
            float(abs(mp.mpf(float(o)) / e - 1)) for o, e in zip(found, references, strict=True) if abs(e) > 1e-30
        ]
    assert max(relative) < 4 * (order + 1) * np.finfo(dtype).eps
    if order == 1:
        # All terms have one sign.
        y = negative.astype(dtype)
        assert errors(run("polygamma", y, order), lambda v: mp.psi(order, v), y).max() < 10


@pytest.mark.parametrize("dtype", DTYPES)
def test_inverse_error_function(dtype, rng):
    ends = 1 - 10 ** rng.uniform(-15 if dtype == "float64" else -6.9, -1, 200)
    x = np.concatenate([rng.uniform(-1, 1, 300), ends, -ends, 10 ** rng.uniform(-9, -1, 50)]).astype(dtype)
    assert errors(run("erf_inv", x), mp.erfinv, x).max() < 3
    tiny = x[np.abs(x) < 0.1]
    np.testing.assert_allclose(run("erf_inv", tiny) / tiny, np.sqrt(np.pi) / 2, rtol=1e-2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", [0, 1])
def test_bessel_functions(order, dtype, rng):
    x = np.concatenate([rng.uniform(-20, 20, 300), 10 ** rng.uniform(-5, 5, 200), 8 + rng.uniform(-1e-3, 1e-3, 20)])
    x = x.astype(dtype)
    found = run(f"bessel_i{order}e", x)
    with mp.workdps(40):
        references = [mp.besseli(order, v) * mp.exp(-abs(v)) for v in map(mp.mpf, x.astype(float))]
        relative = [float(abs(mp.mpf(float(o)) / e - 1)) for o, e in zip(found, references, strict=True)]
    assert max(relative) < 3 * np.finfo(dtype).eps


SPECIAL_VALUES = [0.0, -0.0, 1, -1, 2, -2, -7, np.inf, -np.inf, np.nan, 0.5, -0.5, 1e-30, 1e30, 3, 8, 7.5]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("op", "order"), [*((op, None) for op in sorted(SPECIAL)), ("polygamma", 1), ("polygamma", 2)])
def test_special_values(op, order, dtype):
    x = np.array(SPECIAL_VALUES, dtype)
    found, expected = run(op, x, order), evaluate(program(op, dtype, order), [x])[0]
    np.testing.assert_allclose(found, expected, rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)
    zeros = expected == 0
    if order is None:
        np.testing.assert_array_equal(np.signbit(found[zeros]), np.signbit(expected[zeros]))


def test_orders():
    b = Builder()
    x = b.input(0, "float64")
    assert b.emit("polygamma", (b.const(0.0, "float64"), x), "float64") == b.emit("digamma", (x,), "float64")
    assert "order" in supports(program("polygamma", "float64", HIGHEST_ORDER + 1))
    assert "order" in supports(program("polygamma", "float64", 1.5))
    assert "order" in supports(several([("polygamma", "float64", None)], ["float64", "float64"]))
    # A recurrence of too many steps is not begun.
    far = np.array([2 * LOWEST - 0.5, -1e300, 1.0])
    np.testing.assert_array_equal(np.isnan(run("polygamma", far, 1)), [True, False, False])
    assert run("polygamma", far, 1)[1] == np.inf


@pytest.mark.parametrize("dtype", DTYPES)
def test_many_in_one_program(dtype, rng):
    ops = [*sorted(SPECIAL), "lgamma", "exp", "sin"] * 3
    x = rng.uniform(0.1, 0.9, 40).astype(dtype)
    built = several([(op, dtype, None) for op in ops], [dtype])
    found = compile_kernel(built, Layout.separate(built)).run([x])
    for op, column in zip(ops, found, strict=True):
        expected = evaluate(several([(op, dtype, None)], [dtype]), [x])[0]
        np.testing.assert_allclose(column[:, 0], expected, rtol=30 * np.finfo(dtype).eps, err_msg=op)
