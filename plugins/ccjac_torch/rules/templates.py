"""The value and the local partials of one elementwise operation, from torch's own forward-mode rule."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import torch

from ccjac.expand import Expander, Forms, Symbolic, lift, without_tangent
from ccjac.limits import RULE_MEMORY
from ccjac.program.template import Template

from .. import private
from ..shadows import TYPES
from .operation import Tracing

_POINT = 0.40625
"""The number that stands in for an operand: inside every function's domain, and exact in every type."""

_templates: dict[Hashable, Template] = {}


def remembered(
    key: Hashable, tracing: Tracing, call: Callable[..., Any], active: tuple[int, ...], dtypes: Sequence[str]
) -> Template:
    """:func:`derive`, unless it has been done; ``key`` says what ``call`` computes."""
    whole = (key, active, tuple(dtypes))
    found = _templates.get(whole)
    if found is None:
        if len(_templates) >= RULE_MEMORY:
            _templates.clear()
        found = _templates[whole] = derive(tracing, call, active, dtypes)
    return found


def derive(tracing: Tracing, call: Callable[..., Any], active: tuple[int, ...], dtypes: Sequence[str]) -> Template:
    """Follow torch's rule on single numbers, once for every active operand with 1 as its tangent: what comes out is the
    partial.

    Args:
        tracing: Any trace; it does not change.
        call: From tensors of shape ``()`` to one.
        active: Which of the operands are differentiated.
        dtypes: Names of the operands' types.

    Raises:
        UnsupportedError: The rule has an operation without a meaning here.
    """
    ex: Expander = tracing.ex.scratch(len(dtypes))
    places = [ex.builder.input(k, dtype) for k, dtype in enumerate(dtypes)]

    def operands(trace: Any) -> list[torch.Tensor]:
        tensors = [torch.full((), _POINT if "float" in d else 1, dtype=TYPES[d]) for d in dtypes]
        for place, dtype, tensor in zip(places, dtypes, tensors, strict=True):
            trace.shadows.put(tensor, Symbolic(np.array(place), None, dtype))
        return tensors

    def one(trace: Any, result: Any) -> int:
        value = trace.value(result)
        assert not isinstance(value, Forms)
        return int(lift(ex.builder, without_tangent(value)).ids)

    def value() -> int:
        trace = tracing.nested(ex)
        tensors = operands(trace)
        with trace:
            result = call(*tensors)
        return one(trace, result)

    def partial(k: int) -> int | None:
        trace = tracing.nested(ex)
        tensors = operands(trace)
        tangent = torch.ones((), dtype=tensors[k].dtype)
        trace.shadows.created(tangent)

        def of_one(x: torch.Tensor) -> Any:
            return (call(*tensors[:k], x, *tensors[k + 1 :]),)

        with trace:
            ((_, slope),) = private.forward_derivatives(of_one, [tensors[k]], [tangent])
        if slope is None or private.is_efficient_zero(slope):
            return None
        position = one(trace, slope)
        return None if ex.builder.constant_value(position) == 0 else position

    result = private.in_own_thread(value)
    partials = {k: private.in_own_thread(lambda k=k: partial(k)) for k in active}  # type: ignore[misc]
    return Template(tuple(ex.builder.nodes), result, partials)
