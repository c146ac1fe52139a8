"""Equations on known arrays whose meaning numpy shares with JAX, to spare a compilation for each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .structural import IDENTITIES, STRUCTURAL

_SHARED: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "neg": np.negative,
    "max": np.maximum,
    "min": np.minimum,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "not": np.invert,
    "abs": np.abs,
    "square": np.square,
    "stop_gradient": np.asarray,
}


def on_numpy(eqn: Any, operands: list[np.ndarray]) -> list[np.ndarray] | None:
    """The results, or ``None`` if JAX has to compute them."""
    name: str = eqn.primitive.name
    dtype: Any = eqn.outvars[0].aval.dtype if eqn.outvars else None
    if name in STRUCTURAL and name != "gather":
        rule, divide = STRUCTURAL[name]
        arrays, indices = divide(len(operands))
        return rule(eqn.params, [operands[k] for k in arrays], [operands[k] for k in indices])
    if name in IDENTITIES:
        return operands
    if name in _SHARED:
        with np.errstate(all="ignore"):
            return [np.asarray(_SHARED[name](*operands), dtype=dtype)]
    if name == "div" and dtype.kind == "f":
        with np.errstate(all="ignore"):
            return [np.asarray(np.divide(*operands), dtype=dtype)]
    if name == "iota":
        along = eqn.params["dimension"]
        shape = eqn.params["shape"]
        row = np.arange(shape[along], dtype=dtype).reshape([-1 if d == along else 1 for d in range(len(shape))])
        return [np.broadcast_to(row, shape)]
    if name == "convert_element_type" and (dtype.kind == "f" or operands[0].dtype.kind in "biu"):
        return [operands[0].astype(dtype)]
    return None
