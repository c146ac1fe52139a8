"""Elementwise operations on tangents: what derivative rules consist of.

An operand is either :class:`~ccjac.expand.values.Forms` (linear in the tangents) or a primal value (a residual).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .expander import Expander, unsupported
from .values import Forms, Value, lift, linear_entries, zero_forms

Shape = tuple[int, ...]
LinearRule = Callable[[Expander, Sequence[Value], Shape, str], Forms]


def apply(ex: Expander, op: str, operands: Sequence[Value], shape: Shape, dtype: str) -> Forms:
    """An elementwise operation with forms among its operands.

    Raises:
        UnsupportedError: The operation is not linear, or not known to be: a user's derivative rule may clip, for
            example.
    """
    if op not in LINEAR:
        raise unsupported(op, "is applied to tangents in a derivative rule and is not known to be linear")
    return LINEAR[op](ex, operands, shape, dtype)


def _map(function: Callable[..., Any], shape: Shape, *arrays: np.ndarray) -> Forms:
    out = zero_forms(shape)
    spread = [np.broadcast_to(a, shape) for a in arrays]
    for place in np.ndindex(shape):
        out[place] = function(*(a[place] for a in spread))
    return Forms(out)


def _add(ex: Expander, operands: Sequence[Value], shape: Shape, dtype: str) -> Forms:
    return _map(ex.add, shape, *map(linear_entries, operands))


def _neg(ex: Expander, operands: Sequence[Value], shape: Shape, dtype: str) -> Forms:
    minus = ex.builder.const(-1.0, dtype)
    return _map(lambda x: ex.scale(x, minus), shape, linear_entries(operands[0]))


def _sub(ex: Expander, operands: Sequence[Value], shape: Shape, dtype: str) -> Forms:
    minus = ex.builder.const(-1.0, dtype)
    return _map(lambda x, y: ex.add(x, ex.scale(y, minus)), shape, *map(linear_entries, operands))


def _mul(ex: Expander, operands: Sequence[Value], shape: Shape, dtype: str) -> Forms:
    a, b = operands
    if isinstance(a, Forms) and isinstance(b, Forms):
        raise unsupported("mul", "multiplies two tangents in a derivative rule")
    forms, factor = (a, b) if isinstance(a, Forms) else (b, a)
    return _map(lambda x, c: ex.scale(x, int(c)), shape, forms.entries, lift(ex.builder, factor).ids)


def _div(ex: Expander, operands: Sequence[Value], shape: Shape, dtype: str) -> Forms:
    forms, divisor = operands
    if isinstance(divisor, Forms):
        raise unsupported("div", "divides by a tangent in a derivative rule")
    return _map(lambda x, c: ex.scale(x, int(c), "div"), shape, forms.entries, lift(ex.builder, divisor).ids)


def _select(ex: Expander, operands: Sequence[Value], shape: Shape, dtype: str) -> Forms:
    which, *cases = operands
    if isinstance(which, Forms):
        raise unsupported("select_n", "selects by a tangent in a derivative rule")
    ids = lift(ex.builder, which).ids
    return _map(lambda k, *forms: ex.choose(int(k), forms), shape, ids, *map(linear_entries, cases))


def _convert(ex: Expander, operands: Sequence[Value], shape: Shape, dtype: str) -> Forms:
    # Coefficients keep their own type; products meet in the wider one.
    return Forms(linear_entries(operands[0]))


LINEAR: dict[str, LinearRule] = {
    "add": _add,
    "sub": _sub,
    "neg": _neg,
    "mul": _mul,
    "div": _div,
    "select_n": _select,
    "convert_element_type": _convert,
}
"""Operation -> rule."""
