"""A scalar program as C: one statement per operation, over one sample.

The statements are the common subset of C99, C++17 and CUDA C++, so that one generator serves the export to a file and
kernels for accelerators; a frame (:mod:`.export`, ``gpu``) puts the loop or the thread index around them.  Special
values come out as in :mod:`ccjac.program.evaluate`.  Integers wrap around, therefore signed ones are added, subtracted
and multiplied as unsigned ones, for which C defines that.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from ..program.operations import OPERATIONS
from ..program.program import Node, Number, Program
from .coverage import first_gap
from .special_c import SPECIAL_C, definition, name_of

TYPES = {
    "bool": "unsigned char",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned int",
    "uint64": "unsigned long long",
    "float32": "float",
    "float64": "double",
}
"""numpy's name of a type -> C's, spelled out: run-time compilers have no ``stdint.h``."""


@dataclass(frozen=True)
class _Site:
    """One operation: the node, its operands' expressions and their types."""

    node: Node
    args: Sequence[str]
    dtypes: Sequence[str]

    @property
    def kind(self) -> str:
        """``"f"``, ``"i"``, ``"u"`` or ``"b"`` of the first operand."""
        return np.dtype(self.dtypes[0]).kind

    @property
    def suffix(self) -> str:
        """What single-precision functions of C's library append to their names."""
        return "f" if self.dtypes[0] == "float32" else ""


Rule = Callable[[_Site], str]


def _infix(operator: str) -> Rule:
    def rule(site: _Site) -> str:
        x, y = site.args
        if site.kind == "f":
            return f"{x} {operator} {y}"
        wide, narrow = _unsigned(site), TYPES[site.dtypes[0]]
        return f"({narrow})(({wide}){x} {operator} ({wide}){y})"

    return rule


def _unsigned(site: _Site) -> str:
    """The unsigned type in which an integer operation wraps around: at least as wide as an ``int``, to which C would
    otherwise promote its operands."""
    return TYPES["uint64" if np.dtype(site.dtypes[0]).itemsize == 8 else "uint32"]


def _compare(operator: str) -> Rule:
    return lambda site: f"{site.args[0]} {operator} {site.args[1]}"


def _function(name: str) -> Rule:
    return lambda site: f"{name}{site.suffix}({', '.join(site.args)})"


def _neg(site: _Site) -> str:
    (x,) = site.args
    if site.kind == "f":
        return f"-{x}"
    return f"({TYPES[site.dtypes[0]]})(0u - ({_unsigned(site)}){x})"


def _abs(site: _Site) -> str:
    (x,) = site.args
    if site.kind == "f":
        return f"fabs{site.suffix}({x})"
    return x if site.kind == "u" else f"{x} < 0 ? {_neg(site)} : {x}"


def _sign(site: _Site) -> str:
    (x,) = site.args
    if site.kind == "f":
        one = "1.0f" if site.suffix else "1.0"
        return f"({x} > 0 || {x} < 0) ? copysign{site.suffix}({one}, {x}) : {x}"
    return f"({x} > 0)" if site.kind == "u" else f"({x} > 0) - ({x} < 0)"


def _pow(site: _Site) -> str:
    x, y = site.args
    return f"pow{site.suffix}({x}, ({TYPES[site.dtypes[0]]}){y})"


def _rsqrt(site: _Site) -> str:
    return f"{'1.0f' if site.suffix else '1.0'} / sqrt{site.suffix}({site.args[0]})"


def _logistic(site: _Site) -> str:
    one = "1.0f" if site.suffix else "1.0"
    return f"{one} / ({one} + exp{site.suffix}(-{site.args[0]}))"


def _rounding(name: str) -> Rule:
    return lambda site: f"{name}{site.suffix}({site.args[0]})" if site.kind == "f" else site.args[0]


def _round(site: _Site) -> str:
    # Methods of the operation: 0 is half away from zero, 1 is half to even.
    return f"{'rint' if site.node.param == 1 else 'round'}{site.suffix}({site.args[0]})"


def _extremum(name: str, operator: str) -> Rule:
    def rule(site: _Site) -> str:
        x, y = site.args
        return f"ccjac_{name}_{site.dtypes[0]}({x}, {y})" if site.kind == "f" else f"{x} {operator} {y} ? {x} : {y}"

    return rule


def _clamp(site: _Site) -> str:
    low, x, high = site.args
    dtype = site.dtypes[1]
    if np.dtype(dtype).kind == "f":
        return f"ccjac_min_{dtype}({high}, ccjac_max_{dtype}({low}, {x}))"
    return f"({x} < {low} ? ({low} < {high} ? {low} : {high}) : {x} > {high} ? {high} : {x})"


def _not(site: _Site) -> str:
    return f"!{site.args[0]}" if site.kind == "b" else f"({TYPES[site.dtypes[0]]})~{site.args[0]}"


def _select_n(site: _Site) -> str:
    which, *cases = site.args
    # An index beyond the cases is clamped, so every comparison is with a bound instead of an equality.
    chosen = cases[-1]
    for k in range(len(cases) - 1, 0, -1):
        chosen = f"({which} < {k} ? {cases[k - 1]} : {chosen})"
    return chosen


def _convert(site: _Site) -> str:
    (x,), source, target = site.args, site.dtypes[0], site.node.dtype
    if source == target:
        return x
    if target == "bool":
        return f"{x} != 0"
    if np.dtype(source).kind == "f" and np.dtype(target).kind in "iu":
        return f"ccjac_to_{target}({x})"
    return f"({TYPES[target]}){x}"


def _bitcast(site: _Site) -> str:
    return f"ccjac_bits_{site.dtypes[0]}_{site.node.dtype}({site.args[0]})"


def _reduce_precision(site: _Site) -> str:
    (x,) = site.args
    narrow = reduced(site.node.param) == "float32" and site.dtypes[0] == "float64"
    return f"(double)(float){x}" if narrow else x


def reduced(param: Hashable) -> str | None:
    """The IEEE type that ``reduce_precision`` reduces to, ``None`` if it is none that C has."""
    bits = dict(param)  # type: ignore[call-overload]
    return {(8, 23): "float32", (11, 52): "float64"}.get((bits["exponent_bits"], bits["mantissa_bits"]))


def _helped(site: _Site) -> str:
    return f"{name_of(site.node.op, site.dtypes[0])}({site.args[0]})"


def _polygamma(site: _Site) -> str:
    return f"{name_of(f'polygamma_{site.node.param}', site.dtypes[1])}({site.args[1]})"


_FUNCTIONS = """acos acosh asin asinh atan atan2 atanh cbrt cos cosh erf erfc exp exp2 expm1 lgamma log log1p nextafter
sin sinh sqrt tan tanh""".split()

RULES: dict[str, Rule] = {
    # arithmetic
    "add": _infix("+"),
    "sub": _infix("-"),
    "mul": _infix("*"),
    "div": _infix("/"),
    "neg": _neg,
    "abs": _abs,
    "sign": _sign,
    "square": lambda site: _infix("*")(_Site(site.node, (site.args[0],) * 2, (site.dtypes[0],) * 2)),
    "pow": _pow,
    "rem": _function("fmod"),
    "max": _extremum("max", ">"),
    "min": _extremum("min", "<"),
    "clamp": _clamp,
    "floor": _rounding("floor"),
    "ceil": _rounding("ceil"),
    "round": _round,
    "rsqrt": _rsqrt,
    "logistic": _logistic,
    # logic
    "eq": _compare("=="),
    "ne": _compare("!="),
    "lt": _compare("<"),
    "le": _compare("<="),
    "gt": _compare(">"),
    "ge": _compare(">="),
    "and": _compare("&"),
    "or": _compare("|"),
    "xor": _compare("^"),
    "not": _not,
    "is_finite": lambda site: f"fabs{site.suffix}({site.args[0]}) < {literal(math.inf, site.dtypes[0])}",
    # movement
    "select_n": _select_n,
    "convert_element_type": _convert,
    "bitcast_convert_type": _bitcast,
    "reduce_precision": _reduce_precision,
    "copy": lambda site: site.args[0],
    # functions
    **{op: _function(op) for op in _FUNCTIONS},
    **{op: _helped for op in SPECIAL_C if op in OPERATIONS},
    "polygamma": _polygamma,
}

_FLOATING_HERE = frozenset({"div", "rem"})
"""Defined on integers too, but not written for them."""


def obstacle(program: Program) -> str | None:
    """Why ``program`` cannot be written in C, or ``None`` if it can."""
    return first_gap(program, TYPES, RULES, _gap, _FLOATING_HERE)


def _gap(node: Node, first: str) -> str | None:
    if node.op == "bitcast_convert_type" and not same_width(node.dtype, first):
        return "the bits of one type as another of other size"
    if node.op == "polygamma" and f"polygamma_{node.param}" not in SPECIAL_C:
        return "a polygamma function of an order that is high or not constant"
    if node.op == "reduce_precision" and reduced(node.param) is None:
        return "a reduction to less than single precision"
    return None


def same_width(first: str, second: str) -> bool:
    """Whether values of two types have the same number of bytes."""
    return np.dtype(first).itemsize == np.dtype(second).itemsize


def literal(number: Number, dtype: str) -> str:
    """A number as C writes it, to the last bit."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return "1" if number else "0"
    if kind in "iu":
        suffix = {"int64": "ll", "uint64": "ull", "uint32": "u"}.get(dtype, "")
        # The most negative number is no literal of C: its digits alone are too large for the type.
        lowest = np.iinfo(dtype).min
        return f"({int(number) + 1}{suffix} - 1)" if kind == "i" and number == lowest else f"{int(number)}{suffix}"
    value = float(np.dtype(dtype).type(number))
    name = "FLOAT" if dtype == "float32" else "DOUBLE"
    if math.isnan(value):
        return f"CCJAC_NAN_{name}"
    if math.isinf(value):
        return f"{'-' if value < 0 else ''}CCJAC_INF_{name}"
    return value.hex() + ("f" if dtype == "float32" else "")


def statements(
    program: Program, read: Callable[[int, str], str], write: Callable[[int, str], Sequence[str]]
) -> list[str]:
    """The program over one sample.

    Args:
        program: One that :func:`obstacle` has nothing against.
        read: From an input scalar's position and type to the expression that reads it.
        write: From a result's position and the expression of its value to the statements that store it.

    Returns:
        Declarations of constants, one per operation, and the stores, each placed as soon as its value is known: what
        lives shorter needs fewer registers.
    """
    wanted: dict[int, list[int]] = {}
    for position, value in enumerate(program.results):
        wanted.setdefault(value, []).append(position)
    names: list[str] = []
    lines: list[str] = []
    for k, node in enumerate(program.nodes):
        if node.op == "const":
            text = literal(node.param, node.dtype)
            names.append(f"({text})" if text.startswith("-") else text)
        else:
            if node.op == "input":
                expression = read(node.param, node.dtype)
            else:
                site = _Site(node, [names[a] for a in node.args], [program.nodes[a].dtype for a in node.args])
                expression = RULES[node.op](site)
            names.append(f"v{k}")
            lines.append(f"const {TYPES[node.dtype]} v{k} = {expression};")
        for position in wanted.get(k, ()):
            lines.extend(write(position, names[k]))
    return lines


def library_calls(program: Program) -> Counter[tuple[str, str, int]]:
    """How often the statements of ``program`` call which function of C's library: its name, its operands' type and how
    many they are.  What processors have an instruction for is left out."""
    found: Counter[tuple[str, str, int]] = Counter()
    for node in program.nodes:
        name = _LIBRARY.get(node.op)
        if name is not None:
            dtype = program.nodes[node.args[0]].dtype
            found[name + ("f" if dtype == "float32" else ""), dtype, OPERATIONS[name].arity or 1] += 1
    return found


_LIBRARY = {op: op for op in _FUNCTIONS if op != "sqrt"} | {"logistic": "exp", "pow": "pow"}


def helpers(program: Program, qualifier: str) -> str:
    """Functions that the statements of ``program`` call and C's library lacks.

    Args:
        program: What will be written.
        qualifier: What stands before each definition, such as ``"static inline"``.
    """
    wanted: set[tuple[str, str]] = set()
    for node in program.nodes:
        if node.op in ("max", "min", "clamp"):
            dtype = program.nodes[node.args[1]].dtype
            names = ("max", "min") if node.op == "clamp" else (node.op,)
            wanted |= {(name, dtype) for name in names if np.dtype(dtype).kind == "f"}
        special = f"polygamma_{node.param}" if node.op == "polygamma" else node.op
        if special in SPECIAL_C:
            wanted.add((special, node.dtype))
        kinds = np.dtype(node.dtype).kind + "".join(np.dtype(program.nodes[a].dtype).kind for a in node.args)
        if node.op == "convert_element_type" and kinds in ("if", "uf"):
            wanted.add(("to", node.dtype))
        if node.op == "bitcast_convert_type":
            wanted.add((f"bits_{program.nodes[node.args[0]].dtype}", node.dtype))
    return "".join(_HELPERS[name](dtype, qualifier) for name, dtype in sorted(wanted))


def _extremum_helper(name: str) -> Callable[[str, str], str]:
    """NaN propagates, and +0 is larger than -0 (IEEE 754-2019 maximum and minimum)."""
    operator, first = (">", "") if name == "max" else ("<", "!")

    def text(dtype: str, qualifier: str) -> str:
        kind = TYPES[dtype]
        return (
            f"{qualifier} {kind} ccjac_{name}_{dtype}({kind} x, {kind} y) {{\n"
            f"  if (x != x) return x;\n  if (y != y) return y;\n"
            f"  if (x == y) return {first}signbit(y) ? x : y;\n  return x {operator} y ? x : y;\n}}\n"
        )

    return text


def _to_integer(dtype: str, qualifier: str) -> str:
    """Saturate, and send NaN to 0, as XLA converts."""
    info = np.iinfo(dtype)
    # Powers of two are exact in double; the largest integer itself may not be.
    above = literal(float(info.max + 1), "float64")
    low, high = literal(info.min, dtype), literal(info.max, dtype)
    below = literal(float(info.min), "float64")
    return (
        f"{qualifier} {TYPES[dtype]} ccjac_to_{dtype}(double x) {{\n"
        f"  if (x != x) return 0;\n  if (x >= {above}) return {high};\n  if (x <= {below}) return {low};\n"
        f"  return ({TYPES[dtype]})x;\n}}\n"
    )


def _bits_helper(source: str) -> Callable[[str, str], str]:
    def text(dtype: str, qualifier: str) -> str:
        return (
            f"{qualifier} {TYPES[dtype]} ccjac_bits_{source}_{dtype}({TYPES[source]} x) {{\n"
            f"  union {{ {TYPES[source]} before; {TYPES[dtype]} after; }} bits;\n"
            f"  bits.before = x;\n  return bits.after;\n}}\n"
        )

    return text


_HELPERS: dict[str, Callable[[str, str], str]] = {
    "max": _extremum_helper("max"),
    "min": _extremum_helper("min"),
    "to": _to_integer,
    **{f"bits_{source}": _bits_helper(source) for source in TYPES},
    **{name: functools.partial(definition, name) for name in SPECIAL_C},
}
