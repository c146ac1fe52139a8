"""Operators that move entries: the very operator is run on the entries' positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ccjac.errors import UnsupportedError
from ccjac.expand import (
    Forms,
    Value,
    combine_at,
    forms_of_vertices,
    is_known,
    lift,
    linear_entries,
    move,
    positions_of,
    without_tangent,
)

from . import lookup
from .operation import Operation, Rule

# Position 0 stands for an entry that comes from no operand, since operators fill with zeros.
_SHIFT = 1


def _moving(data: Sequence[str] = ("self",), fill: str | None = None) -> Rule:
    """An operator that moves entries of the arguments named ``data``; ``fill`` names a number that fills the rest."""

    def rule(op: Operation) -> Any:
        named = op.named
        moved: list[Any] = []
        for name in data:
            if (x := named.get(name)) is not None:
                moved.extend(x if isinstance(x, (list, tuple)) else [x])
        dtype = op.dtype if isinstance(op.out, torch.Tensor) else None
        values = [op.value(x, dtype) for x in moved]
        numbers = iter(
            [torch.from_numpy(np.asarray(p + _SHIFT)) for p in positions_of([tuple(v.shape) for v in values])]
        )
        arguments: dict[str, Any] = {}
        for name, x in named.items():
            if name in data and x is not None:
                many = isinstance(x, (list, tuple))
                arguments[name] = [next(numbers) for _ in x] if many else next(numbers)
            elif name not in _IGNORED:
                arguments[name] = _checked(op, x)
        fill_id = None
        if fill is not None:
            number = named[fill]
            if isinstance(number, torch.Tensor):
                fill_id = int(_one(op, number))
                arguments[fill] = torch.zeros((), dtype=torch.int64)
            else:
                fill_id = op.ex.builder.const(_number(number, op.dtype), op.dtype)
                arguments[fill] = 0
        result = op.function(**arguments)
        if isinstance(result, torch.Tensor):
            return _moved(op, values, result, op.dtype, fill_id)
        return [_moved(op, values, r, values[0].dtype, fill_id) for r in result]

    return rule


_IGNORED = frozenset({"dtype", "layout", "device", "pin_memory", "non_blocking", "memory_format"})


def _moved(op: Operation, values: list[Value], result: torch.Tensor, dtype: str, fill: int | None) -> Value:
    positions = result.contiguous().numpy() - _SHIFT
    if not values:
        raise UnsupportedError(f"the operation `{op.name}` has no operand")
    if fill is not None or not all(is_known(v) or isinstance(v, Forms) for v in values):
        values = [v if isinstance(v, Forms) else lift(op.ex.builder, v) for v in values]
    if any(isinstance(v, Forms) for v in values):
        values = [v if isinstance(v, Forms) else _zero(op, v) for v in values]
    return move(op.ex, values, positions, dtype, fill=fill)


def _zero(op: Operation, value: Value) -> Value:
    """Known zeros among forms, as the core wants them."""
    if is_known(value):
        return value
    if any(op.ex.builder.constant_value(k) != 0 for k in value.ids.ravel().tolist()):
        raise UnsupportedError("a derivative rule mixes tangents with values")
    return np.zeros(value.shape)


def _checked(op: Operation, x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return [op.known(y) if isinstance(y, torch.Tensor) else y for y in x]
    return op.known(x) if isinstance(x, torch.Tensor) else x


def _number(x: Any, dtype: str) -> Any:
    return bool(x) if dtype == "bool" else float(x) if "float" in dtype else int(x)


def _one(op: Operation, tensor: torch.Tensor) -> int:
    value = op.value(tensor, op.dtype)
    if isinstance(value, Forms) or (not is_known(value) and value.active):
        raise UnsupportedError(f"the operation `{op.name}` fills with a number that depends on the arguments")
    return int(lift(op.ex.builder, value).ids)


def _index_put(op: Operation) -> Any:
    named = op.named
    if named.get("accumulate"):
        return _added_at(op, "self", "values", lambda numbers, zero, named: _put(zero, numbers, named))
    return _moving(("self", "values"))(op)


def _put(flat: torch.Tensor, updates: torch.Tensor, named: dict[str, Any]) -> torch.Tensor:
    return torch.ops.aten.index_put(flat, named["indices"], updates)


def _added_at(op: Operation, base: str, updates: str, place: Any) -> Any:
    """Updates are added to entries of ``base``, several perhaps to the same."""
    named = op.named
    for name, x in named.items():
        if name not in (base, updates):
            _checked(op, x)
    old, new = op.value(named[base], op.dtype), op.value(named[updates], op.dtype)
    size = int(np.prod(old.shape, dtype=np.int64))
    # Which entry of `base` an update goes to: gather the positions of `base` with the same indices.
    targets = _TARGETS[op.name](torch.arange(size).reshape(old.shape), named, tuple(new.shape))
    spread = np.broadcast_to(targets.numpy(), targets.shape)
    return _combined(op, old, new, spread)


def _combined(op: Operation, old: Value, new: Value, targets: np.ndarray) -> Value:
    from .elementwise import _spread

    new = _spread(new if isinstance(new, Forms) else lift(op.ex.builder, new), targets.shape)
    if isinstance(old, Forms) or isinstance(new, Forms):
        pair = [v if isinstance(v, Forms) else _zero(op, lift(op.ex.builder, v)) for v in (old, new)]
        return combine_at(op.ex, pair[0], targets, pair[1], "add")
    old = lift(op.ex.builder, old)
    result = combine_at(op.ex, without_tangent(old), targets, without_tangent(new), "add")
    if old.active or new.active:
        tangents = [forms_of_vertices(op.ex.builder, v) for v in (old, new)]
        forms = combine_at(op.ex, tangents[0], targets, tangents[1], "add")
        result = op.ex.with_vertices(result, linear_entries(forms), op.label)
    return result


def _index_targets(numbers: torch.Tensor, named: dict[str, Any], shape: tuple[int, ...]) -> torch.Tensor:
    return torch.ops.aten.index(numbers, named["indices"])


def _scatter_targets(numbers: torch.Tensor, named: dict[str, Any], shape: tuple[int, ...]) -> torch.Tensor:
    return torch.gather(numbers, named["dim"], named["index"])


def _index_add_targets(numbers: torch.Tensor, named: dict[str, Any], shape: tuple[int, ...]) -> torch.Tensor:
    return torch.index_select(numbers, named["dim"], named["index"])


_TARGETS = {"index_put": _index_targets, "scatter_add": _scatter_targets, "index_add": _index_add_targets}


def _scatter_add(op: Operation) -> Any:
    named = op.named
    new, index = named["src"], named["index"]
    if tuple(new.shape) != tuple(index.shape):
        raise UnsupportedError("the operation `scatter_add` has no scalar rule for a source larger than its index")
    return _added_at(op, "self", "src", None)


def _index_add(op: Operation) -> Any:
    if op.named.get("alpha", 1) != 1:
        raise UnsupportedError("the operation `index_add` has no scalar rule with a factor")
    return _added_at(op, "self", "source", None)


def _scatter(op: Operation) -> Any:
    return (_moving(("self", "src")) if "src" in op.named else _moving(fill="value"))(op)


_SELF = """
    clone contiguous flip roll repeat take _reshape_copy tril triu diag_embed
    _unsafe_view narrow_copy select_copy slice_copy view_copy _reshape_alias expand_copy permute_copy
    transpose_copy t_copy alias_copy diagonal_copy squeeze_copy unsqueeze_copy unfold_copy as_strided_copy
    split_copy split_with_sizes_copy unbind_copy detach_copy rot90 pixel_shuffle pixel_unshuffle channel_shuffle
    repeat_interleave reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
    replication_pad3d im2col lift_fresh_copy upsample_nearest1d upsample_nearest2d upsample_nearest3d
    unsafe_split unsafe_split_with_sizes
""".split()

STRUCTURAL: dict[str, Rule] = {
    **{name: _moving() for name in _SELF},
    "cat": _moving(("tensors",)),
    "stack": _moving(("tensors",)),
    "constant_pad_nd": _moving(fill="value"),
    "masked_fill": lookup.otherwise(_moving(fill="value"), lambda op: NotImplemented, "mask"),
    "index_fill": _moving(fill="value"),
    "slice_scatter": _moving(("self", "src")),
    "select_scatter": _moving(("self", "src")),
    "diagonal_scatter": _moving(("self", "src")),
    "as_strided_scatter": _moving(("self", "src")),
    "masked_scatter": _moving(("self", "source")),
    "copy": _moving(("self", "src")),
    "index_copy": _moving(("self", "source")),
    "put": _moving(("self", "source")),
    "embedding": lookup.otherwise(_moving(("weight",)), lookup.embedding, "indices"),
    "index_put": lookup.otherwise(_index_put, lookup.index_put, "indices"),
    "_unsafe_index": lookup.otherwise(_moving(), lookup.index, "indices"),
    "_unsafe_index_put": lookup.otherwise(_index_put, lookup.index_put, "indices"),
    "scatter": lookup.otherwise(_scatter, lookup.scatter, "index"),
    "scatter_add": lookup.otherwise(_scatter_add, lambda op: lookup.scatter(op, "add"), "index"),
    "gather": lookup.otherwise(_moving(), lookup.gather, "index"),
    "index": lookup.otherwise(_moving(), lookup.index, "indices"),
    "index_select": lookup.otherwise(_moving(), lookup.index_select, "index"),
    "index_add": _index_add,
}
