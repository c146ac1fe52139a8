"""The function mode: what users wrote, before torch takes it apart, and what the dispatch mode cannot see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ccjac.errors import UnsupportedError

from . import private
from .rules.linalg import determinant
from .tracker import LooksAtNumbersError

_REFUSED = {
    "custom_function_call": "it applies a custom `autograd.Function`",
    "register_hook": "it changes gradients by a hook",
    "register_post_accumulate_grad_hook": "it changes gradients by a hook",
    "retain_grad": "it keeps gradients",
    "set_": "it exchanges a tensor's memory",
    "resize_": "it changes a tensor's size",
}
_REFUSED_PROPERTIES = {"data": "it uses `.data`", "grad": "it uses `.grad`"}


class Functions(TorchFunctionMode):
    """Refuses what would be traced wrongly, and writes a number divided by a tensor as one division.

    Args:
        stand_in: A tensor for one that a surrounding transformation of ``torch.func`` has wrapped: without that
            transformation, which is not active during a trace, nothing can be done with the wrapper itself.
    """

    def __init__(self, stand_in: Callable[[torch.Tensor], torch.Tensor] | None = None) -> None:
        super().__init__()
        self._stand_in = stand_in

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(function, "__name__", "")
        if name == "tolist":
            # It reads the numbers without telling the dispatch mode.
            raise LooksAtNumbersError("what the function does depends on numbers in its arguments (`tolist`)")
        if name in _REFUSED:
            raise UnsupportedError(_REFUSED[name])
        if name in ("__get__", "__set__"):
            owner = getattr(getattr(function, "__self__", None), "__name__", "")
            if owner in _REFUSED_PROPERTIES:
                raise UnsupportedError(_REFUSED_PROPERTIES[owner])
        if name in ("__rtruediv__", "__rdiv__") and isinstance(args[1], (int, float)):
            # torch multiplies by the reciprocal.
            tensor, number = args
            kind = tensor.dtype if tensor.is_floating_point() else torch.get_default_dtype()
            return torch.true_divide(torch.full((), float(number), dtype=kind), tensor)
        if self._stand_in is not None:
            args, kwargs = private.map_tensors(self._stand_in, (args, kwargs))
        if name in ("det", "linalg_det") and not kwargs and _is_square(args[0]):
            # Here, before torch differentiates it.
            return determinant(args[0])
        if name == "__getitem__" and _is_one_place(args[1]):
            # Torch would read the number.
            return torch.ops.aten.index(args[0], [args[1]])
        return function(*args, **(kwargs or {}))


def _is_square(matrix: Any) -> bool:
    return (
        isinstance(matrix, torch.Tensor)
        and matrix.is_floating_point()
        and matrix.dim() >= 2
        and matrix.shape[-1] == matrix.shape[-2] > 0
    )


def _is_one_place(index: Any) -> bool:
    return isinstance(index, torch.Tensor) and index.dim() == 0 and index.dtype in (torch.int64, torch.int32)
