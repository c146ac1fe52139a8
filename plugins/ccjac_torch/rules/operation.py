"""One operation of the traced function, as its rule sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch

from ccjac.errors import UnsupportedError
from ccjac.expand import Expander, Forms, Symbolic, Value, is_floating

from .. import private
from ..shadows import Shadows, type_name


class Tracing(Protocol):
    """What a rule may ask of the trace around it."""

    ex: Expander
    shadows: Shadows

    def nested(self, ex: Expander) -> Any:
        """Another trace, a mode to run operations under, that records in ``ex``."""

    def value(self, tensor: Any, dtype: str | None = None) -> Value:
        """The meaning of a tensor, or of a number taken as type ``dtype``."""


@dataclass(frozen=True, eq=False)
class Operation:
    """An operation that was applied to at least one tensor that depends on the inputs.

    Attributes:
        tracing: The trace.
        function: The operator.
        name: Its name without the namespace.
        args, kwargs: What it was called with.
        out: Its result on the real numbers that stand in for the inputs; of use are shapes and types.
        label: For vertices: the operation and the line of the user's code.
    """

    tracing: Tracing
    function: Any
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any
    label: str

    @property
    def ex(self) -> Expander:
        """Where values and vertices are recorded."""
        return self.tracing.ex

    @cached_property
    def named(self) -> dict[str, Any]:
        """All arguments by name, defaults included."""
        return private.arguments_by_name(self.function, self.args, self.kwargs)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the result."""
        return tuple(self.out.shape)

    @property
    def dtype(self) -> str:
        """Name of the result's type."""
        return type_name(self.out.dtype)

    def value(self, x: Any, dtype: str | None = None) -> Value:
        """The meaning of a tensor or number, converted to type ``dtype``."""
        value = self.tracing.value(x, dtype)
        return value if dtype is None else self.converted(value, dtype)

    def converted(self, value: Value, dtype: str) -> Value:
        """A value in another type; the derivative passes between floating-point types."""
        if isinstance(value, Forms):
            return value
        if isinstance(value, np.ndarray):
            return value.astype(dtype, copy=False) if dtype != "bfloat16" else constant_array(self.ex, value, dtype)
        if value.dtype == dtype:
            return value
        passes = is_floating(dtype) and is_floating(value.dtype)
        ids = self.ex.converted(value.ids, value.dtype, dtype)
        return Symbolic(ids, value.vertices if passes else None, dtype)

    def known(self, x: Any) -> torch.Tensor:
        """An argument that must not depend on the inputs.

        Raises:
            UnsupportedError: It does.
        """
        if self.tracing.shadows.tracked(x):
            raise UnsupportedError(f"the operation `{self.name}` has indices that depend on the arguments")
        tensor: torch.Tensor = x
        return tensor


def constant_array(ex: Expander, value: np.ndarray, dtype: str) -> Symbolic:
    """A known array as constants of a type that numpy does not have."""
    ids = [ex.builder.const(float(number), dtype) for number in value.ravel().tolist()]
    return ex.values(ids, value.shape, dtype)


Rule = Callable[[Operation], Any]
"""From an operation to the meaning of its result, or a list of them, ``None`` for a result that is known."""
