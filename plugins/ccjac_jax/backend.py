"""The JAX backend, as the core sees it.  JAX is imported when a method needs it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ccjac.backends.protocol import Request
from ccjac.elements.coloured import ColouredProgram
from ccjac.elements.factored import FactoredProgram
from ccjac.elements.parts import SparseProgram
from ccjac.errors import UnsupportedError
from ccjac.executor import select
from ccjac.guards import Watch
from ccjac.loops.joined import LoopedProgram
from ccjac.loops.tape import Tape
from ccjac.pattern import Pattern
from ccjac.planning.plan import Plan
from ccjac.program.accumulate import JacobianProgram
from ccjac.program.linearization import Linearization

if TYPE_CHECKING:
    from .arguments import JaxCall
    from .tracing import JaxTraced


class JaxBackend:
    """See :class:`ccjac.backends.protocol.Backend`."""

    name = "jax"
    outputs = frozenset({"dense", "bcoo", "bcsr", "operator", "values"})

    def claims(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a JAX array (or tracer, or what stands for an array) is among the arguments."""
        jax = sys.modules.get("jax")
        if jax is None:
            return False
        return any(isinstance(leaf, (jax.Array, jax.ShapeDtypeStruct)) for leaf in jax.tree.leaves((args, kwargs)))

    def vectorized(self, function: Callable[..., Any], request: Request) -> Callable[..., Any]:
        """``jax.vmap``."""
        import jax

        return jax.vmap(function, in_axes=request.in_dims)

    def from_numpy(self, array: Any) -> Any:
        """JAX takes numpy's arrays as they are."""
        return array

    def made(self, function: Callable[..., Any]) -> None:
        """``jax.jit`` calls what it does not know."""

    def array_types(self) -> Sequence[type]:
        """The one concrete array type."""
        from .calling import array_type

        return (array_type(),)

    def flatten(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], Hashable]:
        """As pytrees."""
        import jax

        return jax.tree.flatten((args, kwargs))

    def unflatten(self, tree: Any, leaves: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """As pytrees."""
        import jax

        return jax.tree.unflatten(tree, leaves)

    def kind(self, leaf: Any) -> str:
        """Arrays, numbers, counts, and static leaves."""
        from .arguments import kind

        return kind(leaf)

    def watch(self, value: Any) -> Watch | None:
        """JAX's arrays are immutable: by identity."""
        from .calling import watch

        return watch(value)

    def road(self, build: Callable[..., Any], request: Request) -> Callable[..., Any]:
        """``jax.jit`` of the whole thing."""
        from .calling import road

        return road(build, request)

    def content(self, request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable | None:
        """The traced function's text and constants."""
        from .calling import content

        return content(request, args, kwargs)

    def ahead(self, call: Callable[..., Any], captured: tuple[Any, ...], args: Sequence[Any], kwargs: Any) -> None:
        """``jit(...).lower(...).compile()``, which later calls find."""
        from .calling import ahead

        ahead(call, captured, args, kwargs)

    def own_mode(self, request: Request) -> Callable[..., Any]:
        """``jax.jacfwd``, or ``jax.jacrev`` where that is not possible."""
        from .modes import own_mode

        return own_mode(request)

    def prepare(
        self, request: Request, args: tuple[Any, ...], kwargs: dict[str, Any], *, numbers: bool = True
    ) -> JaxCall:
        """Check and flatten the arguments."""
        from .arguments import prepare

        return prepare(request, args, kwargs, numbers=numbers)

    def trace(self, call: JaxCall, watched: Mapping[int, Any] | None = None) -> JaxTraced:
        """Trace and linearize."""
        from .tracing import trace

        return trace(call, watched)

    def select_executor(self, jacobian: JacobianProgram, wanted: str, *, platform: str) -> tuple[str, str]:
        """The kernel where it can run, plain operations elsewhere."""
        from .kernel import obstacle

        lacking = functools.partial(obstacle, platform=platform, tried=wanted == "kernel")
        programs = [*(stage.program.program for stage in jacobian.stages), jacobian.program]
        found = [select(program, wanted, platform=platform, obstacle=lacking) for program in programs]
        return next((one for one in found if one[0] != "kernel"), found[-1])

    def compile(
        self,
        traced: JaxTraced,
        jacobian: JacobianProgram,
        executor: str,
        *,
        fastmath: bool = False,
        accelerated: bool = False,
    ) -> Callable[..., Any]:
        """Compile a program."""
        from .compiling import compiled

        return compiled(traced, jacobian, executor, fastmath=fastmath, accelerated=accelerated)

    def cells(
        self, traced: JaxTraced, plan: Callable[[Linearization], Plan], nodes: int | None = None
    ) -> SparseProgram | FactoredProgram:
        """By a walk through the jaxpr's elements."""
        from .own_rules import has_own_rules
        from .sparse import program

        if nodes is not None and has_own_rules(traced.closed.jaxpr, values=traced.with_values):
            # What the user asks for has no derivatives; what is chosen for them has.
            raise UnsupportedError("the derivative of its Jacobian depends on rules of the user's")
        return program(traced, plan, nodes)

    def tape(self, traced: JaxTraced) -> Tape:
        """By a walk through the jaxpr."""
        from .loops import tape

        return tape(traced)

    def loop_obstacle(self, looped: LoopedProgram, *, platform: str) -> str | None:
        """Loops run as kernels on the CPU."""
        from .looped import obstacle

        return f"loops run as kernels on the CPU, not on {platform}" if platform != "cpu" else obstacle(looped.chain)

    def compile_loops(self, traced: JaxTraced, looped: LoopedProgram) -> Callable[..., Any]:
        """One custom call."""
        from .looped import compiled

        return compiled(traced, looped)

    def dependence(self, traced: JaxTraced) -> Pattern:
        """By the same walk."""
        from .sparse import dependence

        return dependence(traced)

    def coloured(self, traced: JaxTraced, mode: str) -> ColouredProgram:
        """By the element graph's dependences."""
        from .sparse import coloured

        return coloured(traced, mode)

    def compile_sparse(
        self,
        traced: JaxTraced,
        sparse: SparseProgram | FactoredProgram | ColouredProgram,
        executor: str,
        output: str,
    ) -> Callable[..., Any]:
        """As :mod:`jax.experimental.sparse` has them."""
        from .sparse import compiled

        return compiled(traced, sparse, executor, output)

    def mode(self, traced: JaxTraced) -> str:
        """Forward mode unless there are fewer outputs than inputs and reverse mode works."""
        from .modes import mode

        return mode(traced)

    def fallback(self, traced: JaxTraced, mode: str) -> Callable[..., Any]:
        """JAX's own mode."""
        from .modes import fallback

        return fallback(traced, mode)

    def constant(self, traced: JaxTraced) -> Callable[..., Any]:
        """A constant of the compiled function."""
        from .constant import constant

        return constant(traced)

    def steers(self, error: Exception) -> bool:
        """JAX's own errors of this kind, and Python's about a tracer."""
        from .calling import steers

        return steers(error)
