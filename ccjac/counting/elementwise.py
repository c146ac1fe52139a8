"""Count operations that act on every entry alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..expand import is_floating
from ..expand.integers import MOST
from ..spec import Spec
from .tally import Tally
from .values import Value

_FREE = frozenset({"add", "sub", "neg", "convert_element_type", "copy"})
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


def elementwise(tally: Tally, op: str, out: Spec, operands: Sequence[Value], *, stops: bool = False) -> Value:
    """A result of one operation of scalar programs; ``stops``: its derivative is zero."""
    active = [v for v in operands if v.masks is not None] if is_floating(out.dtype) else []
    size = float(out.size)
    if op not in _CHEAP:
        tally.counted.functions += tally.weight * size
    if not active or stops:
        tally.count(size, active=False)
        return Value(out.shape, choices=_choices(op, out.dtype, operands))
    if op == "select_n" and operands[0].known and operands[0].array is not None and len(operands) == 3:
        # A choice that is known moves entries.
        which = np.broadcast_to(operands[0].array, out.shape)
        words = np.where(which, operands[2].words(), operands[1].words())
        return Value(out.shape, masks=words, affine=all(v.affine for v in active))
    masks = np.zeros(out.shape, np.uint64)
    for v in active:
        masks = masks | v.words()
    affine = all(v.affine for v in active)
    if op not in _FREE:
        # A product with what is known, a quotient by it.
        others = operands[1:] if op == "div" else [v for v in operands if v is not active[0]]
        affine = affine and op in ("mul", "div") and len(active) == 1 and all(v.known for v in others)
    edges = len(active) * size
    unit = op in _FREE and all(v.unit for v in active)
    if op in ("add", "sub"):
        # Sums where rows overlap.
        inward = sum(tally.width(np.broadcast_to(v.words(), out.shape)) for v in active)
        tally.count(size, active=True, edges=edges, forward=inward - tally.width(masks), folded=affine)
    elif op in _FREE:
        tally.count(size if op == "neg" else 0.0, active=True, edges=edges)
    else:
        partials = 0.0 if affine else size * _PARTIALS.get(op, 1)
        scaled = [v for v in active if not v.unit]
        forward = len(scaled) * tally.width(masks)
        tally.count(size, active=True, partials=partials, edges=edges, forward=forward, folded=affine)
    return Value(out.shape, masks=masks, affine=affine, unit=unit)


def _choices(op: str, dtype: str, operands: Sequence[Value]) -> int:
    """How many numbers the result can be, 0 if any."""
    if dtype == "bool":
        return 2
    if not dtype.startswith(("int", "uint")):
        return 0
    if op == "select_n":
        counts = [v.few for v in operands[1:]]
        total = sum(counts)
    else:
        counts = [v.few for v in operands]
        total = math.prod(counts)
    return total if all(counts) and total <= MOST else 0
