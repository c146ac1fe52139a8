"""Transformations that are active around a call, and how to pass through ``torch.func.vmap`` quickly."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.autograd import forward_ad

from . import private

_any_level = private.probe("any level")
_levels = private.probe("levels")
_vmap = private.probe("vmap")
_grad_enabled = torch.is_grad_enabled
_by_hand = all(
    private.probe(what) is not None
    for what in ("batched", "batch axis", "batch level", "unwrapped", "wrapped", "level off", "level on")
)


def active() -> bool:
    """Whether a transformation of ``torch.func`` is active; true where torch does not tell."""
    return True if _any_level is None else bool(_any_level())


def only_vmap() -> bool:
    """Whether all active transformations are ``vmap``."""
    if _levels is None or _vmap is None:
        return False
    stack = _levels()
    return stack is None or all(level.key() == _vmap for level in stack)


def forward_mode() -> bool:
    """Whether a level of ``torch.autograd.forward_ad`` is active; true where torch does not tell."""
    level = getattr(forward_ad, "_current_level", None)
    return True if level is None else level >= 0


class _Batch(threading.local):
    """The batch axes of the arguments of the call in progress, see :attr:`ccjac.backends.protocol.Request.in_dims`."""

    in_dims: Any = None


batch = _Batch()


@contextlib.contextmanager
def without_batch() -> Iterator[None]:
    """While single samples are looked at."""
    before, batch.in_dims = batch.in_dims, None
    try:
        yield
    finally:
        batch.in_dims = before


_trace = threading.local()


@contextlib.contextmanager
def traced() -> Iterator[None]:
    """While a function is traced in this thread."""
    before = getattr(_trace, "active", False)
    _trace.active = True
    try:
        yield
    finally:
        _trace.active = before


def directly_traced() -> bool:
    """Whether a trace sees what is computed now, with no other transformation in between."""
    if not getattr(_trace, "active", False) or _levels is None:
        return False
    stack = _levels()
    return stack is not None and len(stack) == 1


def differentiated(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether somebody may want the derivative of what is computed from ``tensors`` now."""
    transformed = active()
    if torch.is_grad_enabled():
        for x in tensors:
            if x.requires_grad or (transformed and _innermost(x).requires_grad):
                return True
    return (transformed and not only_vmap()) or forward_mode()


def untouched(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether nothing but the operation itself will look at what is computed from ``tensors`` now: no transformation,
    no derivative.  It is asked at every call.
    """
    if _any_level is None or _any_level() or forward_mode():
        return False
    if _grad_enabled():
        for x in tensors:
            if x.requires_grad:
                return False
    return True


def _innermost(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor that ``vmap`` hides: its wrapper does not tell whether it requires a gradient."""
    batched, unwrapped = private.probe("batched"), private.probe("unwrapped")
    if batched is not None and unwrapped is not None:
        while batched(tensor):
            tensor = unwrapped(tensor)
    return tensor


def through_vmap(call: Callable[..., Any], tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """``call(*tensors)``, where ``call`` takes leading batch axes and gives a list, inside of ``torch.func.vmap`` only.

    The batch axes that ``vmap`` hides are uncovered, and the results' hidden again: a tenth of the price of a rule.
    """
    if not _by_hand or torch.compiler.is_compiling():
        return list(call(*tensors))
    return _uncovered(call, list(tensors))


def _uncovered(call: Callable[..., Any], tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    stack = _levels()
    if not stack:
        return list(call(*tensors))
    batched, axis_of, level_of = (private.probe(w) for w in ("batched", "batch axis", "batch level"))
    unwrapped, wrapped = private.probe("unwrapped"), private.probe("wrapped")
    layer = private.probe("level off")()
    try:
        level = stack[-1].level()
        here = [batched(x) and level_of(x) == level for x in tensors]
        if not any(here):
            return _uncovered(call, tensors)
        inner, size = [], 0
        for x, yes in zip(tensors, here, strict=True):
            if yes:
                axis, x = axis_of(x), unwrapped(x)
                x = x if axis == 0 else x.movedim(axis, 0)
                size = x.shape[0]
            inner.append(x)
        spread = [x if yes else x.expand(size, *x.shape) for x, yes in zip(inner, here, strict=True)]
        results = _uncovered(call, spread)
    finally:
        private.probe("level on")(layer)
    return [wrapped(r, 0, level) for r in results]
