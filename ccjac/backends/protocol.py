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

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..elements.coloured import ColouredProgram
from ..elements.factored import FactoredProgram
from ..elements.parts import SparseProgram
from ..estimate import Features
from ..guards import Watch
from ..loops.joined import LoopedProgram
from ..loops.tape import Tape
from ..pattern import Pattern
from ..planning.plan import Plan
from ..program.accumulate import JacobianProgram
from ..program.linearization import Linearization
from ..spec import Signature


class UntraceableError(Exception):
    """The user's function raised ``error`` while it was traced; untraced it may work."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class Request:
    """What the user asked for, the same for every call of one Jacobian function."""

    fun: Callable[..., Any]
    argnums: int | tuple[int, ...]
    has_aux: bool
    with_value: bool
    holomorphic: bool = False
    allow_int: bool = False
    second: bool = False
    """Whether the Jacobian is that of the framework's reverse-mode derivative of ``fun``, its Hessian."""
    fused: bool = False
    """Whether no Jacobian is wanted but ``fun`` itself, as one program: nothing is differentiated, and all results
    are auxiliary."""
    in_dims: Any = None
    """The batch axis of every argument, as the framework's ``vmap`` takes it; ``None`` without a batch."""
    chunk_size: int | None = None
    randomness: str = "error"
    """What torch's own modes are called with."""


class Call(Protocol):
    """One call's arguments, analysed.

    Attributes:
        operands: The array leaves that are passed to the compiled function, differentiated ones first.
    """

    @property
    def operands(self) -> Sequence[Any]: ...


class Traced(Protocol):
    """A function traced for one signature.

    Attributes:
        features: What an estimate needs to know before the function is expanded; ``None`` to expand in any case.
        linearization: The scalar graph and program, or ``None`` if the function does not expand to scalars.  May be
            expensive; asked for only if the estimate is in favour.
        obstacle: Why it does not, or an empty string.
        divided: The same, with what does not expand as regions.  Raises :class:`ccjac.UnsupportedError` where that is
            not possible.
        entry_dtypes: ``[outputs, inputs]`` type names of the Jacobian's entries, broadcastable.
        signature: Shapes and types of the arrays that the scalar program reads, and of the function's results.
        with_values: Whether the compiled function returns the function's values (or auxiliary output) too.
        fused: Whether it returns nothing else, see :attr:`Request.fused`.
        captured: Arrays from the function's surroundings that may change after tracing: a module's parameters, or
            values of an enclosing trace.  They are operands like the call's own, which they follow: read at every
            call, never baked in.
        reusable: Whether the result may serve later calls.  False if ``captured`` belongs to this call only, as values
            of an enclosing trace do that no guard watches; true for parameters, which are the same objects at the next
            call.
        platform: Where the operands live: ``"cpu"`` or the framework's name of an accelerator.
    """

    @property
    def features(self) -> Features | None: ...

    @property
    def linearization(self) -> Linearization | None: ...

    @property
    def obstacle(self) -> str: ...

    @property
    def divided(self) -> Linearization: ...

    @property
    def entry_dtypes(self) -> np.ndarray: ...

    @property
    def signature(self) -> Signature: ...

    @property
    def with_values(self) -> bool: ...

    @property
    def fused(self) -> bool: ...

    @property
    def captured(self) -> Sequence[Any]: ...

    @property
    def reusable(self) -> bool: ...

    @property
    def platform(self) -> str: ...


class Backend(Protocol):
    """A framework.

    Attributes:
        name: As in ``backend=``.
        outputs: The forms of Jacobians that it has: ``output=`` and ``"values"``.
    """

    name: str
    outputs: frozenset[str]

    def claims(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether an array of this framework is among the arguments.  Must not import the framework."""

    def vectorized(self, function: Callable[..., Any], request: Request) -> Callable[..., Any]:
        """A Jacobian function of samples as one of batches, along the axes ``request.in_dims``; results have the batch
        axis first.
        """

    def from_numpy(self, array: Any) -> Any:
        """An array of numpy as one of the framework."""

    def made(self, function: Callable[..., Any]) -> None:
        """A Jacobian function was made, of any framework's arrays: the framework's compiler may have to know of it.
        Must not import the framework.
        """

    def array_types(self) -> Sequence[type]:
        """The exact types of arrays that are neither static nor numbers of elsewhere."""

    def flatten(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], Hashable]:
        """The leaves of a call's arguments, and their containers."""

    def unflatten(self, tree: Any, leaves: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments again."""

    def kind(self, leaf: Any) -> str:
        """``"array"``: of the framework; ``"number"``: of Python or numpy, can be an operand; ``"count"``: a Python
        int, can be one too but is likely to steer Python; ``"static"``: cannot be an operand."""

    def watch(self, value: Any) -> Watch | None:
        """How a guard watches an array of the framework; ``None`` for anything else."""

    def road(self, build: Callable[..., Any], request: Request) -> Callable[..., Any]:
        """A function ``call(captured, *args, **kwargs)`` that computes ``build`` of the same arguments.

        ``build`` traces, plans, compiles and calls what it compiled.  It is called again whenever the framework cannot
        use what it has for these arguments or under these settings: that is the framework's to know.

        Args:
            build: As above; its first argument are the arrays that the guard watches.  ``build.compiled`` of the same
                arguments is all but the last step: the compiled function, the call as :meth:`prepare` gave it, and
                the captured arrays.  ``build.fail(error)`` says that the function cannot be traced with these operands.
            request: What was asked for; its function must not be kept.
        """

    def content(self, request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable | None:
        """What the function computes for these arguments, traced anew and made comparable; ``None`` if it is not."""

    def own_mode(self, request: Request) -> Callable[..., Any]:
        """The framework's own Jacobian function, for arguments as the user gives them, never compiled."""

    def ahead(self, call: Callable[..., Any], captured: tuple[Any, ...], args: Sequence[Any], kwargs: Any) -> None:
        """Compile what :meth:`road` gave, from shapes alone, without running it."""

    def prepare(self, request: Request, args: tuple[Any, ...], kwargs: dict[str, Any], *, numbers: bool = True) -> Call:
        """Check and flatten the arguments.  Without ``numbers`` those of Python and numpy that are not differentiated
        are static.

        Raises:
            InputError: Integer, boolean or complex differentiated arguments, or ``argnums`` out of range.
        """

    def trace(self, call: Any, watched: Mapping[int, Any] | None = None) -> Traced:
        """Trace and linearize.

        Args:
            call: What :meth:`prepare` gave.
            watched: By ``id``, what stands for an array that the guard watches.

        Raises:
            UntraceableError: The user's function raised an error.
        """

    def select_executor(self, jacobian: JacobianProgram, wanted: str, *, platform: str) -> tuple[str, str]:
        """What will run a program: the executor's name and, where it is not the fastest one, the reason.

        Raises:
            BackendError: The executor that was asked for cannot run this program.
            UnsupportedError: None can; the caller uses :meth:`fallback`.
        """

    def compile(
        self,
        traced: Any,
        jacobian: JacobianProgram,
        executor: str,
        *,
        fastmath: bool = False,
        accelerated: bool = False,
    ) -> Callable[..., Any]:
        """Build the function from ``(*call.operands, *traced.captured)`` to the result's pytree, with a selected
        executor.

        ``fastmath`` permits an executor that can to deviate from IEEE arithmetic; ``accelerated`` says that a kernel
        was asked for, which is then one on accelerators too if the function is lowered for one.
        """

    def cells(
        self, traced: Any, plan: Callable[[Linearization], Plan], nodes: int | None = None
    ) -> SparseProgram | FactoredProgram:
        """The function divided into cells; ``plan`` chooses an order for each, ``nodes`` bounds the search.

        Raises:
            UnsupportedError: It has no such structure.
        """

    def tape(self, traced: Any) -> Tape:
        """The function divided at its loops, which are not unrolled.

        Raises:
            UnsupportedError: It has none, or some part does not expand to scalars.
        """

    def loop_obstacle(self, looped: LoopedProgram, *, platform: str) -> str | None:
        """Why a program with loops cannot run in this process, or ``None`` if it can."""

    def compile_loops(self, traced: Any, looped: LoopedProgram) -> Callable[..., Any]:
        """The same as :meth:`compile` for a program with loops."""

    def dependence(self, traced: Any) -> Pattern:
        """Where the whole Jacobian can have entries, for functions without cells; it may be larger than necessary.

        Raises:
            UnsupportedError: That is not known either.
        """

    def coloured(self, traced: Any, mode: str) -> ColouredProgram:
        """The same, and which derivatives of the framework's yield the entries; ``mode`` is known to work."""

    def compile_sparse(
        self, traced: Any, sparse: SparseProgram | FactoredProgram | ColouredProgram, executor: str, output: str
    ) -> Callable[..., Any]:
        """The same as :meth:`compile` for a sparse result; ``executor`` is the framework's mode where it is needed."""

    def mode(self, traced: Any) -> str:
        """The framework's own mode for a function without a program: ``"forward"`` or ``"reverse"``."""

    def fallback(self, traced: Any, mode: str) -> Callable[..., Any]:
        """The framework's own Jacobian by that mode, of the traced function: the user's is not run again.

        By mode ``"framework"`` it is the traced function itself.
        """

    def constant(self, traced: Any) -> Callable[..., Any]:
        """The same where the Jacobian does not depend on any operand: it is computed now, once."""

    def steers(self, error: Exception) -> bool:
        """Whether an error says that Python needed the value of a traced array."""
