"""What a guard compares of torch's objects: tensors change in place."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import torch

from ccjac.guards import Watch

from . import private
from .tracing import CONSTANT_BYTES

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_STATE = ("_parameters", "_buffers", "_modules", "training", *_HOOKS)


def watch(value: Any) -> Watch | None:
    """See :meth:`ccjac.backends.protocol.Backend.watch`."""
    if isinstance(value, torch.Tensor):
        return _tensor(value)
    if isinstance(value, torch.nn.Module):
        return _module(value)
    return None


def _tensor(value: torch.Tensor) -> Watch:
    """Operands by identity, constants by content: that anybody may change, and not every change is counted."""
    reference = weakref.ref(value)
    shape, kind, trained = value.shape, value.dtype, value.requires_grad

    def is_same(now: Any) -> bool:
        alive = reference()
        if alive is None or now is not alive:
            return False
        return bool(now.shape == shape and now.dtype is kind and now.requires_grad is trained)

    if private.is_wrapper(value):
        return Watch(is_same, value)
    size = value.numel() * value.element_size()
    if (value.is_floating_point() and (trained or size > CONSTANT_BYTES)) or size > 16 * CONSTANT_BYTES:
        return Watch(is_same, value)
    if value.device.type != "cpu" or not value.is_contiguous() or value.layout != torch.strided or _is_virtual(value):
        # Its content cannot be read at once; its count of writes is what there is.
        version = _version(value)
        return Watch(lambda now: version is not None and is_same(now) and _version(now) == version, value)
    content = ctypes.string_at(value.data_ptr(), size)

    def holds(now: Any) -> bool:
        return is_same(now) and now.is_contiguous() and ctypes.string_at(now.data_ptr(), size) == content

    return Watch(holds, value)


def _is_virtual(value: torch.Tensor) -> bool:
    return type(value) not in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer) or value.numel() == 0


def _version(value: torch.Tensor) -> int | None:
    try:
        return value._version
    except RuntimeError:
        # Tensors of inference mode do not count.
        return None


def _module(value: torch.nn.Module) -> Watch:
    """Everything that a module's ``forward`` may read of it."""
    kind, count = type(value), len(vars(value))
    own = [name for name in vars(value) if name not in _STATE and not _is_torch_s(name)]
    parts = [name for name in _STATE if name in vars(value)] + own + ["forward"]
    return Watch(lambda now: type(now) is kind and len(vars(now)) == count, value, tuple(parts))


def _is_torch_s(name: str) -> bool:
    return name in _INTERNAL


_INTERNAL = frozenset(vars(torch.nn.Module()))
