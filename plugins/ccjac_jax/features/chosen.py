"""Count selections: reads and writes at computed places, and sorting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ccjac.expand.integers import MOST

from ..derivative import is_float
from ..indexing import indices_of
from .tally import Tally
from .values import Value, joined

_COMPARISON, _MOVE = 5.0, 2.0
"""Operations that compare two numbers, of which either may be NaN, and that exchange them."""


def choices(eqn: Any, operands: list[Value]) -> int:
    """How many numbers the result of an elementwise equation can be, 0 if any."""
    dtype = eqn.outvars[0].aval.dtype
    if dtype == np.bool_:
        return 2
    if dtype.kind not in "iu":
        return 0
    if eqn.primitive.name == "select_n":
        counts = [v.few for v in operands[1:]]
        total = sum(counts)
    else:
        counts = [v.few for v in operands]
        total = math.prod(counts)
    return total if all(counts) and total <= MOST else 0


def indexed(tally: Tally, eqn: Any, operands: list[Value]) -> Value:
    """One selection for every entry that moves and every place where it may be."""
    name, out = eqn.primitive.name, eqn.outvars[0].aval
    at = indices_of(name, len(operands))
    writes = "scatter" in name or "update" in name
    arrays = [v for k, v in enumerate(operands) if k not in at]
    places = math.prod(_starts(name, eqn.params, operands[0].shape, arrays[-1].shape if writes else ()))
    few = [operands[k].few for k in at]
    if all(few):
        # Of a gather's several indices each is one of few.
        width = operands[1].shape[-1] if len(at) == 1 and operands[1].shape else 1
        places = min(places, math.prod(few) ** max(width, 1))
    moved = float(math.prod(arrays[-1].shape)) if writes else float(out.size)
    size = moved * places
    active = [v for v in arrays if v.masks is not None] if is_float(out) else []
    if not active:
        tally.count(1.2 * size, active=False)
        return Value(out.shape)
    words = joined(active)
    masks = np.full(out.shape, words)
    mean = sum(tally.width(v.masks) / max(math.prod(v.shape), 1) for v in active)
    tally.count(1.2 * size, active=True, partials=size, edges=size, forward=2 * size * mean)
    return Value(out.shape, masks=masks, affine=False)


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
    """Every pair of a line is compared once."""
    outs = [v.aval for v in eqn.outvars]
    axis = eqn.params.get("dimension", eqn.params.get("axis", -1))
    n = operands[0].shape[axis] if operands[0].shape else 1
    lines = math.prod(operands[0].shape) / max(n, 1)
    wanted = outs[0].shape[axis] if outs[0].shape else 1
    pairs = lines * wanted * (n - wanted / 2)
    tally.count(pairs * (_COMPARISON * eqn.params.get("num_keys", 1) + _MOVE * (len(outs) + 1)), active=False)
    found = []
    for k, out in enumerate(outs):
        operand = operands[k] if k < len(operands) else None
        if operand is None or operand.masks is None or not is_float(out):
            found.append(Value(out.shape))
            continue
        edges = lines * wanted * n
        mean = tally.width(operand.masks) / max(math.prod(operand.shape), 1)
        tally.count(0, active=True, partials=2 * edges, edges=edges, forward=(1 if operand.unit else 2) * edges * mean)
        masks = np.bitwise_or.reduce(operand.words(), axis=axis, keepdims=True)
        found.append(Value(out.shape, masks=np.broadcast_to(masks, out.shape), affine=False))
    return found
