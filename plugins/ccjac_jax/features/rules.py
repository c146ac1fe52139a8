"""Count an equation: what its parameters mean to the counts."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from ccjac import counting
from ccjac.counting import Tally, Value
from ccjac.spec import Spec

from ..derivative import is_float
from ..indexing import indices_of
from ..names import ELEMENTWISE
from ..structural import STRUCTURAL, scatter_positions

_SUMS = frozenset({"reduce_sum", "cumsum", "scatter-add", "scatter_add", "reduce_window_sum"})


def constant(value: Any) -> Value:
    """A constant of a jaxpr."""
    if isinstance(value, jax.core.Tracer):
        return Value(np.shape(value))
    small = np.size(value) <= counting.KNOWN_SIZE
    small = small and not jax.numpy.issubdtype(jax.typeof(value).dtype, jax.dtypes.extended)
    return Value(np.shape(value), True, np.asarray(value) if small else None)


def spec(aval: Any) -> Spec:
    return Spec(aval.shape, str(aval.dtype))


def elementwise(tally: Tally, eqn: Any, out: Any, operands: list[Value]) -> Value:
    name = eqn.primitive.name
    stops = name == "stop_gradient"
    return counting.elementwise(tally, ELEMENTWISE.get(name, name), spec(out), operands, stops=stops)


def moved(tally: Tally, eqn: Any, operands: list[Value]) -> list[Value]:
    rule, divide = STRUCTURAL[eqn.primitive.name]
    places, index_places = divide(len(operands))
    indices: list[Any] = [operands[k].array for k in index_places]
    rearrange = None if any(i is None for i in indices) else lambda positions: rule(eqn.params, positions, indices)
    return counting.moved(tally, [operands[k] for k in places], [v.aval.shape for v in eqn.outvars], rearrange)


def contraction(tally: Tally, eqn: Any, out: Any, operands: list[Value]) -> Value:
    axes, batch = eqn.params["dimension_numbers"]
    return counting.contraction(tally, out.shape, operands, axes, batch)


def reduced(tally: Tally, eqn: Any, out: Any, operands: list[Value]) -> Value:
    name, params, value = eqn.primitive.name, eqn.params, operands[0]
    if name in ("argmax", "argmin") or not is_float(out):
        tally.count((6 if name.startswith("arg") else 1) * math.prod(value.shape), active=False)
        return Value(out.shape)
    sums = name in _SUMS
    if name.startswith("reduce_") and "axes" in params:
        return counting.summed(tally, out.shape, value, params["axes"], sums=sums)
    if name.startswith("cum"):
        return counting.running(tally, value, params["axis"], reverse=params["reverse"], sums=sums)
    if name.startswith("scatter") and operands[1].array is not None:
        targets = scatter_positions(params, operands[1].array, value.shape, operands[2].shape)
        return counting.added_at(tally, value, targets, operands[2], sums=sums)
    taps, linear = _taps(name, params, operands), sums or _is_linear(name, operands)
    return counting.combined(tally, out.shape, operands, taps, sums=sums, linear=linear)


def _is_linear(name: str, operands: list[Value]) -> bool:
    """Whether a convolution or a solve is linear in its one operand that is not known, and that is not the matrix."""
    unknown = [k for k, v in enumerate(operands) if not v.known]
    return unknown == [1] if name == "triangular_solve" else name == "conv_general_dilated" and len(unknown) == 1


def _taps(name: str, params: dict[str, Any], operands: list[Value]) -> float:
    """Products per entry of a result that a matrix, a window or a convolution's kernel makes."""
    if name == "reduce_window_sum":
        return float(np.prod(params["window_dimensions"]))
    if name == "conv_general_dilated":
        kernel = operands[1].shape
        return float(np.prod(kernel)) / max(kernel[params["dimension_numbers"].rhs_spec[0]], 1)
    return float(np.prod(operands[0].shape[-1:], dtype=np.int64))


def factored(tally: Tally, eqn: Any, operands: list[Value]) -> list[Value]:
    return counting.factored(tally, eqn.primitive.name, [spec(v.aval) for v in eqn.outvars], operands)


def indexed(tally: Tally, eqn: Any, operands: list[Value]) -> Value:
    """A read or write at computed places."""
    name, out = eqn.primitive.name, eqn.outvars[0].aval
    at = indices_of(name, len(operands))
    writes = "scatter" in name or "update" in name
    arrays = [v for k, v in enumerate(operands) if k not in at]
    places = math.prod(_starts(name, eqn.params, operands[0].shape, arrays[-1].shape if writes else ()))
    moved = math.prod(arrays[-1].shape) if writes else out.size
    width = operands[1].shape[-1] if len(at) == 1 and operands[1].shape else 1
    return counting.indexed(tally, spec(out), arrays, [operands[k] for k in at], places, moved, width)


def _starts(name: str, params: dict[str, Any], shape: tuple[int, ...], window: tuple[int, ...]) -> list[int]:
    """How many starts there are along every axis that an index moves along."""
    if name == "dynamic_update_slice":
        return [n - k + 1 for n, k in zip(shape, window, strict=True)]
    if name == "dynamic_slice":
        return [n - k + 1 for n, k in zip(shape, params["slice_sizes"], strict=True)]
    numbers = params["dimension_numbers"]
    if name == "gather":
        return [shape[d] - params["slice_sizes"][d] + 1 for d in numbers.start_index_map]
    inserted = numbers.inserted_window_dims
    return [shape[d] if d in inserted else 1 for d in numbers.scatter_dims_to_operand_dims]


def sorted_(tally: Tally, eqn: Any, operands: list[Value]) -> list[Value]:
    axis = eqn.params.get("dimension", eqn.params.get("axis", -1))
    return counting.sorted_(
        tally, [spec(v.aval) for v in eqn.outvars], operands, axis, n_keys=eqn.params.get("num_keys", 1)
    )
