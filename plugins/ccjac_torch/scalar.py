"""The operations of scalar programs as torch operations: how programs run without a kernel, and what torch
differentiates where a program itself is differentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ccjac.errors import UnsupportedError
from ccjac.program.program import Node

from .shadows import TYPES


def _select(which: Any, *cases: Any) -> Any:
    if len(cases) == 2:
        return torch.where(_truth(which), cases[1], cases[0])
    result = cases[0]
    for k, case in enumerate(cases[1:], start=1):
        result = torch.where(which >= k, case, result)
    return result


def _truth(x: Any) -> Any:
    return x if x.dtype == torch.bool else x != 0


def _clamp(low: Any, x: Any, high: Any) -> Any:
    return torch.minimum(torch.maximum(x, low), high)


def _logical(boolean: Callable[..., Any], bitwise: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: (boolean if args[0].dtype == torch.bool else bitwise)(*args)


def _cube_root(x: Any) -> Any:
    return torch.sign(x) * torch.abs(x) ** (1.0 / 3.0)


def _away_from_zero(x: Any) -> Any:
    return torch.sign(x) * torch.floor(torch.abs(x) + 0.5)


CALLS: dict[str, Callable[..., Any]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "rem": torch.fmod,
    "neg": torch.neg,
    "abs": torch.abs,
    "sign": torch.sign,
    "square": torch.square,
    "pow": torch.pow,
    "max": torch.maximum,
    "min": torch.minimum,
    "clamp": _clamp,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "nextafter": torch.nextafter,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "cbrt": _cube_root,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "logistic": torch.sigmoid,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "atan2": torch.atan2,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "asinh": torch.asinh,
    "acosh": torch.acosh,
    "atanh": torch.atanh,
    "erf": torch.erf,
    "erfc": torch.erfc,
    "erf_inv": torch.erfinv,
    "lgamma": torch.lgamma,
    "digamma": torch.digamma,
    "bessel_i0e": torch.special.i0e,
    "bessel_i1e": torch.special.i1e,
    "eq": torch.eq,
    "ne": torch.ne,
    "lt": torch.lt,
    "le": torch.le,
    "gt": torch.gt,
    "ge": torch.ge,
    "and": _logical(torch.logical_and, torch.bitwise_and),
    "or": _logical(torch.logical_or, torch.bitwise_or),
    "xor": _logical(torch.logical_xor, torch.bitwise_xor),
    "not": _logical(torch.logical_not, torch.bitwise_not),
    "is_finite": torch.isfinite,
    "select_n": _select,
    "copy": lambda x: x.clone(),
}
"""Operation -> torch function; operations with a parameter are in :func:`call_of`."""


def call_of(node: Node) -> Callable[..., Any]:
    """The torch function of a program's operation.

    Raises:
        UnsupportedError: torch has none.
    """
    if node.op == "integer_pow":
        return lambda x: torch.pow(x, node.param)
    if node.op == "polygamma" and isinstance(node.param, int):
        return lambda order, x: torch.polygamma(node.param, x)
    if node.op == "round":
        return torch.round if node.param == 1 else _away_from_zero
    if node.op == "convert_element_type":
        return lambda x: x.to(TYPES[node.dtype])
    if node.op not in CALLS:
        raise UnsupportedError(f"torch has no operation `{node.op}`")
    return CALLS[node.op]
