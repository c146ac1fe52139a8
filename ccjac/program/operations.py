"""The vocabulary of scalar programs: every operation, what it takes and gives, and what it means.

Backends name these operations; evaluators, code generators and derivative rules index this table.  The names and the
special cases are those of the ``jax.lax`` primitives.  An operation whose meaning is ``None`` exists in a framework
only: a program with it runs as that framework's own operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from . import meanings
from .meanings import Meaning

FUNCTION = 40
"""Price of a function that a library computes."""
POLYNOMIAL = 16
"""Price of a function that a kernel computes itself."""


@dataclass(frozen=True)
class Operation:
    """One operation on single numbers.

    Attributes:
        arity: Number of operands; ``None`` for ``select_n``, which takes one or more after the first.
        operands: Kinds of numbers that it is defined on, numpy's letters: ``f`` floating, ``i`` and ``u`` signed and
            unsigned integers, ``b`` bool.  They are those of the first operand.
        result: The result's type: that of the ``"first"`` or the ``"last"`` operand, ``"bool"``, or the one that the
            ``"node"`` names.
        cost: Rough price in units of one multiplication.
        meaning: The numpy implementation.
        commutative: Whether the two operands may be exchanged.
        function: Whether it is a transcendental function, for which a library may have to be called.
        about: What the name alone does not say, its ``param`` above all.
    """

    arity: int | None
    operands: str
    result: Literal["first", "last", "bool", "node"] = "first"
    cost: int = 1
    meaning: Meaning | None = None
    commutative: bool = False
    function: bool = False
    about: str = ""


def _arithmetic(function: Callable[..., Any], *, commutative: bool = False) -> Operation:
    return Operation(2, "fiu", meaning=meanings.plain(function), commutative=commutative)


def _comparison(function: Callable[..., Any], *, commutative: bool = False) -> Operation:
    return Operation(2, "fiub", "bool", meaning=meanings.plain(function), commutative=commutative)


def _bitwise(function: Callable[..., Any], arity: int = 2) -> Operation:
    return Operation(arity, "iub", meaning=meanings.plain(function), commutative=arity == 2)


def _function(meaning: Meaning | None, *, arity: int = 1, cost: int = FUNCTION, about: str = "") -> Operation:
    return Operation(arity, "f", cost=cost, meaning=meaning, function=True, about=about)


def _of_numpy(function: Callable[..., Any], *, arity: int = 1, cost: int = FUNCTION) -> Operation:
    return _function(meanings.plain(function), arity=arity, cost=cost)


def _order(about: str) -> Operation:
    return Operation(2, "fiub", "bool", about=about)


OPERATIONS: dict[str, Operation] = {
    # arithmetic
    "add": _arithmetic(np.add, commutative=True),
    "sub": _arithmetic(np.subtract),
    "mul": _arithmetic(np.multiply, commutative=True),
    "div": Operation(2, "fiu", cost=8, meaning=meanings.div, about="Integers: truncated; -1 where the divisor is 0."),
    "rem": Operation(
        2, "fiu", cost=FUNCTION, meaning=meanings.rem, function=True, about="Of the dividend's sign, as C's `fmod`."
    ),
    "neg": Operation(1, "fiu", meaning=meanings.plain(np.negative)),
    "abs": Operation(1, "fiu", meaning=meanings.plain(np.abs)),
    "sign": Operation(1, "fiu", meaning=meanings.sign, about="Zeros keep their sign, NaN stays NaN."),
    "square": Operation(1, "fiu", meaning=meanings.plain(np.square)),
    "integer_pow": Operation(1, "fiu", meaning=meanings.integer_pow, about="param: the exponent, an int."),
    "max": Operation(
        2, "fiub", meaning=meanings.MAX, about="NaN if either is; +0 is larger than -0 (IEEE 754-2019 maximum)."
    ),
    "min": Operation(2, "fiub", meaning=meanings.MIN, about="NaN if either is; -0 is smaller than +0."),
    "clamp": Operation(
        3, "fiu", "last", meaning=meanings.clamp, about="Operands: low, x, high; min(max(x, low), high)."
    ),
    # rounding
    "floor": Operation(1, "f", meaning=meanings.plain(np.floor)),
    "ceil": Operation(1, "f", meaning=meanings.plain(np.ceil)),
    "round": Operation(
        1, "f", meaning=meanings.round_, about="param: 1 for halves to even; 0 or None for halves away from zero."
    ),
    "nextafter": Operation(2, "f", cost=FUNCTION, meaning=meanings.plain(np.nextafter), function=True),
    "reduce_precision": Operation(
        1, "f", meaning=meanings.reduce_precision, about='param: (("exponent_bits", e), ("mantissa_bits", m)).'
    ),
    # roots, powers, exponentials, logarithms
    "sqrt": Operation(1, "f", cost=8, meaning=meanings.plain(np.sqrt)),
    "rsqrt": Operation(1, "f", cost=16, meaning=meanings.rsqrt),
    "cbrt": _of_numpy(np.cbrt),
    "pow": Operation(
        2, "f", cost=FUNCTION, meaning=meanings.pow_, function=True, about="The exponent may be an integer."
    ),
    "exp": _of_numpy(np.exp, cost=POLYNOMIAL),
    "exp2": _of_numpy(np.exp2),
    "expm1": _of_numpy(np.expm1),
    "log": _of_numpy(np.log, cost=POLYNOMIAL),
    "log1p": _of_numpy(np.log1p),
    "logistic": _function(meanings.logistic, about="1 / (1 + exp(-x))."),
    # circular and hyperbolic
    "sin": _of_numpy(np.sin, cost=POLYNOMIAL),
    "cos": _of_numpy(np.cos, cost=POLYNOMIAL),
    "tan": _of_numpy(np.tan, cost=POLYNOMIAL),
    "asin": _of_numpy(np.arcsin),
    "acos": _of_numpy(np.arccos),
    "atan": _of_numpy(np.arctan),
    "atan2": _of_numpy(np.arctan2, arity=2),
    "sinh": _of_numpy(np.sinh),
    "cosh": _of_numpy(np.cosh),
    "tanh": _of_numpy(np.tanh, cost=POLYNOMIAL),
    "asinh": _of_numpy(np.arcsinh),
    "acosh": _of_numpy(np.arccosh),
    "atanh": _of_numpy(np.arctanh),
    # special functions
    "erf": _function(meanings.in_double(math.erf), cost=POLYNOMIAL),
    "erfc": _function(meanings.in_double(math.erfc)),
    "erf_inv": _function(meanings.in_double(meanings.erf_inv)),
    "lgamma": _function(meanings.in_double(meanings.lgamma), about="Of the absolute value of the gamma function."),
    "digamma": _function(meanings.in_double(meanings.digamma)),
    "polygamma": _function(
        meanings.polygamma, arity=2, about="Operands: order, x; param: the order, an int, if known."
    ),
    "zeta": _function(None, arity=2, about="Hurwitz's: operands x, q."),
    "igamma": _function(None, arity=2, about="Regularized, lower; operands a, x."),
    "igammac": _function(None, arity=2, about="Regularized, upper; operands a, x."),
    "igamma_grad_a": _function(None, arity=2),
    "random_gamma_grad": _function(None, arity=2),
    "regularized_incomplete_beta": _function(None, arity=3, about="Operands: a, b, x."),
    "bessel_i0e": _function(meanings.in_double(meanings.bessel(0)), about="exp(-abs(x)) I0(x)."),
    "bessel_i1e": _function(meanings.in_double(meanings.bessel(1)), about="exp(-abs(x)) I1(x)."),
    # comparison
    "eq": _comparison(np.equal, commutative=True),
    "ne": _comparison(np.not_equal, commutative=True),
    "lt": _comparison(np.less),
    "le": _comparison(np.less_equal),
    "gt": _comparison(np.greater),
    "ge": _comparison(np.greater_equal),
    "eq_to": _order("In the total order of IEEE 754: -NaN, -inf, ..., -0, +0, ..., +inf, +NaN."),
    "lt_to": _order("In the total order."),
    "le_to": _order("In the total order."),
    "is_finite": Operation(1, "f", "bool", meaning=meanings.plain(np.isfinite)),
    # logic and bits; of bools: and, or, xor, not
    "and": _bitwise(np.bitwise_and),
    "or": _bitwise(np.bitwise_or),
    "xor": _bitwise(np.bitwise_xor),
    "not": _bitwise(np.bitwise_not, 1),
    "shift_left": Operation(2, "iu", meaning=meanings.shift("left"), about="0 for counts of the width and more."),
    "shift_right_logical": Operation(2, "iu", meaning=meanings.shift("logical"), about="Zeros enter."),
    "shift_right_arithmetic": Operation(2, "iu", meaning=meanings.shift("arithmetic"), about="The sign enters."),
    "population_count": Operation(1, "iu", meaning=meanings.population_count),
    "clz": Operation(1, "iu", meaning=meanings.clz, about="Leading zeros; the width for 0."),
    # selection and types
    "select_n": Operation(
        None,
        "iub",
        "last",
        meaning=meanings.select_n,
        about="Operands: which, case 0, case 1, ...; False is case 0, True case 1, an index beyond the cases the "
        "nearest one.",
    ),
    "convert_element_type": Operation(
        1,
        "fiub",
        "node",
        meaning=meanings.convert,
        about="To integers: towards zero, saturating, NaN to 0; to bool: whether not 0.",
    ),
    "bitcast_convert_type": Operation(
        1, "fiub", "node", meaning=lambda args, dtype, param: args[0].view(dtype), about="The same bits, same width."
    ),
    "copy": Operation(1, "fiub", meaning=lambda args, dtype, param: args[0]),
}
"""Operation by name.  ``"input"`` and ``"const"`` are no operations but the leaves of a program."""

LEAVES = {"input": 1, "const": 0}
"""Prices of what is no operation."""


def price(op: str) -> int:
    """Rough price of a node in units of one multiplication; of an operation that nobody knows that of a function."""
    if op in LEAVES:
        return LEAVES[op]
    return OPERATIONS[op].cost if op in OPERATIONS else FUNCTION


def is_function(op: str) -> bool:
    """Whether a node is a transcendental function."""
    return op not in LEAVES and (op not in OPERATIONS or OPERATIONS[op].function)
