"""Matrix products, and what is linear in one operand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ccjac.errors import UnsupportedError
from ccjac.expand import (
    Forms,
    Symbolic,
    Value,
    by_matrix,
    contract,
    forms_of_vertices,
    is_known,
    lift,
    linear_entries,
    without_tangent,
)

from .operation import Operation, Rule
from .reductions import shaped


def contracted(
    op: Operation, left: Value, right: Value, batch: tuple[Sequence[int], Sequence[int]], over: tuple[int, int]
) -> Value:
    """Sums of products, one vertex per entry of the result."""
    options: dict[str, Any] = {"batch": batch, "contracted": ((over[0],), (over[1],)), "dtype": op.dtype}
    if isinstance(left, Forms) or isinstance(right, Forms):
        return shaped(contract(op.ex, left, right, **options), op.shape)
    a, b = lift(op.ex.builder, left), lift(op.ex.builder, right)
    plain = without_tangent(a), without_tangent(b)
    result = contract(op.ex, *plain, **options)
    parts = []
    if a.active:
        parts.append(contract(op.ex, forms_of_vertices(op.ex.builder, a), plain[1], **options))
    if b.active:
        parts.append(contract(op.ex, plain[0], forms_of_vertices(op.ex.builder, b), **options))
    if parts:
        entries = linear_entries(parts[0])
        for other in parts[1:]:
            pairs = zip(entries.ravel(), linear_entries(other).ravel(), strict=True)
            summed = np.empty(entries.size, dtype=object)
            summed[:] = [op.ex.add(x, y) for x, y in pairs]
            entries = summed.reshape(entries.shape)
        result = op.ex.with_vertices(result, entries, op.label)
    return shaped(result, op.shape)


def _product(op: Operation) -> Value:
    left, right = (op.value(x, op.dtype) for x in op.args[:2])
    if any(isinstance(v, Forms) for v in (left, right)) and not all(
        isinstance(v, Forms) or is_known(v) or v.dtype == op.dtype for v in (left, right)
    ):
        raise UnsupportedError(f"a derivative rule applies `{op.name}` to several types")
    batch = ((0,), (0,)) if op.name == "bmm" else ((), ())
    ranks = (len(left.shape), len(right.shape))
    return contracted(op, left, right, batch, (ranks[0] - 1, max(ranks[1] - 2, 0)))


def _linear(op: Operation) -> Value:
    """An operator that is linear in its first operand, the others known: sums of products with its matrix."""
    first, *rest = op.args
    for x in rest:
        op.known(x)
    value = op.value(first, op.dtype)
    size = int(np.prod(value.shape, dtype=np.int64))
    op.ex.recorder.check_size(size * op.out.numel())
    basis = torch.eye(size, dtype=torch.float64).reshape(size, *value.shape)

    def double(x: Any) -> Any:
        return x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x

    others = [double(x) for x in rest]
    zero = op.function(torch.zeros(value.shape, dtype=torch.float64), *others, **op.kwargs)
    if zero.count_nonzero():
        raise UnsupportedError(f"the operation `{op.name}` has no scalar rule with a bias")
    columns = torch.stack([op.function(unit, *others, **op.kwargs).reshape(-1) for unit in basis])
    matrix = columns.numpy().T
    if isinstance(value, Forms):
        return by_matrix(op.ex, value, matrix, op.shape, op.dtype)
    symbolic = lift(op.ex.builder, value)
    result = by_matrix(op.ex, without_tangent(symbolic), matrix, op.shape, op.dtype)
    if isinstance(symbolic, Symbolic) and symbolic.active:
        forms = by_matrix(op.ex, forms_of_vertices(op.ex.builder, symbolic), matrix, op.shape, op.dtype)
        result = op.ex.with_vertices(result, linear_entries(forms), op.label)
    return result


PRODUCTS: dict[str, Rule] = {
    **dict.fromkeys(("mm", "bmm", "mv", "dot", "vdot"), _product),
    **dict.fromkeys(
        ("convolution", "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "upsample_bilinear2d", "upsample_linear1d"),
        _linear,
    ),
}
