"""The JAX backend, as the core sees it.  JAX is imported when a method needs it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccjac.backends.protocol import Request
from ccjac.executor import select
from ccjac.program.accumulate import JacobianProgram

if TYPE_CHECKING:
    from .arguments import JaxCall
    from .tracing import JaxTraced


class JaxBackend:
    """See :class:`ccjac.backends.protocol.Backend`."""

    name = "jax"

    def claims(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a JAX array (or tracer) is among the arguments."""
        jax = sys.modules.get("jax")
        if jax is None:
            return False
        return any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves((args, kwargs)))

    def prepare(self, request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> JaxCall:
        """Check and flatten the arguments."""
        from .arguments import prepare

        return prepare(request, args, kwargs)

    def trace(self, call: JaxCall) -> JaxTraced:
        """Trace and linearize."""
        from .tracing import trace

        return trace(call)

    def select_executor(self, jacobian: JacobianProgram, wanted: str, *, platform: str) -> tuple[str, str]:
        """The kernel where it can run, plain operations elsewhere."""
        from .kernel import obstacle

        return select(jacobian.program, wanted, platform=platform, obstacle=obstacle)

    def compile(
        self, traced: JaxTraced, jacobian: JacobianProgram, executor: str, *, fastmath: bool = False
    ) -> Callable[..., Any]:
        """Compile a program."""
        from .compiling import compiled

        return compiled(traced, jacobian, executor, fastmath=fastmath)

    def fallback(self, traced: JaxTraced) -> tuple[Callable[..., Any], str]:
        """JAX's own mode."""
        from .compiling import framework_mode

        return framework_mode(traced)

    def derivative(self, request: Request) -> Callable[..., Any]:
        """``jax.jacrev`` of the function."""
        import jax

        return jax.jacrev(request.fun, argnums=request.argnums, has_aux=request.has_aux)
