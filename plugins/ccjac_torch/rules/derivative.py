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
    active = [k for k, v in enumerate(lifted) if isinstance(v, Symbolic) and v.active]
    rule = _TorchRule(op.tracing, call, active)
    if not active:
        return rule.value(op.ex, lifted)
    return differentiated(op.ex, rule, lifted, op.label)[0]


class _TorchRule:
    """See :class:`ccjac.expand.LocalRule`."""

    def __init__(self, tracing: Tracing, call: Callable[..., Any], active: Sequence[int]) -> None:
        self.tracing, self.call, self.active = tracing, call, active
        self.differentiable = (0,)

    def value(self, ex: Expander, primals: Sequence[Value]) -> Value:
        """The result alone."""
        trace = self.tracing.nested(ex)
        tensors = [_tensor(trace, p) for p in primals]

        def run() -> Any:
            with trace:
                return self.call(*tensors)

        return trace.value(private.in_own_thread(run))

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
                return private.forward_derivative(of_active, [tensors[k] for k in self.active], slopes)

        result, slope = private.in_own_thread(run)
        if slope is None or private.is_efficient_zero(slope):
            return [trace.value(result)], [Forms(zero_forms(tuple(result.shape)))]
        return [without_tangent(trace.value(result))], [trace.value(slope)]


def _tensor(trace: Any, value: Value, like: torch.Tensor | None = None) -> torch.Tensor:
    """A tensor that means ``value`` in ``trace``."""
    if like is not None:
        tensor = torch.ones_like(like, memory_format=torch.contiguous_format)
    else:
        number = 0.40625 if "float" in value.dtype else 1
        tensor = torch.full(value.shape, number, dtype=TYPES[value.dtype])
    trace.shadows.put(tensor, value)
    return tensor
