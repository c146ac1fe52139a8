"""Primitives that only move entries, on numpy arrays: on known operands, or on arrays of positions, which tell where
every entry of the result comes from.

A rule takes the equation's parameters, the array operands and the known index operands; it returns one array per
result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ccjac.errors import UnsupportedError
from ccjac.expand import OUTSIDE

Params = dict[str, Any]
Arrays = Sequence[np.ndarray]
Rule = Callable[[Params, Arrays, Arrays], list[np.ndarray]]


def _reshape(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    if params.get("dimensions") is not None:
        return [arrays[0].transpose(params["dimensions"]).reshape(params["new_sizes"])]
    return [arrays[0].reshape(params["new_sizes"])]


def _squeeze(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    return [np.squeeze(arrays[0], tuple(params["dimensions"]))]


def _expand_dims(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    return [np.expand_dims(arrays[0], tuple(params["dimensions"]))]


def _transpose(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    return [arrays[0].transpose(params["permutation"])]


def _broadcast(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    shape = params["shape"]
    spread = [1] * len(shape)
    for axis, size in zip(params["broadcast_dimensions"], arrays[0].shape, strict=True):
        spread[axis] = size
    return [np.broadcast_to(arrays[0].reshape(spread), shape)]


def _slice(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    strides = params["strides"] or (1,) * arrays[0].ndim
    window = tuple(map(slice, params["start_indices"], params["limit_indices"], strides))
    return [arrays[0][window]]


def _rev(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    return [np.flip(arrays[0], tuple(params["dimensions"]))]


def _concatenate(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    return [np.concatenate(arrays, axis=params["dimension"])]


def _split(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    return np.split(arrays[0], np.cumsum(params["sizes"])[:-1], axis=params["axis"])


def _stack(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    return [np.stack(arrays, axis=params["axis"])]


def _unstack(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    moved = np.moveaxis(arrays[0], params["axis"], 0)
    return [moved[k, ...] for k in range(len(moved))]


def _tile(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    return [np.tile(arrays[0], params["reps"])]


def _pad(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    array, padding = arrays
    for axis, (low, high, interior) in enumerate(params["padding_config"]):
        size = array.shape[axis]
        spread = size + max(size - 1, 0) * interior
        shape = list(array.shape)
        shape[axis] = spread + low + high
        padded = np.empty(shape, dtype=array.dtype)
        padded[...] = padding[()]
        # Where the entries land; negative padding cuts some of them off.
        target = np.arange(size) * (interior + 1) + low
        kept = (target >= 0) & (target < shape[axis])
        where: list[Any] = [slice(None)] * array.ndim
        where[axis] = target[kept]
        padded[tuple(where)] = np.compress(kept, array, axis=axis)
        array = padded
    return [array]


def _clamped_start(starts: Sequence[np.ndarray], shape: Sequence[int], sizes: Sequence[int]) -> list[slice]:
    return [
        slice(begin := int(np.clip(int(s), 0, n - k)), begin + k) for s, n, k in zip(starts, shape, sizes, strict=True)
    ]


def _dynamic_slice(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    return [arrays[0][tuple(_clamped_start(indices, arrays[0].shape, params["slice_sizes"]))]]


def _dynamic_update_slice(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    array, update = arrays
    array = array.copy()
    array[tuple(_clamped_start(indices, array.shape, update.shape))] = update
    return [array]


def _gather(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    """Of positions only: what lies outside is marked as such."""
    array, where = arrays[0], indices[0]
    numbers = params["dimension_numbers"]
    positions, inside = window_positions(
        where,
        array.shape,
        params["slice_sizes"],
        index_axes=numbers.start_index_map,
        operand_batch=numbers.operand_batching_dims,
        indices_batch=numbers.start_indices_batching_dims,
        # XLA moves every window inside; only `fill` asks first whether it lies there.
        clip="FILL" not in str(params["mode"]),
    )
    taken = np.full(positions.shape, OUTSIDE, dtype=array.dtype)
    if array.size:
        taken[inside] = array.ravel()[positions[inside]]
    batch_rank = where.ndim - 1
    dropped = set(numbers.collapsed_slice_dims) | set(numbers.operand_batching_dims)
    taken = taken.reshape(
        taken.shape[:batch_rank] + tuple(k for d, k in enumerate(params["slice_sizes"]) if d not in dropped)
    )
    return [np.moveaxis(taken, range(batch_rank, taken.ndim), numbers.offset_dims)]


def window_positions(
    where: np.ndarray,
    shape: Sequence[int],
    sizes: Sequence[int],
    *,
    index_axes: Sequence[int],
    operand_batch: Sequence[int],
    indices_batch: Sequence[int],
    clip: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Flat operand positions that the windows of a gather or scatter touch, and which windows lie inside.

    Args:
        where: ``[*batch, k]`` start indices.
        shape: The operand's shape.
        sizes: The window's size along every operand axis.
        index_axes: The operand axis that each of the ``k`` indices moves along.
        operand_batch: Operand axes that run along with the batch.
        indices_batch: The axes of ``where`` that they run along.
        clip: Move windows inside instead of leaving them out.

    Returns:
        Positions ``[*batch, *sizes]`` and a mask of the same shape.
    """
    batch = where.shape[:-1]
    rank = len(shape)
    start = np.zeros((*batch, rank), dtype=np.int64)
    for k, axis in enumerate(index_axes):
        start[..., axis] = where[..., k]
    for axis, along in zip(operand_batch, indices_batch, strict=True):
        steps = np.arange(batch[along]).reshape([-1 if d == along else 1 for d in range(len(batch))])
        start[..., axis] = steps
    limit = np.array(shape, dtype=np.int64) - np.array(sizes, dtype=np.int64)
    if clip:
        start = np.clip(start, 0, limit)
    inside = np.all((start >= 0) & (start <= limit), axis=-1)
    positions = np.zeros((*batch, *sizes), dtype=np.int64)
    for axis in range(rank):
        stride = math.prod(shape[axis + 1 :])
        along_window = np.arange(sizes[axis]).reshape([-1 if d == axis else 1 for d in range(rank)])
        positions = positions + (start[..., axis].reshape((*batch, *([1] * rank))) + along_window) * stride
    mask = np.broadcast_to(inside.reshape((*batch, *([1] * rank))), positions.shape)
    return positions, mask


def scatter_positions(
    params: Params, where: np.ndarray, shape: Sequence[int], updates_shape: Sequence[int]
) -> np.ndarray:
    """For every entry of a scatter's updates its flat position in the operand, -1 where it is dropped."""
    numbers = params["dimension_numbers"]
    window_dims = tuple(numbers.update_window_dims)
    dropped = set(numbers.inserted_window_dims) | set(numbers.operand_batching_dims)
    sizes_of_windows = iter(updates_shape[d] for d in window_dims)
    sizes = [1 if axis in dropped else next(sizes_of_windows) for axis in range(len(shape))]
    positions, inside = window_positions(
        where,
        shape,
        sizes,
        index_axes=numbers.scatter_dims_to_operand_dims,
        operand_batch=numbers.operand_batching_dims,
        indices_batch=numbers.scatter_indices_batching_dims,
        clip="CLIP" in str(params["mode"]),
    )
    batch_rank = where.ndim - 1
    flat = np.where(inside, positions, -1)
    flat = flat.reshape(flat.shape[:batch_rank] + tuple(updates_shape[d] for d in window_dims))
    return np.moveaxis(flat, range(batch_rank, flat.ndim), window_dims)


def _scatter(params: Params, arrays: Arrays, indices: Arrays) -> list[np.ndarray]:
    array, updates = arrays
    if params.get("update_jaxpr") is not None:
        raise UnsupportedError("a scatter with a custom combination")
    flat = array.ravel().copy()
    target = scatter_positions(params, indices[0], array.shape, updates.shape).ravel()
    inside = target >= 0
    # Of several updates of one entry the last one stays, as in a loop.
    flat[target[inside]] = updates.ravel()[inside]
    return [flat.reshape(array.shape)]


STRUCTURAL: dict[str, tuple[Rule, Callable[[int], tuple[list[int], list[int]]]]] = {}
"""Primitive name -> rule, and how its operands divide into arrays and known indices."""


def _register(rule: Rule, *names: str, arrays: int | None = None, indices_at: int | None = None) -> None:
    """``arrays=None``: all operands are arrays.  Otherwise the first ``arrays``, or all but the one at
    ``indices_at``.
    """

    def divide(n: int) -> tuple[list[int], list[int]]:
        if indices_at is not None:
            return [k for k in range(n) if k != indices_at], [indices_at]
        first = n if arrays is None else arrays
        return list(range(first)), list(range(first, n))

    for name in names:
        STRUCTURAL[name] = (rule, divide)


_register(_reshape, "reshape")
_register(_squeeze, "squeeze")
_register(_expand_dims, "expand_dims")
_register(_transpose, "transpose")
_register(_broadcast, "broadcast_in_dim")
_register(_slice, "slice")
_register(_rev, "rev")
_register(_concatenate, "concatenate")
_register(_split, "split")
_register(_stack, "stack")
_register(_unstack, "unstack")
_register(_tile, "tile")
_register(_pad, "pad")
_register(_dynamic_slice, "dynamic_slice", arrays=1)
_register(_dynamic_update_slice, "dynamic_update_slice", arrays=2)
_register(_gather, "gather", indices_at=1)
_register(_scatter, "scatter", indices_at=1)

IDENTITIES = frozenset(
    ("copy", "copy_p", "optimization_barrier", "device_put", "name", "sharding_constraint", "reshard", "pvary")
)
"""Primitives whose results are their operands."""
