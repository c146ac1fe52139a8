"""Every operation of a kernel against its numpy meaning, on special and ordinary values, per instruction set."""

import numpy as np
import pytest

from ccjac.kernels import Layout, Operand, Result, compile_kernel, supports
from ccjac.kernels.cpu.target import Target
from ccjac.kernels.operations import RULES
from ccjac.kernels.special import SPECIAL
from ccjac.program import evaluate
from kernel_programs import several, single

pytest.importorskip("llvmlite")

FLOAT_UNARY = """abs acos acosh asin asinh atan atanh cbrt ceil copy cos cosh erf erfc exp exp2 expm1 floor log log1p
logistic neg rsqrt sign sin sinh sqrt square tan tanh""".split()
FLOAT_BINARY = ["add", "sub", "mul", "div", "rem", "pow", "max", "min", "atan2", "nextafter"]
COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"]
INTEGER_BINARY = ["add", "sub", "mul", "div", "rem", "max", "min", "and", "or", "xor"]
INTEGER_BINARY += ["shift_left", "shift_right_logical", "shift_right_arithmetic"]

MACHINES = {
    "host": {},
    "no vector library": {"CCJAC_KERNEL_VECTOR_MATH": "0"},
    "baseline": {"CCJAC_KERNEL_CPU": "x86-64"},
    "baseline, no vector library": {"CCJAC_KERNEL_CPU": "x86-64", "CCJAC_KERNEL_VECTOR_MATH": "0"},
}


@pytest.fixture(params=MACHINES, scope="module")
def target(request):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in MACHINES[request.param].items():
            patch.setenv(name, value)
        found = Target.host()
    if "baseline" in request.param and not found.x86:
        pytest.skip("the baseline is that of x86-64")
    return found


def special(dtype: str) -> np.ndarray:
    info = np.finfo(dtype)
    tiny, largest, eps = float(info.tiny), float(info.max), float(info.eps)
    some = [
        0,
        1,
        np.inf,
        np.nan,
        tiny,
        tiny / 2,
        float(info.smallest_subnormal),
        largest,
        0.5,
        1.5,
        2.5,
        2,
        3,
        1e-5,
        10,
        27,
    ]
    some += [88, 89, 104, 709, 745, 1e4, 1e10, 1e15, 1e30, np.pi, np.pi / 2, 1 + eps, 1 - eps / 2]
    return np.array(some + [-v for v in some], dtype)


def columns(program, arrays, target, lanes=None):
    """Run a program on separate arrays; every result an array of its own."""
    kernel = compile_kernel(program, Layout.separate(program), target=target)
    return [r[:, 0] for r in kernel.run(arrays)]


def assert_close(ours: np.ndarray, exact: np.ndarray, dtype: str, op: str, ulps: float) -> None:
    """NaN where NaN, equal infinities and signed zeros, else within ``ulps`` of the better number ``exact``."""
    assert ours.dtype == dtype
    with np.errstate(all="ignore"):
        rounded = exact.astype(dtype)
        step = np.spacing(np.abs(rounded)).astype(exact.dtype)
        distance = np.abs(ours.astype(exact.dtype) - exact) / step
    same = (ours == rounded) & (np.signbit(ours) == np.signbit(rounded)) | np.isnan(ours) & np.isnan(rounded)
    # A zero of the wrong sign, or a zero instead of the smallest number, is no rounding error.
    near = np.isfinite(ours) & np.isfinite(rounded) & (distance <= ulps) & (np.signbit(ours) == np.signbit(rounded))
    wrong = ~(same | near)
    assert not wrong.any(), f"{op}: {ours[wrong][:5]} instead of {rounded[wrong][:5]}"


# Exact up to rounding; vector math libraries promise 4 units in the last place.
EXACT = frozenset("abs ceil copy floor neg sign sqrt square add sub mul div rem max min nextafter".split())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_one_number(target, dtype, rng):
    x = np.concatenate([special(dtype), rng.uniform(-1, 1, 300), rng.normal(0, 20, 300)]).astype(dtype)
    x = np.concatenate([x, np.exp(rng.uniform(-80, 80, 100)).astype(dtype)])
    results = columns(several([(op, dtype, None) for op in FLOAT_UNARY], [dtype]), [x], target)
    for op, ours in zip(FLOAT_UNARY, results, strict=True):
        # What is made of several operations overflows where they do.
        wide = dtype if op in ("logistic", "rsqrt", "square") else "float64"
        exact = evaluate(single(op, [wide], wide), [x.astype(wide)])[0]
        # The oracle itself errs in float64, by one unit or two.
        assert_close(ours, exact, dtype, op, 0.51 if op in EXACT else 6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exponentials_where_they_vanish_and_overflow(target, dtype, rng):
    edges = np.array(
        {"float32": [-104, -103.9720764, 88.7228394], "float64": [-746, -745.1332191, 709.782712893384]}[dtype]
    )
    edges = edges.astype(dtype)
    steps = np.spacing(edges) * np.arange(-4, 5, dtype=dtype)[:, None]
    x = np.concatenate([(edges + steps).ravel(), rng.uniform(edges[0] - 5, edges[2] + 5, 500).astype(dtype)])
    exact = evaluate(single("exp", ["float64"], "float64"), [x.astype("float64")])[0]
    assert_close(columns(single("exp", [dtype], dtype), [x], target)[0], exact, dtype, "exp", 6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_two_numbers(target, dtype, rng):
    x, y = (a.ravel() for a in np.meshgrid(special(dtype), special(dtype)))
    x = np.concatenate([x, rng.uniform(0.1, 9, 300)]).astype(dtype)
    y = np.concatenate([y, rng.uniform(-9, 9, 300)]).astype(dtype)
    results = columns(several([(op, dtype, None) for op in FLOAT_BINARY], [dtype, dtype]), [x, y], target)
    for op, ours in zip(FLOAT_BINARY, results, strict=True):
        exact = evaluate(single(op, [dtype, dtype], dtype), [x, y])[0]
        assert_close(ours, exact, dtype, op, 0 if op in EXACT else 6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predicates(target, dtype):
    x, y = (a.ravel() for a in np.meshgrid(special(dtype), special(dtype)))
    program = several([(op, "bool", None) for op in COMPARISONS], [dtype, dtype])
    for op, ours in zip(COMPARISONS, columns(program, [x, y], target), strict=True):
        np.testing.assert_array_equal(ours, evaluate(single(op, [dtype, dtype], "bool"), [x, y])[0], err_msg=op)
    finite = columns(single("is_finite", [dtype], "bool"), [x], target)[0]
    np.testing.assert_array_equal(finite, np.isfinite(x))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32"])
def test_integers(target, dtype):
    edge = np.iinfo(dtype)
    v = np.array([0, 1, 2, 3, 7, 100, edge.max, edge.min, edge.max - 5], dtype)
    x, y = (a.ravel() for a in np.meshgrid(v, v))
    ops = [(op, dtype, None) for op in INTEGER_BINARY] + [(op, "bool", None) for op in COMPARISONS]
    for (op, result, _), ours in zip(ops, columns(several(ops, [dtype, dtype]), [x, y], target), strict=True):
        np.testing.assert_array_equal(ours, evaluate(single(op, [dtype, dtype], result), [x, y])[0], err_msg=op)
    ops = [(op, dtype, None) for op in ("neg", "abs", "sign", "not", "square")] + [("integer_pow", dtype, 5)]
    for (op, _, param), ours in zip(ops, columns(several(ops, [dtype]), [v], target), strict=True):
        np.testing.assert_array_equal(ours, evaluate(single(op, [dtype], dtype, param), [v])[0], err_msg=op)


def test_booleans(target):
    x, y = np.array([False, False, True, True] * 5), np.array([False, True] * 10)
    for op in ("and", "or", "xor", "eq", "ne", "max", "min"):
        ours = columns(single(op, ["bool", "bool"], "bool"), [x, y], target)[0]
        np.testing.assert_array_equal(ours, evaluate(single(op, ["bool", "bool"], "bool"), [x, y])[0], err_msg=op)
    np.testing.assert_array_equal(columns(single("not", ["bool"], "bool"), [x], target)[0], ~x)


@pytest.mark.parametrize("source", ["float32", "float64", "int32", "int64", "uint32", "bool", "int8"])
def test_conversions(target, source):
    if source.startswith("float"):
        v = special(source)
    elif source == "bool":
        v = np.array([True, False])
    else:
        v = np.array([0, 1, 5, np.iinfo(source).max, np.iinfo(source).min], source)
    goals = ["float32", "float64", "int32", "int64", "uint32", "uint8", "bool"]
    program = several([("convert_element_type", goal, None) for goal in goals], [source])
    for goal, ours in zip(goals, columns(program, [v], target), strict=True):
        exact = evaluate(single("convert_element_type", [source], goal), [v])[0]
        np.testing.assert_array_equal(ours, exact, err_msg=goal)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_of_floats_are_integers_and_back(target, dtype):
    x = np.concatenate([special(dtype), np.array([-0.0, np.nan, 1e-310, 0.1], dtype)])
    bits = f"int{dtype[5:]}"
    for kind in (bits, f"u{bits}"):
        ours = columns(single("bitcast_convert_type", [dtype], kind), [x], target)[0]
        np.testing.assert_array_equal(ours, x.view(kind))
        back = columns(single("bitcast_convert_type", [kind], dtype), [x.view(kind)], target)[0]
        np.testing.assert_array_equal(back.view(kind), x.view(kind))
    assert supports(single("bitcast_convert_type", [dtype], "uint8")) == f"the bits of {dtype} as uint8"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounding_clamping_powers_and_selection(target, dtype):
    x = special(dtype)
    for method in (0, 1):
        program = single("round", [dtype], dtype, method)
        np.testing.assert_array_equal(columns(program, [x], target)[0], evaluate(program, [x])[0])
    low, y, high = (np.resize(np.roll(x, k), 200) for k in (0, 7, 19))
    program = single("clamp", [dtype] * 3, dtype)
    assert_close(columns(program, [low, y, high], target)[0], evaluate(program, [low, y, high])[0], dtype, "clamp", 0)
    for exponent in (-3, -1, 0, 1, 2, 7):
        program = single("integer_pow", [dtype], dtype, exponent)
        assert_close(columns(program, [x], target)[0], evaluate(program, [x])[0], dtype, f"power {exponent}", 2)
    index = np.resize(np.array([0, 1, 2, 3, -5], np.int32), 20)
    cases = [np.arange(20, dtype=dtype) + 100 * k for k in range(3)]
    program = single("select_n", ["int32", *[dtype] * 3], dtype)
    np.testing.assert_array_equal(columns(program, [index, *cases], target)[0], evaluate(program, [index, *cases])[0])
    program = single("select_n", ["bool", dtype, dtype], dtype)
    arrays = [index % 2 == 0, *cases[:2]]
    np.testing.assert_array_equal(columns(program, arrays, target)[0], evaluate(program, arrays)[0])


def test_a_power_with_an_integer_exponent_and_a_reduced_precision(target):
    x, n = np.array([2.0, -3.0, 0.5, 0.0]), np.array([3, 2, -1, 0], np.int32)
    program = single("pow", ["float64", "int32"], "float64")
    np.testing.assert_allclose(columns(program, [x, n], target)[0], [8, 9, 2, 1], rtol=1e-15)
    program = single("reduce_precision", ["float64"], "float64", (("exponent_bits", 8), ("mantissa_bits", 23)))
    y = np.array([0.1, 1e300, np.pi])
    np.testing.assert_array_equal(columns(program, [y], target)[0], [np.float32(0.1), np.inf, np.float32(np.pi)])


def test_single_samples_by_scalar_code(rng):
    from ccjac.kernels.cpu.jit import compile_text
    from ccjac.kernels.cpu.module import write_module

    x = special("float32")
    program = several([(op, "float32", None) for op in FLOAT_UNARY], ["float32"])
    n = len(FLOAT_UNARY)
    layout = Layout((Operand((0,), "float32"),), (Result(tuple(range(n)), "float32"),))
    vector = compile_kernel(program, layout).run([x])[0]
    host = Target.host()
    module = write_module(program, layout, host, fastmath=False, lanes=1)
    assert module.lanes == 1
    scalar = type(compile_kernel(program, layout))(
        compile_text(module.text, module.addresses, host, ("kernel",), effort=2), layout, 1, 0
    ).run([x])[0]
    for k, op in enumerate(FLOAT_UNARY):
        assert_close(scalar[:, k], vector[:, k].astype("float64"), "float32", op, 6)


def test_what_has_no_rule_is_named():
    assert supports(single("add", ["float32", "float32"], "float32")) is None
    assert supports(single("zeta", ["float32", "float32"], "float32")) == "the operation zeta"
    assert supports(single("add", ["float16", "float16"], "float16")) == "values of type float16"
    assert supports(single("population_count", ["int32"], "int32")) == "the operation population_count"
    half = single("reduce_precision", ["float32"], "float32", (("exponent_bits", 5), ("mantissa_bits", 10)))
    assert "precision" in supports(half)


def test_every_rule_is_tested_here():
    tested = {*FLOAT_UNARY, *FLOAT_BINARY, *COMPARISONS, *INTEGER_BINARY, "not", "is_finite", "convert_element_type"}
    tested |= {"round", "clamp", "integer_pow", "select_n", "reduce_precision", "bitcast_convert_type"}
    # Others have tests of their own.
    tested |= {*SPECIAL, "polygamma"}
    assert set(RULES) == tested


def test_contraction_may_fuse_but_fastmath_must_be_asked_for():
    from ccjac.kernels.cpu.module import write_module

    program = single("div", ["float32", "float32"], "float32")
    layout = Layout.separate(program)
    host = Target.host()
    assert "fdiv contract <" in write_module(program, layout, host, fastmath=False).text
    assert "fdiv reassoc nsz arcp contract afn <" in write_module(program, layout, host, fastmath=True).text
    x = np.array([1.0, 2.0, np.nan, 1.0], np.float32)
    y = np.array([3.0, np.inf, 1.0, 0.0], np.float32)
    fast = compile_kernel(program, layout, fastmath=True).run([x, y])[0][:, 0]
    np.testing.assert_allclose(fast, [1 / 3, 0, np.nan, np.inf], rtol=1e-6)
