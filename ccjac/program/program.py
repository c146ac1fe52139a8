"""Scalar programs in static single assignment form, simplified while they are built.

A :class:`Builder` hands out one number per distinct value: the same operation on the same values is built once,
constants
fold, signs move outwards, and products by +1 or -1 vanish.  All of it is exact in IEEE arithmetic, so a program
computes what the traced function computes.  :meth:`Builder.finish` drops dead code.

:mod:`ccjac.program.operations` lists the operations and their meaning.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .operations import OPERATIONS

Number = float | int | bool


class Node(NamedTuple):
    """One value of a program.

    Attributes:
        op: ``"input"`` (``param``: position of the scalar among the inputs), ``"const"`` (``param``: the number), or
        the name of
            an elementwise operation.
        args: The operands' positions; every operand stands before its user.
        dtype: numpy's name of the result's type, such as ``"float32"``.
        param: Whatever else the operation needs, hashable; ``None`` for most.
    """

    op: str
    args: tuple[int, ...]
    dtype: str
    param: Any = None


@dataclass(frozen=True)
class Program:
    """A finished straight-line program: ``nodes`` in evaluation order, and the positions of its results.

    ``n_inputs`` counts all input scalars, used or not; a result may be an input, a constant, or named twice.
    """

    nodes: tuple[Node, ...]
    n_inputs: int
    results: tuple[int, ...]

    @property
    def operations(self) -> int:
        """Number of nodes that compute something."""
        return sum(node.op not in ("input", "const") for node in self.nodes)

    def copied(self, builder: Builder, inputs: Mapping[int, int]) -> list[int]:
        """Build the program in another one, on these values as its inputs; returns where its results are."""
        values: list[int] = []
        for op, args, dtype, param in self.nodes:
            if op == "input":
                values.append(inputs[param])
            elif op == "const":
                values.append(builder.const(param, dtype))
            else:
                values.append(builder.emit(op, [values[a] for a in args], dtype, param))
        return [values[r] for r in self.results]


_FOLDABLE: dict[str, Any] = {"float32": np.float32, "float64": np.float64}
FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
_COMMUTATIVE = frozenset(name for name, operation in OPERATIONS.items() if operation.commutative)


class Builder:
    """A growing program.  Every method that computes returns the position of a value."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self.nodes)

    def copy(self) -> Builder:
        """A program that starts like this one and grows on its own."""
        twin = Builder()
        twin.nodes, twin._known = self.nodes.copy(), self._known.copy()
        return twin

    def forget(self, start: int) -> None:
        """Drop all values from ``start`` on."""
        while len(self.nodes) > start:
            self.nodes.pop()
            # One key was added per value, in the same order.
            self._known.popitem()

    # -- leaves ---------------------------------------------------------------------------------------------------

    def input(self, position: int, dtype: str) -> int:
        """The ``position``-th input scalar."""
        return self._intern(Node("input", (), dtype, position))

    def const(self, value: Number, dtype: str) -> int:
        """A constant; -0.0 and every NaN payload are kept apart from their equals."""
        node = Node("const", (), dtype, value)
        key = ("const", dtype, struct.pack("<d", value) if isinstance(value, float) else value)
        return self._intern(node, key)

    def constant_value(self, value: int) -> Number | None:
        """The number behind ``value`` if it is a constant, else ``None``."""
        node = self.nodes[value]
        return node.param if node.op == "const" else None

    # -- operations -----------------------------------------------------------------------------------------------

    def emit(self, op: str, args: Sequence[int], dtype: str, param: Hashable = None) -> int:
        """Apply ``op``; returns an existing value where the result is already known."""
        if (rule := _RULES.get(op)) is not None:
            done = rule(self, tuple(args), dtype, param)
            if done is not None:
                return done
        ordered = tuple(sorted(args)) if op in _COMMUTATIVE else tuple(args)
        return self._intern(Node(op, ordered, dtype, param))

    def _intern(self, node: Node, key: Hashable = None) -> int:
        key = node if key is None else key
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.nodes)
            self.nodes.append(node)
        return found

    def _fold(self, op: str, args: tuple[int, ...], dtype: str) -> int | None:
        """Constant arithmetic in the operation's own precision; ``None`` unless all operands are constants."""
        kind = _FOLDABLE.get(dtype)
        numbers = [self.constant_value(a) for a in args]
        if kind is None or any(n is None for n in numbers):
            return None
        with np.errstate(all="ignore"):
            result = _ARITHMETIC[op](*(kind(n) for n in numbers))
        return self.const(float(result), dtype)

    # -- finishing ------------------------------------------------------------------------------------------------

    def finish(self, results: Iterable[int], n_inputs: int) -> Program:
        """The program that computes ``results`` and nothing else."""
        wanted = tuple(results)
        used = set(wanted)
        for position in range(len(self.nodes) - 1, -1, -1):
            if position in used:
                used.update(self.nodes[position].args)
        renumber: dict[int, int] = {}
        nodes: list[Node] = []
        for position in sorted(used):
            op, args, dtype, param = self.nodes[position]
            renumber[position] = len(nodes)
            nodes.append(Node(op, tuple(renumber[a] for a in args), dtype, param))
        return Program(tuple(nodes), n_inputs, tuple(renumber[r] for r in wanted))


_ARITHMETIC = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
}


def _neg(b: Builder, args: tuple[int, ...], dtype: str, param: Hashable) -> int | None:
    inner = b.nodes[args[0]]
    if inner.op == "neg":
        return inner.args[0]
    return b._fold("neg", args, dtype)


def _mul(b: Builder, args: tuple[int, ...], dtype: str, param: Hashable) -> int | None:
    if (folded := b._fold("mul", args, dtype)) is not None:
        return folded
    if dtype not in FLOATS:
        return None
    x, y = args
    negative = False
    for _ in range(2):
        x, y = y, x
        if b.nodes[x].op == "neg":
            x, negative = b.nodes[x].args[0], not negative
        elif b.constant_value(x) == -1.0:
            x, negative = b.const(1.0, dtype), not negative
    if b.constant_value(x) == 1.0:
        product = y
    elif b.constant_value(y) == 1.0:
        product = x
    elif negative:
        product = b.emit("mul", (x, y), dtype)
    else:
        return None if (x, y) == args else b._intern(Node("mul", tuple(sorted((x, y))), dtype))
    return b.emit("neg", (product,), dtype) if negative else product


def _div(b: Builder, args: tuple[int, ...], dtype: str, param: Hashable) -> int | None:
    if (folded := b._fold("div", args, dtype)) is not None:
        return folded
    if dtype not in FLOATS:
        return None
    x, y = args
    divisor = b.constant_value(y)
    if divisor == 1.0:
        return x
    if divisor == -1.0:
        return b.emit("neg", (x,), dtype)
    if b.nodes[x].op == "neg":
        return b.emit("neg", (b.emit("div", (b.nodes[x].args[0], y), dtype),), dtype)
    return None


def _add(b: Builder, args: tuple[int, ...], dtype: str, param: Hashable) -> int | None:
    if (folded := b._fold("add", args, dtype)) is not None:
        return folded
    if dtype not in FLOATS:
        return None
    x, y = args
    if b.nodes[y].op == "neg":
        return b.emit("sub", (x, b.nodes[y].args[0]), dtype)
    if b.nodes[x].op == "neg":
        return b.emit("sub", (y, b.nodes[x].args[0]), dtype)
    return None


def _sub(b: Builder, args: tuple[int, ...], dtype: str, param: Hashable) -> int | None:
    if (folded := b._fold("sub", args, dtype)) is not None:
        return folded
    if dtype in FLOATS and b.nodes[args[1]].op == "neg":
        return b.emit("add", (args[0], b.nodes[args[1]].args[0]), dtype)
    return None


def _integer_pow(b: Builder, args: tuple[int, ...], dtype: str, param: Hashable) -> int | None:
    """Powers by repeated squaring, as XLA expands them, so that they share factors with the derivative's powers."""
    assert isinstance(param, int)
    exponent = param
    one = b.const(1.0 if dtype in FLOATS else 1, dtype)
    power: int | None = None
    square, left = args[0], abs(exponent)
    while left:
        if left & 1:
            power = square if power is None else b.emit("mul", (power, square), dtype)
        left >>= 1
        if left:
            square = b.emit("mul", (square, square), dtype)
    if power is None:
        return one
    return b.emit("div", (one, power), dtype) if exponent < 0 else power


def _square(b: Builder, args: tuple[int, ...], dtype: str, param: Hashable) -> int | None:
    return b.emit("mul", (args[0], args[0]), dtype)


def _convert(b: Builder, args: tuple[int, ...], dtype: str, param: Hashable) -> int | None:
    source = b.nodes[args[0]]
    if source.dtype == dtype:
        return args[0]
    if source.op == "const" and dtype in _FOLDABLE:
        return b.const(float(_FOLDABLE[dtype](source.param)), dtype)
    return None


def _select(b: Builder, args: tuple[int, ...], dtype: str, param: Hashable) -> int | None:
    which, cases = args[0], args[1:]
    if all(case == cases[0] for case in cases):
        return cases[0]
    chosen = b.constant_value(which)
    return None if chosen is None else cases[int(chosen)]


def _total_order(b: Builder, args: tuple[int, ...], dtype: str, param: Hashable, op: str) -> int:
    """The total order of floating-point numbers is that of their bits, those of negative numbers turned over."""
    kind = b.nodes[args[0]].dtype
    if kind in FLOATS:
        width = {"float64": 64, "float32": 32}.get(kind, 16)
        whole = f"int{width}"
        zero, rest = b.const(0, whole), b.const((1 << (width - 1)) - 1, whole)
        keys = []
        for a in args:
            bits = b.emit("bitcast_convert_type", (a,), whole)
            negative = b.emit("lt", (bits, zero), "bool")
            keys.append(b.emit("select_n", (negative, bits, b.emit("xor", (bits, rest), whole)), whole))
        args = tuple(keys)
    return b.emit(op, args, dtype)


def _polygamma(b: Builder, args: tuple[int, ...], dtype: str, param: Hashable) -> int | None:
    """A known order is noted beside the operand that holds it, for those who generate code."""
    order = b.constant_value(args[0])
    if param is not None or order is None or order < 0 or order != int(order):
        return None
    if order == 0:
        return b.emit("digamma", args[1:], dtype)
    return b._intern(Node("polygamma", args, dtype, int(order)))


_RULES: dict[str, Callable[..., int | None]] = {
    "neg": _neg,
    "mul": _mul,
    "div": _div,
    "add": _add,
    "sub": _sub,
    "integer_pow": _integer_pow,
    "polygamma": _polygamma,
    "square": _square,
    "convert_element_type": _convert,
    "select_n": _select,
    "lt_to": functools.partial(_total_order, op="lt"),
    "le_to": functools.partial(_total_order, op="le"),
    "eq_to": functools.partial(_total_order, op="eq"),
}
