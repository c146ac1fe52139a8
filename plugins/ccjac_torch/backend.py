"""The torch backend, as the core sees it.  torch is imported when a method needs it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ccjac.backends.protocol import Request
from ccjac.errors import BackendError, NoLoopsError, UnsupportedError
from ccjac.executor import select
from ccjac.guards import Watch
from ccjac.program.accumulate import JacobianProgram

if TYPE_CHECKING:
    from .arguments import TorchCall
    from .tracing import TorchTraced


class TorchBackend:
    """See :class:`ccjac.backends.protocol.Backend`."""

    name = "torch"
    outputs = frozenset({"dense"})

    def claims(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a tensor is among the arguments."""
        torch = sys.modules.get("torch")
        if torch is None:
            return False
        for x in (*args, *kwargs.values()):
            if isinstance(x, torch.Tensor):
                return True
        return any(isinstance(leaf, torch.Tensor) for leaf in self.flatten(args, kwargs)[0])

    def vectorized(self, function: Callable[..., Any], request: Request) -> Callable[..., Any]:
        """The batch goes to the kernel as it is: no ``vmap``."""
        from .calling import vectorized

        return vectorized(function, request)

    def from_numpy(self, array: Any) -> Any:
        """A tensor with a copy of the numbers."""
        import torch

        return torch.tensor(array)

    def made(self, function: Callable[..., Any]) -> None:
        """``torch.compile`` shall not look into it."""
        from .compiler import mark

        mark(function)

    def array_types(self) -> Sequence[type]:
        """Tensors and parameters."""
        import torch

        return (torch.Tensor, torch.nn.Parameter)

    def flatten(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], Hashable]:
        """As pytrees."""
        from . import private

        return private.flatten((args, kwargs))

    def unflatten(self, tree: Any, leaves: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """As pytrees."""
        from . import private

        args, kwargs = private.unflatten(tree, leaves)
        return args, kwargs

    def kind(self, leaf: Any) -> str:
        """Tensors, floating-point numbers, and static leaves."""
        from .arguments import kind_of

        return kind_of(leaf)

    def watch(self, value: Any) -> Watch | None:
        """Tensors and modules."""
        from .watching import watch

        return watch(value)

    def road(self, build: Callable[..., Any], request: Request) -> Callable[..., Any]:
        """A table of compiled functions."""
        from .calling import Road

        return Road(build)

    def content(self, request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable | None:
        """The traced function's program and graph."""
        from .calling import content

        return content(request, args, kwargs)

    def ahead(self, call: Callable[..., Any], captured: tuple[Any, ...], args: Sequence[Any], kwargs: Any) -> None:
        """A call with tensors that have no numbers."""
        from .calling import ahead

        ahead(call, captured, args, kwargs)

    def own_mode(self, request: Request) -> Callable[..., Any]:
        """``torch.func.jacrev``."""
        from .modes import own_mode

        return own_mode(request)

    def prepare(
        self, request: Request, args: tuple[Any, ...], kwargs: dict[str, Any], *, numbers: bool = True
    ) -> TorchCall:
        """Check and flatten the arguments."""
        from .arguments import prepare

        if request.fused:
            raise BackendError(
                "`ccjac.fuse` is served for JAX's arrays only, got tensors of torch; `torch.compile` fuses their "
                "operations, and `ccjac.jacobian` inside of the function works as it does elsewhere."
            )
        return prepare(request, args, kwargs)

    def trace(self, call: TorchCall, watched: Mapping[int, Any] | None = None) -> TorchTraced:
        """Trace and linearize."""
        from .tracing import trace

        return trace(call, watched)

    def select_executor(self, jacobian: JacobianProgram, wanted: str, *, platform: str) -> tuple[str, str]:
        """The kernel where it can run, plain operations elsewhere."""
        from .compiling import obstacle

        if wanted == "inductor":
            return wanted, "asked for"
        lacking = functools.partial(obstacle, platform=platform, tried=wanted == "kernel")
        return select(jacobian.program, wanted, platform=platform, obstacle=lacking)

    def compile(
        self,
        traced: TorchTraced,
        jacobian: JacobianProgram,
        executor: str,
        *,
        fastmath: bool = False,
        accelerated: bool = False,
    ) -> Callable[..., Any]:
        """Compile a program, for the device that the tensors are on."""
        from .compiling import compiled

        return compiled(traced, jacobian, executor, fastmath=fastmath)

    def tape(self, traced: TorchTraced) -> Any:
        """Torch unrolls the loops that it traces."""
        raise NoLoopsError("loops of torch are unrolled where they are traced")

    def loop_obstacle(self, looped: Any, *, platform: str) -> str | None:
        """See :meth:`tape`."""
        return "loops of torch are unrolled where they are traced"

    def compile_loops(self, traced: TorchTraced, looped: Any) -> Callable[..., Any]:
        """See :meth:`tape`."""
        raise UnsupportedError("loops of torch are unrolled where they are traced")

    def cells(self, traced: TorchTraced, plan: Callable[..., Any], nodes: int | None = None) -> Any:
        """Not here yet."""
        raise UnsupportedError("functions of tensors are not divided into cells")

    def dependence(self, traced: TorchTraced) -> Any:
        """Nothing is known of it."""
        raise UnsupportedError(
            "for tensors there is the graph of one sample, `ccjac.trace(...)`, and the dense Jacobian, whose entries "
            "that are not zero `.to_sparse()` finds"
        )

    def coloured(self, traced: TorchTraced, mode: str) -> Any:
        """Never asked for: :attr:`outputs` are dense."""
        raise NotImplementedError

    def compile_sparse(self, traced: TorchTraced, sparse: Any, executor: str, output: str) -> Callable[..., Any]:
        """Never asked for: :attr:`outputs` are dense."""
        raise NotImplementedError

    def mode(self, traced: TorchTraced) -> str:
        """Reverse mode unless there are fewer inputs than outputs."""
        from .modes import mode

        return mode(traced)

    def fallback(self, traced: TorchTraced, mode: str) -> Callable[..., Any]:
        """Torch's own mode."""
        from .modes import fallback

        return fallback(traced, mode)

    def constant(self, traced: TorchTraced) -> Callable[..., Any]:
        """Never asked for: nothing is known of a function before it is expanded."""
        raise NotImplementedError

    def steers(self, error: Exception) -> bool:
        """A trace fails for no other reason."""
        return True
