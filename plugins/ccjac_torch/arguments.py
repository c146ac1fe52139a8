"""Arguments of one call: flattened, and split into operands and static values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from ccjac.arguments import joined, normalised, unflattened
from ccjac.backends.protocol import Request
from ccjac.errors import InputError
from ccjac.spec import Spec

from . import private
from .shadows import type_name


@dataclass(frozen=True, eq=False)
class TorchCall:
    """A call, analysed.  Leaves are numbered through the differentiated arguments first, then all others.

    Attributes:
        request: What the user asked for.
        operands: The tensors, differentiated ones first.
        n_differentiated: How many of the operands are differentiated.
        argument_trees: The container of every differentiated argument.
        obstacle: Why the call is torch's own affair: arguments that it refuses or treats specially.
    """

    request: Request
    operands: tuple[torch.Tensor, ...]
    n_differentiated: int
    argument_trees: tuple[Any, ...]
    obstacle: str
    _rest_tree: Any
    _rest: tuple[Any, ...]
    _traced_places: tuple[int, ...]
    _n_args: int

    @property
    def positions(self) -> tuple[int, ...]:
        """The differentiated positions, counted from the front."""
        return normalised(self.request.argnums, self._n_args)

    @cached_property
    def specs(self) -> list[Spec]:
        """Shape and type of every operand.  Sizes may be symbols of a tracer: they are taken as numbers."""
        return [Spec(tuple(int(n) for n in x.shape), type_name(x.dtype)) for x in self.operands]

    @cached_property
    def device(self) -> torch.device:
        """Where the operands live."""
        # Among the operands of a call with an obstacle may be anything.
        return next((x.device for x in self.operands if isinstance(x, torch.Tensor)), torch.device("cpu"))

    def rebuild(self, operands: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call's arguments with other operands in place."""
        rest = list(self._rest)
        for place, value in zip(self._traced_places, operands[self.n_differentiated :], strict=True):
            rest[place] = value
        others, kwargs = private.unflatten(self._rest_tree, rest)
        differentiated = unflattened(self.argument_trees, operands[: self.n_differentiated], private.unflatten)
        return joined(self.positions, differentiated, others), kwargs


def prepare(request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> TorchCall:
    """Analyse the arguments of one call.  Numbers are static.

    Raises:
        InputError: ``argnums`` names an argument that is not there, or an array is another framework's.
    """
    positions = normalised(request.argnums, len(args))
    operands: list[Any] = []
    trees = []
    obstacle = ""
    for position in positions:
        leaves, tree = private.flatten(args[position])
        for leaf in leaves:
            _check_framework(leaf)
            obstacle = obstacle or _obstacle_of(leaf, position)
        operands.extend(leaves)
        trees.append(tree)
    n_differentiated = len(operands)
    others = [a for position, a in enumerate(args) if position not in positions]
    rest, rest_tree = private.flatten((others, kwargs))
    places = []
    for k, leaf in enumerate(rest):
        _check_framework(leaf)
        if isinstance(leaf, torch.Tensor):
            obstacle = obstacle or _tensor_obstacle(leaf)
            operands.append(leaf)
            places.append(k)
    if n_differentiated == 0:
        obstacle = obstacle or "nothing is differentiated"
    devices = {x.device for x in operands if isinstance(x, torch.Tensor) and x.dim()}
    if len(devices) > 1:
        obstacle = obstacle or f"its arguments are on several devices: {', '.join(sorted(map(str, devices)))}"
    without = tuple(None if isinstance(leaf, torch.Tensor) else leaf for leaf in rest)
    return TorchCall(
        request, tuple(operands), n_differentiated, tuple(trees), obstacle, rest_tree, without, tuple(places), len(args)
    )


def kind_of(leaf: Any) -> str:
    """See :meth:`ccjac.backends.protocol.Backend.kind`."""
    if isinstance(leaf, torch.Tensor):
        return "array"
    return "number" if type(leaf) is float else "static"


def number_type(leaves: Sequence[Any]) -> torch.dtype | None:
    """The type of the floating-point tensors, if they have but one."""
    types = {x.dtype for x in leaves if isinstance(x, torch.Tensor) and x.is_floating_point()}
    return types.pop() if len(types) == 1 else None


def _check_framework(leaf: Any) -> None:
    module = type(leaf).__module__.partition(".")[0]
    if module in ("jax", "jaxlib"):
        raise InputError(
            "`ccjac.jacobian` got tensors of torch and an array of JAX in one call; convert one of them, for example "
            "with `torch.from_dlpack(x)`."
        )


def _obstacle_of(leaf: Any, position: int) -> str:
    if not isinstance(leaf, torch.Tensor):
        return f"argument {position} contains a {type(leaf).__name__}, which torch does not differentiate"
    if not leaf.is_floating_point():
        return f"argument {position} is {str(leaf.dtype).removeprefix('torch.')}"
    return _tensor_obstacle(leaf)


def _tensor_obstacle(leaf: torch.Tensor) -> str:
    if leaf.layout != torch.strided or leaf.is_quantized or leaf.is_nested:
        return "an argument is a sparse, nested or quantized tensor"
    if leaf.is_complex():
        return "an argument is complex"
    if private.is_subclass(leaf):
        return f"an argument is a {type(leaf).__name__}"
    return ""
