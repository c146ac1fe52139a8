"""How every operation of a scalar program is written as LLVM vector instructions.

NaN, infinities and signed zeros come out as in :mod:`ccjac.program.evaluate`.  An operation that is missing here makes
:func:`obstacle` name it, and the program runs as plain operations of its framework instead.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from ..program.program import Node, Program
from . import integers
from .context import Context
from .coverage import first_gap
from .cpu.library import C_NAME
from .polynomials import emit_elementary
from .special import HIGHEST_ORDER, SPECIAL, emit_special
from .writer import BYTES, ELEMENT


@dataclass(frozen=True)
class Site:
    """One operation: the node, the names of its operands' vectors, and their types."""

    node: Node
    args: Sequence[str]
    dtypes: Sequence[str]

    @property
    def kind(self) -> str:
        """``"f"``, ``"i"``, ``"u"`` or ``"b"`` of the first operand."""
        return np.dtype(self.dtypes[0]).kind


Rule = Callable[[Context, Site], str]


def _two(ctx: Context, site: Site, instruction: str) -> str:
    vector = ctx.writer.vector(site.dtypes[0])
    return ctx.writer.let(f"{instruction} {vector} {site.args[0]}, {site.args[1]}")


def _arithmetic(floating: str, integer: str, unsigned: str = "") -> Rule:
    def rule(ctx: Context, site: Site) -> str:
        if site.kind == "f":
            return _two(ctx, site, f"{floating} {ctx.flags}")
        return _two(ctx, site, unsigned if unsigned and site.kind == "u" else integer)

    return rule


def _by_intrinsic(name: str, signed: str = "", unsigned: str = "") -> Rule:
    """Floats by one intrinsic; integers by another, or unchanged where there is nothing to do."""

    def rule(ctx: Context, site: Site) -> str:
        dtype = site.dtypes[0]
        if site.kind == "f":
            return ctx.writer.intrinsic(name, dtype, site.args)
        chosen = unsigned if site.kind in "ub" else signed
        return ctx.writer.intrinsic(chosen, dtype, site.args) if chosen else site.args[0]

    return rule


_FLUSHED = frozenset({"log", "log1p", "asin", "asinh", "atanh", "cbrt", "sinh"})
"""XLA computes with subnormals flushed to zero.  The C library reads bits, so these functions need flushed operands
to agree.
"""


def _function(op: str) -> Rule:
    return lambda ctx, site: _called(ctx, op, site.dtypes[0], site.args)


def _called(ctx: Context, op: str, dtype: str, args: Sequence[str]) -> str:
    if op in ctx.polynomials:
        return emit_elementary(ctx, op, dtype, args[0])
    vector = ctx.writer.vector(dtype)
    if op in _FLUSHED:
        args = [ctx.writer.intrinsic("canonicalize", dtype, (a,)) for a in args]
    return ctx.writer.call(ctx.functions.symbol(op, dtype), vector, [(vector, a) for a in args])


def _division(floating: str) -> Rule:
    """A quotient, or without ``floating`` a remainder by the C library."""

    def rule(ctx: Context, site: Site) -> str:
        if site.kind != "f":
            return integers.quotient(ctx.writer, site.dtypes[0], (site.args[0], site.args[1]), rest=not floating)
        return (
            _two(ctx, site, f"{floating} {ctx.flags}") if floating else _called(ctx, "rem", site.dtypes[0], site.args)
        )

    return rule


def _shift(instruction: str) -> Rule:
    return lambda ctx, site: integers.shifted(ctx.writer, site.dtypes[0], (site.args[0], site.args[1]), instruction)


def _compare(floating: str, signed: str, unsigned: str) -> Rule:
    def rule(ctx: Context, site: Site) -> str:
        if site.kind == "f":
            return _two(ctx, site, f"fcmp {floating}")
        return _two(ctx, site, f"icmp {signed if site.kind == 'i' else unsigned}")

    return rule


# -- arithmetic -------------------------------------------------------------------------------------------------------


def _neg(ctx: Context, site: Site) -> str:
    dtype = site.dtypes[0]
    vector = ctx.writer.vector(dtype)
    if site.kind == "f":
        return ctx.writer.let(f"fneg {vector} {site.args[0]}")
    return ctx.writer.let(f"sub {vector} {ctx.writer.constant(0, dtype)}, {site.args[0]}")


def _abs(ctx: Context, site: Site) -> str:
    dtype = site.dtypes[0]
    if site.kind == "f":
        return ctx.writer.intrinsic("fabs", dtype, site.args)
    if site.kind == "u":
        return site.args[0]
    zero = ctx.writer.constant(0, dtype)
    vector = ctx.writer.vector(dtype)
    negated = ctx.writer.let(f"sub {vector} {zero}, {site.args[0]}")
    return ctx.writer.intrinsic("smax", dtype, (site.args[0], negated))


def _sign(ctx: Context, site: Site) -> str:
    w, dtype, (x,) = ctx.writer, site.dtypes[0], site.args
    vector = w.vector(dtype)
    one, zero = w.constant(1, dtype), w.constant(0, dtype)
    if site.kind == "f":
        # A zero keeps its sign, NaN stays NaN.  Where the processor flushes subnormals, they compare as zeros.
        size = ctx.writer.select(dtype, w.let(f"fcmp one {vector} {x}, {zero}"), one, zero)
        unit = ctx.writer.intrinsic("copysign", dtype, (size, x))
        return ctx.writer.select(dtype, w.let(f"fcmp uno {vector} {x}, {zero}"), x, unit)
    positive = ctx.writer.select(dtype, w.let(f"icmp ne {vector} {x}, {zero}"), one, zero)
    if site.kind == "u":
        return positive
    return ctx.writer.select(dtype, w.let(f"icmp slt {vector} {x}, {zero}"), w.constant(-1, dtype), positive)


def _integer_pow(ctx: Context, site: Site) -> str:
    param, dtype = site.node.param, site.dtypes[0]
    exponent = param[0] if isinstance(param, tuple) else param
    assert isinstance(exponent, int)
    vector = ctx.writer.vector(dtype)
    multiply = f"fmul {ctx.flags}" if site.kind == "f" else "mul"
    one = ctx.writer.constant(1, dtype)
    power, square, left = one, site.args[0], abs(exponent)
    while left:
        if left & 1:
            power = square if power == one else ctx.writer.let(f"{multiply} {vector} {power}, {square}")
        left >>= 1
        if left:
            square = ctx.writer.let(f"{multiply} {vector} {square}, {square}")
    return ctx.writer.let(f"fdiv {ctx.flags} {vector} {one}, {power}") if exponent < 0 else power


def _square(ctx: Context, site: Site) -> str:
    return _arithmetic("fmul", "mul")(ctx, Site(site.node, (site.args[0], site.args[0]), site.dtypes))


def _pow(ctx: Context, site: Site) -> str:
    base, exponent = site.args
    dtype = site.dtypes[0]
    if site.dtypes[1] != dtype:
        exponent = _converted(ctx, exponent, site.dtypes[1], dtype)
    return _called(ctx, "pow", dtype, (base, exponent))


def _sqrt(ctx: Context, site: Site) -> str:
    return ctx.writer.intrinsic("sqrt", site.dtypes[0], site.args, ctx.flags)


def _rsqrt(ctx: Context, site: Site) -> str:
    vector = ctx.writer.vector(site.dtypes[0])
    root = _sqrt(ctx, site)
    return ctx.writer.let(f"fdiv {ctx.flags} {vector} {ctx.writer.constant(1, site.dtypes[0])}, {root}")


def _logistic(ctx: Context, site: Site) -> str:
    w, dtype = ctx.writer, site.dtypes[0]
    vector, one = w.vector(dtype), w.constant(1, dtype)
    exponential = _called(ctx, "exp", dtype, (w.let(f"fneg {vector} {site.args[0]}"),))
    return w.let(f"fdiv {ctx.flags} {vector} {one}, {w.let(f'fadd {ctx.flags} {vector} {one}, {exponential}')}")


def _round(ctx: Context, site: Site) -> str:
    # XLA's rounding methods: 0 is half away from zero, 1 is half to even.
    return ctx.writer.intrinsic("rint" if site.node.param == 1 else "round", site.dtypes[0], site.args)


def _clamp(ctx: Context, site: Site) -> str:
    low, x, high = site.args
    dtype = site.dtypes[1]
    larger, smaller = {"f": ("maximum", "minimum"), "i": ("smax", "smin"), "u": ("umax", "umin")}[np.dtype(dtype).kind]
    return ctx.writer.intrinsic(smaller, dtype, (high, ctx.writer.intrinsic(larger, dtype, (low, x))))


def _special(op: str) -> Rule:
    return lambda ctx, site: emit_special(ctx, op, site.dtypes[0], site.args[0])


def _polygamma(ctx: Context, site: Site) -> str:
    assert isinstance(site.node.param, int)
    return emit_special(ctx, "polygamma", site.dtypes[1], site.args[1], site.node.param)


# -- logic, selection, conversion -------------------------------------------------------------------------------------


def _not(ctx: Context, site: Site) -> str:
    ones = ctx.writer.constant(True if site.kind == "b" else -1, site.dtypes[0])
    return ctx.writer.let(f"xor {ctx.writer.vector(site.dtypes[0])} {site.args[0]}, {ones}")


def _is_finite(ctx: Context, site: Site) -> str:
    dtype = site.dtypes[0]
    magnitude = ctx.writer.intrinsic("fabs", dtype, site.args)
    infinity = ctx.writer.constant(float("inf"), dtype)
    return ctx.writer.let(f"fcmp olt {ctx.writer.vector(dtype)} {magnitude}, {infinity}")


def _select_n(ctx: Context, site: Site) -> str:
    which, *cases = site.args
    kind, dtype = site.dtypes[0], site.node.dtype
    if kind == "bool":
        return cases[0] if len(cases) == 1 else ctx.writer.select(dtype, which, cases[1], cases[0])
    # An index beyond the cases is clamped, so every comparison is with a bound instead of an equality.
    result = cases[-1]
    vector = ctx.writer.vector(kind)
    compare = "icmp slt" if np.dtype(kind).kind == "i" else "icmp ult"
    for k in range(len(cases) - 1, 0, -1):
        below = ctx.writer.let(f"{compare} {vector} {which}, {ctx.writer.constant(k, kind)}")
        result = ctx.writer.select(dtype, below, cases[k - 1], result)
    return result


def _converted(ctx: Context, value: str, source: str, target: str) -> str:
    w = ctx.writer
    a, b = np.dtype(source), np.dtype(target)
    if a == b:
        return value
    old, new = w.vector(source), w.vector(target)
    if target == "bool":
        compare = "fcmp une" if a.kind == "f" else "icmp ne"
        return w.let(f"{compare} {old} {value}, {w.constant(0, source)}")
    if a.kind == "f":
        if b.kind == "f":
            return w.let(f"{'fpext' if b.itemsize > a.itemsize else 'fptrunc'} {old} {value} to {new}")
        name = "fptosi" if b.kind == "i" else "fptoui"
        lanes = f"v{w.lanes}"
        return w.let(f"call {new} @llvm.{name}.sat.{lanes}i{b.itemsize * 8}.{lanes}f{a.itemsize * 8}({old} {value})")
    if b.kind == "f":
        return w.let(f"{'sitofp' if a.kind == 'i' else 'uitofp'} {old} {value} to {new}")
    if source == "bool" or b.itemsize > a.itemsize:
        return w.let(f"{'sext' if a.kind == 'i' else 'zext'} {old} {value} to {new}")
    return value if b.itemsize == a.itemsize else w.let(f"trunc {old} {value} to {new}")


def _convert(ctx: Context, site: Site) -> str:
    return _converted(ctx, site.args[0], site.dtypes[0], site.node.dtype)


def _bitcast(ctx: Context, site: Site) -> str:
    source, target = ctx.writer.vector(site.dtypes[0]), ctx.writer.vector(site.node.dtype)
    return site.args[0] if source == target else ctx.writer.let(f"bitcast {source} {site.args[0]} to {target}")


def _reduce_precision(ctx: Context, site: Site) -> str:
    # Only double to single is left; obstacle() refuses the rest.
    (x,), dtype = site.args, site.dtypes[0]
    if _reduced(site.node.param) == "float32" and dtype == "float64":
        return _converted(ctx, _converted(ctx, x, "float64", "float32"), "float32", "float64")
    return x


def _reduced(param: Hashable) -> str | None:
    bits = dict(param)  # type: ignore[call-overload]
    return {(8, 23): "float32", (11, 52): "float64"}.get((bits["exponent_bits"], bits["mantissa_bits"]))


def _same(ctx: Context, site: Site) -> str:
    return site.args[0]


RULES: dict[str, Rule] = {
    # arithmetic
    "add": _arithmetic("fadd", "add"),
    "sub": _arithmetic("fsub", "sub"),
    "mul": _arithmetic("fmul", "mul"),
    "div": _division("fdiv"),
    "neg": _neg,
    "abs": _abs,
    "sign": _sign,
    "square": _square,
    "integer_pow": _integer_pow,
    "pow": _pow,
    "max": _by_intrinsic("maximum", "smax", "umax"),
    "min": _by_intrinsic("minimum", "smin", "umin"),
    "clamp": _clamp,
    "floor": _by_intrinsic("floor"),
    "ceil": _by_intrinsic("ceil"),
    "round": _round,
    "sqrt": _sqrt,
    "rsqrt": _rsqrt,
    "logistic": _logistic,
    # logic
    "eq": _compare("oeq", "eq", "eq"),
    "ne": _compare("une", "ne", "ne"),
    "lt": _compare("olt", "slt", "ult"),
    "le": _compare("ole", "sle", "ule"),
    "gt": _compare("ogt", "sgt", "ugt"),
    "ge": _compare("oge", "sge", "uge"),
    "and": lambda ctx, site: _two(ctx, site, "and"),
    "or": lambda ctx, site: _two(ctx, site, "or"),
    "xor": lambda ctx, site: _two(ctx, site, "xor"),
    "not": _not,
    "shift_left": _shift("shl"),
    "shift_right_logical": _shift("lshr"),
    "shift_right_arithmetic": _shift("ashr"),
    "is_finite": _is_finite,
    # movement
    "select_n": _select_n,
    "convert_element_type": _convert,
    "bitcast_convert_type": _bitcast,
    "reduce_precision": _reduce_precision,
    "copy": _same,
    # functions
    **{op: _function(op) for op in C_NAME if op != "pow"},
    **{op: _special(op) for op in SPECIAL},
    "polygamma": _polygamma,
    "rem": _division(""),
}

MADE_OF = {"logistic": "exp"}
"""Operations that contain a function."""


def emit(ctx: Context, node: Node, args: Sequence[str], dtypes: Sequence[str]) -> str:
    """Write one operation; returns the name of its vector."""
    return RULES[node.op](ctx, Site(node, args, dtypes))


def obstacle(program: Program) -> str | None:
    """Why no kernel can be generated for ``program``, or ``None`` if one can."""
    return first_gap(program, ELEMENT, RULES, _gap)


def _gap(node: Node, first: str) -> str | None:
    if node.op == "integer_pow" and np.dtype(first).kind != "f" and _negative(node.param):
        return f"a negative power of {first}"
    if node.op == "bitcast_convert_type" and BYTES[node.dtype] != BYTES[first]:
        return f"the bits of {first} as {node.dtype}"
    if node.op == "polygamma" and not (isinstance(node.param, int) and node.param <= HIGHEST_ORDER):
        return "a polygamma function of an order that is high or not constant"
    if node.op == "reduce_precision" and _reduced(node.param) is None:
        return "a reduction to less than single precision"
    return None


def _negative(param: Hashable) -> bool:
    exponent = param[0] if isinstance(param, tuple) else param
    return isinstance(exponent, int) and exponent < 0
