"""Count an equation: by what it does to patterns, and by what it costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ccjac.expand import positions_of
from ccjac.settings import limits

from ..derivative import is_float
from ..structural import STRUCTURAL, scatter_positions
from . import chosen
from .tally import Tally
from .values import Enough, Value, joined

_FREE = frozenset({"add", "sub", "neg", "convert_element_type", "copy", "add_any", "stop_gradient"})
"""Their partials are constants."""
_LINEAR = _FREE | {"mul", "div"}
_PARTIALS = dict.fromkeys(("mul", "exp", "exp2"), 0) | dict.fromkeys(("div", "integer_pow", "tanh", "logistic"), 2)
"""Operations that an operation's partials need beside its value; others need one."""
# fmt: off
_CHEAP = _LINEAR | {
    "max", "min", "select_n", "square", "integer_pow", "sqrt", "rsqrt", "abs", "sign", "floor", "ceil", "round",
    "clamp", "and", "or", "not", "xor", "eq", "ne", "lt", "le", "gt", "ge", "is_finite", "rem", "shift_left",
}
# fmt: on
"""All but exponentials, sines and the like."""


def moved(tally: Tally, eqn: Any, operands: list[Value]) -> list[Value]:
    rule, divide = STRUCTURAL[eqn.primitive.name]
    places, index_places = divide(len(operands))
    arrays, indices = [operands[k] for k in places], [operands[k] for k in index_places]
    outs = [v.aval for v in eqn.outvars]
    if all(v.masks is None for v in arrays):
        choices = max(v.few for v in arrays) if all(v.few for v in arrays) else 0
        return [Value(a.shape, choices=choices) for a in outs]
    affine = all(v.affine for v in arrays)
    if any(v.array is None for v in indices):
        word = joined(arrays)
        return [Value(a.shape, masks=np.full(a.shape, word), affine=affine) for a in outs]
    if (
        sum(np.prod(v.shape, dtype=np.int64) for v in arrays) + sum(a.size for a in outs) > 10 * limits().program_values
        and not tally.linear
    ):
        tally.counted.operations = 10 * limits().program_values
        raise Enough
    moved = rule(eqn.params, positions_of([v.shape for v in arrays]), [v.array for v in indices])  # type: ignore[misc]
    words = np.concatenate([*(v.words().ravel() for v in arrays), np.zeros(1, np.uint64)])
    unit = all(v.unit or v.masks is None for v in arrays)
    return [Value(p.shape, masks=words[p], affine=affine, unit=unit) for p in moved]


def elementwise(tally: Tally, eqn: Any, out: Any, operands: list[Value]) -> Value:
    name = eqn.primitive.name
    active = [v for v in operands if v.masks is not None] if is_float(out) else []
    if name not in _CHEAP:
        tally.counted.functions += tally.weight * out.size
    if not active or name == "stop_gradient":
        tally.count(out.size, active=False)
        return Value(out.shape, choices=chosen.choices(eqn, operands))
    if name == "select_n" and operands[0].known and operands[0].array is not None and len(operands) == 3:
        # A choice that is known moves entries.
        which = np.broadcast_to(operands[0].array, out.shape)
        words = np.where(which, operands[2].words(), operands[1].words())
        return Value(out.shape, masks=words, affine=all(v.affine for v in active))
    masks = np.zeros(out.shape, np.uint64)
    for v in active:
        masks = masks | v.words()
    affine = all(v.affine for v in active)
    if name not in _FREE:
        # A product with what is known, a quotient by it.
        others = operands[1:] if name == "div" else [v for v in operands if v is not active[0]]
        affine = affine and name in ("mul", "div") and len(active) == 1 and all(v.known for v in others)
    size = float(out.size)
    edges = len(active) * size
    unit = name in _FREE and all(v.unit for v in active)
    if name in ("add", "sub", "add_any"):
        # Sums where rows overlap.
        inward = sum(tally.width(np.broadcast_to(v.words(), out.shape)) for v in active)
        tally.count(size, active=True, edges=edges, forward=inward - tally.width(masks), folded=affine)
    elif name in _FREE:
        tally.count(size if name == "neg" else 0.0, active=True, edges=edges)
    else:
        partials = 0.0 if affine else size * _PARTIALS.get(name, 1)
        scaled = [v for v in active if not v.unit]
        forward = len(scaled) * tally.width(masks)
        tally.count(size, active=True, partials=partials, edges=edges, forward=forward, folded=affine)
    return Value(out.shape, masks=masks, affine=affine, unit=unit)


def contraction(tally: Tally, eqn: Any, out: Any, operands: list[Value]) -> Value:
    (left_axes, right_axes), (left_batch, right_batch) = eqn.params["dimension_numbers"]
    length = int(np.prod([operands[0].shape[d] for d in left_axes], dtype=np.int64))
    size = float(out.size) * length
    density = 1.0
    for v in operands:
        if v.known and v.array is not None and v.array.size:
            density *= np.count_nonzero(v.array) / v.array.size
    active = [v for v in operands if v.masks is not None]
    if active:
        tally.counted.contractions += tally.weight * size
    tally.count(2 * size * density, active=False)
    if not active:
        return Value(out.shape)
    affine = len(active) == 1 and active[0].affine and any(v.known for v in operands)
    masks = np.zeros(out.shape, np.uint64)
    for k, batch in enumerate((left_batch, right_batch)):
        if operands[k].masks is not None:
            masks = masks | _contracted(operands, k, (left_axes, right_axes), batch, out.shape)
    tally.count(0, active=True, edges=len(active) * size * density)
    for v in operands:
        if v.masks is not None:
            # Every entry of this operand meets the other operand's free entries.
            fan = size * density / max(math.prod(v.shape), 1)
            tally.count(0, active=True, forward=(1 if v.unit else 2) * tally.width(v.masks) * fan, folded=affine)
    return Value(out.shape, masks=masks, affine=affine)


def _contracted(
    operands: list[Value],
    k: int,
    axes: Sequence[Sequence[int]],
    batch: Sequence[int],
    shape: tuple[int, ...],
) -> np.ndarray:
    """The words that an operand of a contraction gives to the result."""
    words, other = operands[k].words(), operands[1 - k]
    if words.ndim == 1 and other.array is not None and other.array.ndim == 2 and len(axes[k]) == 1:
        # A vector and a known matrix, which may be sparse.
        rows = np.moveaxis(other.array != 0, axes[1 - k][0], -1)
        return np.asarray(np.bitwise_or.reduce(np.where(rows, words, np.uint64(0)), axis=1))
    free = [d for d in range(words.ndim) if d not in (*axes[k], *batch)]
    merged = np.asarray(np.bitwise_or.reduce(words, axis=tuple(axes[k])) if axes[k] else words)
    kept = [d for d in range(words.ndim) if d not in axes[k]]
    merged = merged.transpose([kept.index(d) for d in (*batch, *free)])
    others = (1,) * (len(shape) - merged.ndim)
    lead, rest = merged.shape[: len(batch)], merged.shape[len(batch) :]
    return np.broadcast_to(merged.reshape((*lead, *rest, *others) if k == 0 else (*lead, *others, *rest)), shape)


def reduced(tally: Tally, eqn: Any, out: Any, operands: list[Value]) -> Value:
    name, params = eqn.primitive.name, eqn.params
    size = float(np.prod(operands[0].shape, dtype=np.int64))
    v = operands[0]
    if name in ("argmax", "argmin"):
        tally.count(6 * size, active=False)
        return Value(out.shape)
    if not any(o.masks is not None for o in operands) or not is_float(out):
        tally.count(size, active=False)
        return Value(out.shape)
    sums = name in ("reduce_sum", "cumsum", "scatter-add", "scatter_add", "reduce_window_sum")
    affine = all(o.affine for o in operands) and (sums or _is_linear(name, operands))
    if name.startswith("reduce_") and "axes" in params:
        masks = np.asarray(np.bitwise_or.reduce(v.words(), axis=tuple(params["axes"])))
        edges, inward = size, tally.width(v.masks)
    elif name.startswith("cum"):
        words = np.flip(v.words(), params["axis"]) if params["reverse"] else v.words()
        masks = np.bitwise_or.accumulate(words, axis=params["axis"])
        masks = np.flip(masks, params["axis"]) if params["reverse"] else masks
        edges, inward = 2 * size, tally.width(masks)
        tally.counted.contractions += tally.weight * size
    elif name.startswith("scatter") and operands[1].array is not None:
        targets = scatter_positions(params, operands[1].array, v.shape, operands[2].shape).ravel()
        flat = v.words().ravel().copy()
        np.bitwise_or.at(flat, targets[targets >= 0], operands[2].words().ravel()[targets >= 0])
        masks, size = flat.reshape(v.shape), float(targets.size)
        edges, inward = size, tally.width(operands[2].masks)
    else:
        masks = np.full(out.shape, joined(operands))
        size = edges = 2.0 * _taps(name, params, operands) * out.size
        inward = size / max(out.size, 1) * tally.width(masks)
    tally.count(
        size,
        active=True,
        partials=0.0 if sums else size,
        edges=edges,
        forward=inward * (1 if sums else 2),
        folded=affine,
    )
    return Value(out.shape, masks=np.asarray(masks), affine=affine)


# -- control flow ---------------------------------------------------------------------------------------------


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
