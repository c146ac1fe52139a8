"""What a framework's plugin provides.  The core knows arrays, pytrees and compilers only through this protocol."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..program.accumulate import JacobianProgram
from ..program.linearization import Linearization


@dataclass(frozen=True)
class Request:
    """What the user asked for, the same for every call of one Jacobian function."""

    fun: Callable[..., Any]
    argnums: int | tuple[int, ...]
    has_aux: bool
    with_value: bool


class Call(Protocol):
    """One call's arguments, analysed.

    Attributes:
        signature: Hashable; equal signatures share one compiled function.
        operands: The array leaves that are passed to the compiled function.
    """

    @property
    def signature(self) -> Hashable: ...

    @property
    def operands(self) -> Sequence[Any]: ...


class Traced(Protocol):
    """A function traced for one signature.

    Attributes:
        linearization: The scalar graph and program, or ``None`` if the function does not expand to scalars.
        obstacle: Why it does not, or an empty string.
        entry_dtypes: ``[outputs, inputs]`` type names of the Jacobian's entries, broadcastable.
        with_values: Whether the compiled function returns the function's values (or auxiliary output) too.
        reusable: Whether the result may serve later calls (false if values of an enclosing trace were captured).
    """

    @property
    def linearization(self) -> Linearization | None: ...

    @property
    def obstacle(self) -> str: ...

    @property
    def entry_dtypes(self) -> np.ndarray: ...

    @property
    def with_values(self) -> bool: ...

    @property
    def reusable(self) -> bool: ...


class Backend(Protocol):
    """A framework."""

    name: str

    def claims(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether an array of this framework is among the arguments.  Must not import the framework."""

    def prepare(self, request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Check and flatten the arguments.

        Raises:
            InputError: Integer, boolean or complex differentiated arguments, or ``argnums`` out of range.
        """

    def trace(self, call: Any) -> Traced:
        """Trace and linearize.  Errors of the user's function pass through."""

    def select_executor(self, jacobian: JacobianProgram, wanted: str) -> tuple[str, str]:
        """What will run a program: the executor's name and, where it is not the fastest one, the reason.

        Raises:
            BackendError: The executor that was asked for cannot run this program.
            UnsupportedError: None can; the caller uses :meth:`fallback`.
        """

    def compile(
        self, traced: Any, jacobian: JacobianProgram, executor: str, *, fastmath: bool = False
    ) -> Callable[..., Any]:
        """Build the function from ``call.operands`` to the result's pytree, with a selected executor.

        ``fastmath`` permits an executor that can to deviate from IEEE arithmetic.
        """

    def fallback(self, traced: Any) -> tuple[Callable[..., Any], str]:
        """The framework's own Jacobian for the same result, and the mode it uses (``"forward"`` or ``"reverse"``)."""

    def derivative(self, request: Request) -> Callable[..., Any]:
        """The framework's reverse-mode Jacobian function of ``fun``; :func:`ccjac.hessian` differentiates it."""
