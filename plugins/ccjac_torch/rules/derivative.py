"""Operators whose vertices come from torch's forward-mode rule for whole arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ccjac.expand import Expander, Forms, Symbolic, Value, differentiated, lift, without_tangent, zero_forms

from .. import private
from ..shadows import TYPES
from .operation import Operation, Tracing


def with_tangents(op: Operation, call: Callable[..., Any], operands: Sequence[Value]) -> Value:
    """A result's vertices, by a walk through torch's rule with linear forms as tangents.

    Args:
        op: The operator; its result is one array.
        call: From tensors to that array.
        operands: What the tensors mean.
    """
    lifted = [v if isinstance(v, Forms) else lift(op.ex.builder, v) for v in operands]
    rule = _TorchRule(op.tracing, lambda *tensors: (call(*tensors),), _active(lifted), (0,))
    if not rule.active:
        return rule.value(op.ex, lifted)
    return differentiated(op.ex, rule, lifted, op.label)[0]


def with_all_tangents(
    op: Operation, call: Callable[..., Any], operands: Sequence[Value], differentiable: Sequence[int]
) -> list[Value]:
    """The same for an operator of several results, of which those numbered ``differentiable`` have vertices."""
    lifted = [lift(op.ex.builder, v) for v in operands]

    def as_tuple(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = call(*tensors)
        return (found,) if isinstance(found, torch.Tensor) else tuple(found)

    rule = _TorchRule(op.tracing, as_tuple, _active(lifted), differentiable)
    return differentiated(op.ex, rule, lifted, op.label)


def _active(values: Sequence[Value]) -> list[int]:
    return [k for k, v in enumerate(values) if isinstance(v, Symbolic) and v.active]


class _TorchRule:
    """See :class:`ccjac.expand.LocalRule`."""

    def __init__(
        self,
        tracing: Tracing,
        call: Callable[..., tuple[torch.Tensor, ...]],
        active: Sequence[int],
        differentiable: Sequence[int],
    ) -> None:
        self.tracing, self.call, self.active, self.differentiable = tracing, call, active, differentiable

    def value(self, ex: Expander, primals: Sequence[Value]) -> Value:
        """The result alone."""
        trace = self.tracing.nested(ex)
        tensors = [_tensor(trace, p) for p in primals]

        def run() -> Any:
            with trace:
                return self.call(*tensors)

        (result,) = private.in_own_thread(run)
        return trace.value(result)

    def run(
        self, ex: Expander, primals: Sequence[Value], tangents: Sequence[Value]
    ) -> tuple[Sequence[Value], Sequence[Value]]:
        trace = self.tracing.nested(ex)
        tensors = [_tensor(trace, p) for p in primals]
        slopes = tuple(_tensor(trace, t, tensors[k]) for k, t in zip(self.active, tangents, strict=True))

        def of_active(*chosen: torch.Tensor) -> Any:
            whole = list(tensors)
            for k, tensor in zip(self.active, chosen, strict=True):
                whole[k] = tensor
            return self.call(*whole)

        def run() -> Any:
            with trace:
                return private.forward_derivatives(of_active, [tensors[k] for k in self.active], slopes)

        pairs = private.in_own_thread(run)
        results = [without_tangent(trace.value(result)) for result, _ in pairs]
        return results, [_forms(trace, *pairs[k]) for k in self.differentiable]


def _forms(trace: Any, result: torch.Tensor, slope: torch.Tensor | None) -> Value:
    if slope is None or private.is_efficient_zero(slope):
        return Forms(zero_forms(tuple(result.shape)))
    forms: Value = trace.value(slope)
    return forms


def _tensor(trace: Any, value: Value, like: torch.Tensor | None = None) -> torch.Tensor:
    """A tensor that means ``value`` in ``trace``."""
    if like is not None:
        tensor = torch.ones_like(like, memory_format=torch.contiguous_format)
    else:
        number = 0.40625 if "float" in value.dtype else 1
        tensor = torch.full(value.shape, number, dtype=TYPES[value.dtype])
    trace.shadows.put(tensor, value)
    return tensor
