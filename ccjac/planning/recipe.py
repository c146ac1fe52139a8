"""What a plan must know of a program to write it down for use elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..kernels.export import CSource, Parameter


class NumpyCallable(Protocol):
    """A Jacobian of numpy arrays.

    Attributes:
        arguments, results: Names, shapes and meanings of the arrays that it takes and returns.
    """

    @property
    def arguments(self) -> Sequence[Parameter]: ...

    @property
    def results(self) -> Sequence[Parameter]: ...

    def __call__(self, *arrays: Any) -> Any: ...


class Recipe(Protocol):
    """A function's linearization with the names of its arguments."""

    def c(self, name: str | None, value: bool | None, nonzeros: bool) -> CSource:
        """See :meth:`ccjac.Plan.to_c`."""

    def numpy(self, value: bool | None) -> NumpyCallable:
        """See :meth:`ccjac.Plan.to_numpy`."""
