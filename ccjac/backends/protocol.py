"""What a framework's plugin provides.  The core knows arrays, pytrees and compilers only through this protocol.

A backend names things, the core does things.  Its work, in the order of a call:

1. :meth:`Backend.prepare` flattens the arguments into operands and says what makes two calls the same
   (:mod:`ccjac.arguments` has the bookkeeping).
2. :meth:`Backend.trace` runs the user's function on the framework's tracer and expands what it finds: every operation
   is named as one of :mod:`ccjac.expand`, which records its values, vertices and local partials;
   :func:`ccjac.expand.linearize` turns that into a graph and a scalar program.
3. The core chooses an order and accumulates the Jacobian's program.
4. :meth:`Backend.select_executor` says what can run it (:func:`ccjac.executor.select`), :meth:`Backend.compile` makes
   the function of the operands: :func:`ccjac.results.blocks` lists the arrays it returns,
   :func:`ccjac.results.layout` and :mod:`ccjac.kernels.call` tell how a kernel sees them, and
   :func:`ccjac.results.nest` puts them into the user's containers.
5. Where the function does not expand, :meth:`Backend.fallback` is the framework's own mode.

A plugin returns its backend from the hook :func:`ccjac.backends.hooks.ccjac_backend`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..estimate import Features
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
        operands: The array leaves that are passed to the compiled function, differentiated ones first.
    """

    @property
    def signature(self) -> Hashable: ...

    @property
    def operands(self) -> Sequence[Any]: ...


class Traced(Protocol):
    """A function traced for one signature.

    Attributes:
        features: What an estimate needs to know before the function is expanded; ``None`` to expand in any case.
        linearization: The scalar graph and program, or ``None`` if the function does not expand to scalars.  May be
            expensive; asked for only if the estimate is in favour.
        obstacle: Why it does not, or an empty string.
        entry_dtypes: ``[outputs, inputs]`` type names of the Jacobian's entries, broadcastable.
        with_values: Whether the compiled function returns the function's values (or auxiliary output) too.
        captured: Arrays from the function's surroundings that may change after tracing: a module's parameters, or
            values of an enclosing trace.  They are operands like the call's own, which they follow: read at every
            call, never baked in.
        reusable: Whether the result may serve later calls.  False if ``captured`` belongs to this call only, as values
            of an enclosing trace do; true for parameters, which are the same objects at the next call.
        platform: Where the operands live: ``"cpu"`` or the framework's name of an accelerator.
    """

    @property
    def features(self) -> Features | None: ...

    @property
    def linearization(self) -> Linearization | None: ...

    @property
    def obstacle(self) -> str: ...

    @property
    def entry_dtypes(self) -> np.ndarray: ...

    @property
    def with_values(self) -> bool: ...

    @property
    def captured(self) -> Sequence[Any]: ...

    @property
    def reusable(self) -> bool: ...

    @property
    def platform(self) -> str: ...


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

    def select_executor(self, jacobian: JacobianProgram, wanted: str, *, platform: str) -> tuple[str, str]:
        """What will run a program: the executor's name and, where it is not the fastest one, the reason.

        Raises:
            BackendError: The executor that was asked for cannot run this program.
            UnsupportedError: None can; the caller uses :meth:`fallback`.
        """

    def compile(
        self, traced: Any, jacobian: JacobianProgram, executor: str, *, fastmath: bool = False
    ) -> Callable[..., Any]:
        """Build the function from ``(*call.operands, *traced.captured)`` to the result's pytree, with a selected
        executor.

        ``fastmath`` permits an executor that can to deviate from IEEE arithmetic.
        """

    def fallback(self, traced: Any) -> tuple[Callable[..., Any], str]:
        """The framework's own Jacobian for the same result, a function of ``call.operands``, and the mode it uses
        (``"forward"`` or ``"reverse"``).
        """

    def derivative(self, request: Request) -> Callable[..., Any]:
        """The framework's reverse-mode Jacobian function of ``fun``; :func:`ccjac.hessian` differentiates it."""
