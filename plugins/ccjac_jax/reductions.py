"""Reductions, scans along an axis, contractions and scatters: what they are called and where they find their axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ccjac import expand
from ccjac.expand import Expander, Value, is_known, unsupported

from .indexing import SCATTERS
from .structural import scatter_positions

ReductionRule = Callable[[Expander, Any, list[Value]], Value]

REDUCERS = {
    "reduce_sum": "add",
    "reduce_prod": "mul",
    "reduce_max": "max",
    "reduce_min": "min",
    "reduce_and": "and",
    "reduce_or": "or",
    "reduce_xor": "xor",
}
CUMULATIVE = {"cumsum": "add", "cumprod": "mul", "cummax": "max", "cummin": "min"}


def _reduce(ex: Expander, eqn: Any, operands: list[Value]) -> Value:
    return expand.reduce(ex, operands[0], tuple(eqn.params["axes"]), REDUCERS[eqn.primitive.name])


def _running(ex: Expander, eqn: Any, operands: list[Value]) -> Value:
    op = CUMULATIVE[eqn.primitive.name]
    return expand.running(ex, operands[0], eqn.params["axis"], op, reverse=eqn.params["reverse"])


def _argument(ex: Expander, eqn: Any, operands: list[Value]) -> Value:
    dtype, largest = eqn.outvars[0].aval.dtype.name, eqn.primitive.name == "argmax"
    return expand.argument(ex, operands[0], tuple(eqn.params["axes"]), dtype, largest=largest)


def _dot_general(ex: Expander, eqn: Any, operands: list[Value]) -> Value:
    contracted, batch = eqn.params["dimension_numbers"]
    dtype = eqn.outvars[0].aval.dtype.name
    return expand.contract(ex, *operands, batch=batch, contracted=contracted, dtype=dtype)


def _scatter_combine(ex: Expander, eqn: Any, operands: list[Value]) -> Value:
    base, where, updates = operands
    targets = scatter_positions(eqn.params, np.asarray(where), base.shape, updates.shape)
    return expand.combine_at(ex, base, targets, updates, SCATTERS[eqn.primitive.name])


def _by_matrix(ex: Expander, eqn: Any, operands: list[Value]) -> Value:
    """A linear operation with one operand that is not known: apply it to the unit vectors, for a linear map is its
    matrix.
    """
    places = [k for k, v in enumerate(operands) if not is_known(v)]
    if len(places) != 1 or len(eqn.outvars) != 1:
        raise unsupported(eqn.primitive.name)
    (place,) = places
    aval, out = eqn.invars[place].aval, eqn.outvars[0].aval
    ex.recorder.check_size(aval.size * out.size)

    def applied(unit: Any) -> Any:
        return eqn.primitive.bind(*(unit if k == place else v for k, v in enumerate(operands)), **eqn.params)

    with jax.ensure_compile_time_eval():
        basis = jax.numpy.eye(aval.size, dtype=aval.dtype).reshape((aval.size, *aval.shape))
        columns = np.asarray(jax.vmap(applied)(basis)).reshape(aval.size, -1)
    return expand.by_matrix(ex, operands[place], columns.T, out.shape, out.dtype.name)


REDUCTIONS: dict[str, ReductionRule] = (
    dict.fromkeys(REDUCERS, _reduce)
    | dict.fromkeys(CUMULATIVE, _running)
    | dict.fromkeys(SCATTERS, _scatter_combine)
    | dict.fromkeys(("conv_general_dilated", "reduce_window_sum"), _by_matrix)
    | {"argmax": _argument, "argmin": _argument, "dot_general": _dot_general}
)
"""Primitive name -> rule for values and forms; where an operand is active, the tangents come from JAX's own rule."""

LINEAR_ONLY: dict[str, ReductionRule] = {"reduce_precision": _by_matrix}
"""Rules that hold for forms alone."""
