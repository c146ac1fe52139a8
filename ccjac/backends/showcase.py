"""What ``ccjac demo`` asks of a framework: to check catalogue tasks against its own modes, and to race them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class CallingForm(Protocol):
    """One way to call a task on many points at once; ``name`` says which, in words."""

    @property
    def name(self) -> str: ...


class Showcase(Protocol):
    """A framework on show.  A module will do."""

    name: str

    def versions(self) -> str:
        """The framework, its version and its device."""

    def double_precision(self) -> AbstractContextManager[None]:
        """Allows float64 arrays for a while."""

    def forms(self, task: Any, size: int, dtype: Any, seed: int = 0) -> Sequence[Any]:
        """The ways to call a catalogue task on ``size`` points; each is a :class:`CallingForm`."""

    def errors(self, form: Any) -> Mapping[str, float]:
        """By the framework's modes the largest relative difference of the Jacobians' entries from ccjac's."""

    def races(self, form: Any) -> Mapping[str, Callable[[], object]]:
        """Calls for the same Jacobians, ``"ccjac.jacobian"`` among them; each returns when its work is done."""
