"""Which entries the windows of convolutions and pools cover, as positions in their operands; -1 is padding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ccjac import expand
from ccjac.expand import unsupported


def convolution_positions(
    params: Any, left: tuple[int, ...], right: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, Callable[[tuple[int, ...]], np.ndarray]]:
    """What ``conv_general_dilated`` multiplies.

    Args:
        params: The equation's.
        left: Shape of the array.
        right: Shape of the weights.

    Returns:
        Positions in the array ``[groups, outputs, terms]``, positions in the weights ``[groups, channels, terms]``, and
        a function from the shape of the sums of products to the positions that arrange them as the result.
    """
    if params["batch_group_count"] != 1:
        raise unsupported("conv_general_dilated", "has groups in its batch")
    numbers, groups = params["dimension_numbers"], params["feature_group_count"]
    (array,) = expand.positions_of([left])
    (weights,) = expand.positions_of([right])
    array = array.transpose(numbers.lhs_spec)
    weights = weights.transpose(numbers.rhs_spec)
    samples, channels = array.shape[:2]
    outputs, _, *sizes = weights.shape
    rank = len(sizes)
    array = _padded(array, (0, 0, *([d - 1 for d in params["lhs_dilation"]])), ((0, 0), (0, 0), *params["padding"]))
    patches = _windows(array, 2, sizes, params["window_strides"], params["rhs_dilation"])
    spatial = patches.shape[2 : 2 + rank]
    # [samples, groups, channels of a group, *spatial, *window] -> [groups, samples and places, channels and window].
    patches = patches.reshape(samples, groups, channels // groups, math.prod(spatial), math.prod(sizes))
    patches = patches.transpose(1, 0, 3, 2, 4).reshape(groups, samples * math.prod(spatial), -1)
    table = weights.reshape(groups, outputs // groups, -1)

    def arranged(shape: tuple[int, ...]) -> np.ndarray:
        (positions,) = expand.positions_of([shape])
        whole = positions.reshape(groups, samples, *spatial, outputs // groups)
        whole = np.moveaxis(whole, -1, 1).reshape(outputs, samples, *spatial)
        whole = np.moveaxis(whole, 0, 1)
        return np.ascontiguousarray(whole.transpose(np.argsort(numbers.out_spec)))

    return patches, table, arranged


def window_positions(params: Any, shape: tuple[int, ...]) -> np.ndarray:
    """What a ``reduce_window`` reads: ``[*outputs, terms]``."""
    (array,) = expand.positions_of([shape])
    array = _padded(array, [d - 1 for d in params["base_dilation"]], params["padding"])
    sizes = params["window_dimensions"]
    windows = _windows(array, 0, sizes, params["window_strides"], params["window_dilation"])
    return windows.reshape(*windows.shape[: len(sizes)], math.prod(sizes))


def _padded(array: np.ndarray, interior: Sequence[int], edges: Sequence[tuple[int, int]]) -> np.ndarray:
    for axis, (between, (low, high)) in enumerate(zip(interior, edges, strict=True)):
        n = array.shape[axis]
        spread = np.full((*array.shape[:axis], max(n + (n - 1) * between, 0), *array.shape[axis + 1 :]), -1)
        at = (slice(None),) * axis
        spread[(*at, slice(None, None, between + 1))] = array
        widths = [(max(low, 0), max(high, 0)) if k == axis else (0, 0) for k in range(array.ndim)]
        wider = np.pad(spread, widths, constant_values=-1)
        # Negative padding takes entries away.
        array = wider[(*at, slice(max(-low, 0), wider.shape[axis] - max(-high, 0)))]
    return array


def _windows(
    array: np.ndarray, first: int, sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> np.ndarray:
    """``[*leading, *outputs, *window]`` over the axes from ``first`` on."""
    for k, (size, stride, dilation) in enumerate(zip(sizes, strides, dilations, strict=True)):
        # The axes of the windows before it lie at the end.
        axis = first + k
        places = (array.shape[axis] - (size - 1) * dilation - 1) // stride + 1
        index = np.arange(max(places, 0))[:, None] * stride + np.arange(size) * dilation
        array = np.moveaxis(np.take(array, index, axis), axis + 1, -1)
    return array
