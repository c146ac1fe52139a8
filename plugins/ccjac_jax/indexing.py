"""Primitives that read or write at computed places, and those that sort: as :mod:`ccjac.expand` has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ccjac import expand
from ccjac.errors import UnsupportedError
from ccjac.expand import Expander, Forms, Value, lift, lookup, unsupported

from .names import label

IndexRule = Callable[[Expander, Any, list[Value]], Value]


def outside(eqn: Any) -> float | int | bool | None:
    """What a gather reads outside its operand: ``fill_value``, or NaN and the smallest integer as in JAX; ``None`` if
    it reads nothing there.
    """
    dtype = eqn.outvars[0].aval.dtype.name
    if (fill := eqn.params.get("fill_value")) is not None:
        return np.asarray(fill).item()
    if "FILL" not in str(eqn.params["mode"]):
        return None
    if expand.is_floating(dtype):
        return float("nan")
    if dtype == "bool":
        return True
    limits = np.iinfo(dtype)
    return int(limits.max if dtype.startswith("u") else limits.min)


def _starts(
    ex: Expander, where: Value, rank: int, index_axes: Sequence[int], operand_batch: Sequence[int], along: Sequence[int]
) -> np.ndarray:
    """``[*batch, rank]`` program values: where every window of a gather or scatter starts."""
    indices = lift(ex.builder, where).ids
    batch = indices.shape[:-1]
    starts = np.full((*batch, rank), ex.builder.const(0, "int32"), dtype=np.int64)
    for k, axis in enumerate(index_axes):
        starts[..., axis] = indices[..., k]
    for axis, dimension in zip(operand_batch, along, strict=True):
        steps = np.array([ex.builder.const(k, "int32") for k in range(batch[dimension])], dtype=np.int64)
        starts[..., axis] = steps.reshape([-1 if d == dimension else 1 for d in range(len(batch))])
    return starts


def _gather(ex: Expander, eqn: Any, operands: list[Value]) -> Value:
    array, where = operands
    numbers, sizes = eqn.params["dimension_numbers"], tuple(eqn.params["slice_sizes"])
    out = eqn.outvars[0].aval
    dtype, shape = out.dtype.name, np.shape(array)
    starts = _starts(
        ex,
        where,
        len(shape),
        numbers.start_index_map,
        numbers.operand_batching_dims,
        numbers.start_indices_batching_dims,
    )
    fill = outside(eqn)
    # XLA moves every window inside; only `fill` asks first whether it lies there.
    clip = "FILL" not in str(eqn.params["mode"])
    given = None if fill is None else ex.builder.const(fill, dtype)
    windows = lookup.gather(ex, array, starts, sizes, dtype, clip=clip, fill=given, label=label(eqn))
    (places,) = expand.positions_of([np.shape(windows)])
    batch_rank = starts.ndim - 1
    dropped = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    kept = [k for d, k in enumerate(sizes) if d not in dropped]
    places = places.reshape((*starts.shape[:-1], *kept))
    return expand.move(ex, [windows], np.moveaxis(places, range(batch_rank, places.ndim), numbers.offset_dims), dtype)


def _dynamic_slice(ex: Expander, eqn: Any, operands: list[Value]) -> Value:
    array, *indices = operands
    starts = np.array([int(lift(ex.builder, k).ids) for k in indices], dtype=np.int64)
    dtype = eqn.outvars[0].aval.dtype.name
    sizes = eqn.params["slice_sizes"]
    return lookup.gather(ex, array, starts, sizes, dtype, clip=True, fill=None, label=label(eqn))


def _dynamic_update_slice(ex: Expander, eqn: Any, operands: list[Value]) -> Value:
    array, update, *indices = operands
    starts = np.array([int(lift(ex.builder, k).ids) for k in indices], dtype=np.int64)
    dtype, sizes = eqn.outvars[0].aval.dtype.name, np.shape(update)
    return lookup.scatter(ex, array, starts, sizes, update, "set", dtype, clip=True, label=label(eqn))


def _scatter(ex: Expander, eqn: Any, operands: list[Value]) -> Value:
    base, where, updates = operands
    name, params = eqn.primitive.name, eqn.params
    op = "set" if name == "scatter" else SCATTERS[name]
    if op == "set" and params.get("update_jaxpr") is not None:
        raise UnsupportedError("a scatter with a custom combination")
    numbers = params["dimension_numbers"]
    shape, given = np.shape(base), np.shape(updates)
    starts = _starts(
        ex,
        where,
        len(shape),
        numbers.scatter_dims_to_operand_dims,
        numbers.operand_batching_dims,
        numbers.scatter_indices_batching_dims,
    )
    window_axes = tuple(numbers.update_window_dims)
    dropped = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
    lengths = iter(given[d] for d in window_axes)
    sizes = [1 if axis in dropped else next(lengths) for axis in range(len(shape))]
    (places,) = expand.positions_of([given])
    batch_rank = starts.ndim - 1
    arranged = np.moveaxis(places, window_axes, range(batch_rank, len(given))).reshape((*starts.shape[:-1], *sizes))
    dtype = eqn.outvars[0].aval.dtype.name
    windows = expand.move(ex, [updates], arranged, dtype)
    clip = "CLIP" in str(params["mode"])
    return lookup.scatter(ex, base, starts, sizes, windows, op, dtype, clip=clip, label=label(eqn))


SCATTERS = {"scatter-add": "add", "scatter_add": "add", "scatter-mul": "mul", "scatter_mul": "mul"}
SCATTERS |= {"scatter-min": "min", "scatter_min": "min", "scatter-max": "max", "scatter_max": "max"}
"""Primitive name -> the operation that combines an entry with its update."""

COMPUTED: dict[str, IndexRule] = {
    "gather": _gather,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "scatter": _scatter,
} | dict.fromkeys(SCATTERS, _scatter)
"""Primitive name -> rule for indices that are not known."""


def indices_of(name: str, n_operands: int) -> range:
    """Positions of the operands that are indices."""
    first = {"dynamic_slice": 1, "dynamic_update_slice": 2}.get(name)
    return range(1, 2) if first is None else range(first, n_operands)


# -- sorting -----------------------------------------------------------------------------------------------------------


def _sort(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    params = eqn.params
    return list(expand.sort(ex, operands, params["num_keys"], params["dimension"], label=label(eqn)))


def _top_k(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    shape, axis = np.shape(operands[0]), eqn.params.get("axis", -1) % max(len(np.shape(operands[0])), 1)
    dtype = eqn.outvars[1].aval.dtype
    places = np.arange(shape[axis], dtype=dtype).reshape([-1 if d == axis else 1 for d in range(len(shape))])
    both = [operands[0], np.broadcast_to(places, shape)]
    first = eqn.params["k"]
    return list(expand.sort(ex, both, 1, axis, label=label(eqn), first=first, descending=True, total_order=True))


SORTS = {"sort": _sort, "top_k": _top_k}
"""Primitive name -> rule for values, active ones included."""


def sort(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    """Sort values.

    Raises:
        UnsupportedError: Tangents cannot be sorted.
    """
    if any(isinstance(v, Forms) for v in operands):
        raise unsupported(eqn.primitive.name, "compares tangents in a derivative rule, which is not linear")
    return SORTS[eqn.primitive.name](ex, eqn, operands)
