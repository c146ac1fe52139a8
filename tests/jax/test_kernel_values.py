"""NaN, infinities, signed zeros and subnormals of a kernel inside XLA: what XLA's own operations give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ccjac.kernels import Layout, Operand, Result
from ccjac.program import Builder, Node

pytest.importorskip("llvmlite")
kernels = pytest.importorskip("ccjac_jax.kernel")

if (_reason := kernels.obstacle(Builder().finish([], 0))) is not None:
    pytest.skip(_reason, allow_module_level=True)

UNARY = [
    *("abs", "neg", "sign", "square", "floor", "ceil", "sqrt", "rsqrt", "cbrt", "exp", "exp2", "expm1", "log", "log1p"),
    *("logistic", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
    *("erf", "erfc", "is_finite"),
]
BINARY = ["add", "sub", "mul", "div", "rem", "pow", "max", "min", "atan2", "eq", "ne", "lt", "le", "gt", "ge"]
PREDICATES = {"is_finite", "eq", "ne", "lt", "le", "gt", "ge"}
# XLA's float32 exp2 errs by more, as does its hyperbolic pair near overflow.
COARSE = {"exp2": 2e-5, "sinh": 1e-5, "cosh": 1e-5}


def special(dtype: str, *, subnormal: bool) -> np.ndarray:
    info = np.finfo(dtype)
    some = [0, 1, np.inf, np.nan, float(info.max), 0.5, 1.5, 2.5, 2, 3, 1e-5, 10, 88, 104, 1e4, 1e10, 1e30, np.pi]
    some += [float(info.tiny) * 4, 1 - float(info.eps)]
    if subnormal:
        some += [float(info.tiny) / 2, float(info.smallest_subnormal)]
    return np.array(some + [-v for v in some], dtype)


def fused_and_plain(ops: list[str], arrays: list[np.ndarray], *, single: bool) -> tuple[list, list]:
    dtype, arity = arrays[0].dtype.name, len(arrays)
    b = Builder()
    inputs = tuple(b.input(k, dtype) for k in range(arity))
    kinds = ["bool" if op in PREDICATES else dtype for op in ops]
    # Straight to the nodes: the builder would simplify some operations away.
    nodes = [b._intern(Node(op, inputs, kind)) for op, kind in zip(ops, kinds, strict=True)]
    program = b.finish(nodes, arity)
    layout = Layout(
        tuple(Operand((k,), dtype) for k in range(arity)), tuple(Result((k,), kind) for k, kind in enumerate(kinds))
    )

    def plain(*x):
        return [getattr(jax.lax, op)(*x) for op in ops]

    call = kernels.kernel_call(program, layout, [()] * arity, [()] * len(ops), plain)
    operands = [jnp.asarray(a) for a in arrays]
    if single:
        ours = jax.jit(lambda *a: jax.lax.map(lambda t: call(*t), a))(*operands)
    else:
        ours = jax.jit(jax.vmap(call))(*operands)
    return [np.asarray(v) for v in ours], [np.asarray(v) for v in jax.jit(plain)(*operands)]


def assert_like(ours: np.ndarray, theirs: np.ndarray, op: str) -> None:
    assert ours.dtype == theirs.dtype, op
    if ours.dtype == bool:
        np.testing.assert_array_equal(ours, theirs, err_msg=op)
        return
    tolerance = COARSE.get(op, 4e-6) if ours.dtype == np.float32 else 1e-12
    with np.errstate(all="ignore"):
        near = np.isfinite(ours) & np.isfinite(theirs) & (np.abs(ours - theirs) <= tolerance * np.abs(theirs))
    zeros = (ours == 0) & (theirs == 0)
    same = np.where(zeros, np.signbit(ours) == np.signbit(theirs), (ours == theirs) | near)
    same |= np.isnan(ours) & np.isnan(theirs)
    assert same.all(), f"{op}: {ours[~same][:5]} instead of {theirs[~same][:5]}"


@pytest.fixture(params=[False, True], ids=["batch", "single samples"])
def single(request):
    return request.param


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_one_number(single, dtype):
    for op, ours, theirs in zip(
        UNARY, *fused_and_plain(UNARY, [special(dtype, subnormal=False)], single=single), strict=True
    ):
        assert_like(ours, theirs, op)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_two_numbers(single, dtype):
    values = special(dtype, subnormal=False)
    x, y = (v.ravel() for v in np.meshgrid(values, values))
    for op, ours, theirs in zip(BINARY, *fused_and_plain(BINARY, [x, y], single=single), strict=True):
        assert_like(ours, theirs, op)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_subnormal_numbers_are_flushed_as_xla_flushes_them(single, dtype):
    values = special(dtype, subnormal=True)
    # XLA itself passes subnormals through sin, tan, atan, expm1 and tanh; the next operation flushes them there too.
    ops = ["abs", "sign", "sqrt", "rsqrt", "exp", "log", "log1p", "cos", "acos", "erfc", "logistic", "asinh", "sinh"]
    for op, ours, theirs in zip(ops, *fused_and_plain(ops, [values], single=single), strict=True):
        ours, theirs = (np.where(np.abs(v) < np.finfo(dtype).tiny, np.copysign(0, v), v) for v in (ours, theirs))
        assert_like(ours, theirs, op)
    x, y = (v.ravel() for v in np.meshgrid(values, values))
    ops = ["add", "sub", "mul", "div", "max", "min", "eq", "lt", "ge"]
    for op, ours, theirs in zip(ops, *fused_and_plain(ops, [x, y], single=single), strict=True):
        assert_like(ours, theirs, op)


def test_helping_threads_flush_too():
    # Large enough for several pieces: every thread works in the caller's mode.
    n = 1 << 20
    x = np.full(n, np.finfo(np.float32).tiny / 2, np.float32)
    (ours,), _ = fused_and_plain(["log"], [x], single=False)
    assert np.isneginf(ours).all()
