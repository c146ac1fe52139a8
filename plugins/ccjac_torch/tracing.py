"""From a call to its linearization."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ccjac.backends.protocol import UntraceableError
from ccjac.counting import Enough, Tally, finished, inputs
from ccjac.counting import Value as Counted
from ccjac.errors import CcjacError, InputError, UnsupportedError
from ccjac.estimate import EAGER, Features
from ccjac.expand import Expander, Symbolic, Value, linearize
from ccjac.program.linearization import Linearization
from ccjac.results import Containers
from ccjac.spec import Signature, Spec

from . import levels, private
from .arguments import TorchCall
from .counting import Counter
from .functions import Functions
from .modes import function_of
from .shadows import type_name
from .tracker import LooksAtNumbersError, Tracker

log = logging.getLogger("ccjac")

CONSTANT_BYTES = 1 << 12
"""Tensors from a function's surroundings up to this size become constants of the program; larger ones are operands."""


@dataclass(eq=False)
class TorchTraced:
    """A traced call.

    Attributes:
        call: The call it was traced for.
        around: What the function reads besides its arguments.
        features: What an estimate needs to know; ``None`` where nothing could be counted.
        refused: Why the function cannot be expanded, if that is known before.
        outputs: Shape and type of every differentiated result.
        auxiliary: Shape and type of every auxiliary result.
        output_tree, auxiliary_tree: Their containers.
        stopped: Whether the function detaches tensors or switches gradients off: its program's derivative is not that
            of its Jacobian.
        fixed: Auxiliary results that are no tensors, in their places among all of them.
    """

    call: TorchCall
    around: _Surroundings = field(repr=False)
    features: Features | None = None
    refused: str = ""
    outputs: tuple[Spec, ...] = ()
    auxiliary: tuple[Spec, ...] = ()
    output_tree: Any = None
    auxiliary_tree: Any = None
    stopped: bool = False

    @property
    def linearization(self) -> Linearization | None:
        """The scalar graph and program, or ``None``; expanded when it is first asked for."""
        return self._expanded[0]

    @property
    def divided(self) -> Linearization:
        """Torch's functions have no regions."""
        raise UnsupportedError

    @property
    def obstacle(self) -> str:
        """Why there is no linearization."""
        return self._expanded[1]

    @property
    def captured(self) -> tuple[torch.Tensor, ...]:
        """Tensors from the function's surroundings that are operands of the program; they follow the call's own."""
        return tuple(self.around.operands.values())

    @property
    def reusable(self) -> bool:
        """Whether every tensor that the program was made of is watched."""
        return self.around.reusable

    @cached_property
    def _expanded(self) -> tuple[Linearization | None, str]:
        if self.refused:
            return None, self.refused
        return _expand(self)

    @property
    def entry_dtypes(self) -> np.ndarray:
        """``[outputs, inputs]``: an entry has its input's type, as in ``torch.func.jacrev``."""
        names = [s.dtype for s in self.call.specs[: self.call.n_differentiated] for _ in range(s.size)]
        return np.array(names, dtype=object).reshape(1, -1)

    @property
    def signature(self) -> Signature:
        """The arrays of the scalar program and of the results."""
        captured = [Spec(tuple(t.shape), type_name(t.dtype)) for t in self.captured]
        own = self.call.specs
        return Signature((*own, *captured), self.call.n_differentiated, len(own), self.outputs, self.auxiliary, "input")

    @property
    def with_values(self) -> bool:
        """Whether values or auxiliary results are returned."""
        return self.call.request.with_value or self.call.request.has_aux

    @property
    def fused(self) -> bool:
        """Never: such calls are refused when they are prepared."""
        return False

    @property
    def values(self) -> tuple[Spec, ...]:
        """The arrays that precede the Jacobian's blocks."""
        return (*self.outputs, *self.auxiliary) if self.with_values else ()

    @property
    def containers(self) -> Containers:
        """The containers of the results."""
        return Containers(self.output_tree, self.auxiliary_tree, self.call.argument_trees, private.unflatten)

    @property
    def platform(self) -> str:
        """Where the operands live; what only tracers see counts as the CPU."""
        kind = self.call.device.type
        return "cpu" if kind == "meta" else kind


class _Captured(Exception):  # noqa: N818
    """The function reads tensors that must be operands; it is traced again with them."""


@dataclass(eq=False)
class _Surroundings:
    """Tensors that the function reads without being given them.

    Attributes:
        watched: Those that a guard watches, by their memory.
        operands: Those that are operands, by their memory; wrappers of transformations, which have none, by identity.
        meanings: What the operands mean in this round, by the same keys.
        stand_ins: Tensors without wrappers.
        reusable: Whether all of them are watched.
    """

    watched: Mapping[int, torch.Tensor]
    operands: dict[int, torch.Tensor] = field(default_factory=dict)
    meanings: dict[int, Symbolic] = field(default_factory=dict)
    stand_ins: dict[int, torch.Tensor] = field(default_factory=dict)
    reusable: bool = True
    incomplete: bool = False

    @property
    def has_wrappers(self) -> bool:
        """Whether a surrounding transformation has wrapped any of them."""
        return any(map(private.is_wrapper, self.watched.values()))

    def stand_in(self, tensor: torch.Tensor) -> torch.Tensor:
        """What takes part in the trace for a tensor: an operand, if a surrounding transformation has wrapped it."""
        key = id(tensor)
        if key not in self.watched:
            return tensor
        if key not in self.stand_ins:
            self.operands[key] = tensor
            self.stand_ins[key] = _stand_in(Spec(tuple(tensor.shape), type_name(tensor.dtype)), tensor, tensor.device)
            self.incomplete = True
        return self.stand_ins[key]

    def meet(self, tensor: torch.Tensor) -> Symbolic | None:
        """What all of a tensor's memory means: operands, or ``None`` for constants."""
        key = private.storage_key(tensor)
        owner = self.watched.get(key)
        self.reusable &= owner is not None
        whole = tensor if owner is None else owner
        if tensor.is_floating_point() and (_is_trained(whole) or _bytes(whole) > CONSTANT_BYTES):
            if key in self.meanings:
                return self.meanings[key]
            if key in self.operands:
                # Found earlier in this round: the next one will know it.
                return None
            if not _fills_its_memory(whole):
                raise UnsupportedError("the function reads a part of a larger tensor from its surroundings")
            self.operands[key] = whole
            self.incomplete = True
        elif _bytes(whole) > 16 * CONSTANT_BYTES:
            raise UnsupportedError("the function reads a large tensor from its surroundings")
        return None


def _key(tensor: torch.Tensor) -> int:
    return id(tensor) if private.is_wrapper(tensor) else private.storage_key(tensor)


def _is_trained(tensor: torch.Tensor) -> bool:
    return tensor.requires_grad


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _fills_its_memory(tensor: torch.Tensor) -> bool:
    return tensor.is_contiguous() and tensor.untyped_storage().nbytes() == _bytes(tensor)


def trace(call: TorchCall, watched: Mapping[int, Any] | None = None) -> TorchTraced:
    """Trace the user's function, then expand it to scalars if that is possible.

    Args:
        call: The call.
        watched: The tensors that a guard watches, by ``id``.

    Raises:
        UntraceableError: What the function does depends on numbers in its arguments.
    """
    tensors = [t for t in (watched or {}).values() if isinstance(t, torch.Tensor)]
    around = _Surroundings({_key(t): t for t in tensors if t.layout == torch.strided})
    traced = TorchTraced(call, around, refused=call.obstacle)
    if not call.obstacle and not any(spec.size for spec in call.specs):
        traced.refused = "all arguments are empty"
    if not traced.refused:
        traced.features = _counted(traced)
    return traced


def _counted(traced: TorchTraced) -> Features | None:
    """What an estimate needs to know; sets what the results are made of."""
    call = traced.call
    n = call.n_differentiated
    features = Features(sum(s.size for s in call.specs[:n]), modes=EAGER)
    tally = Tally(features)
    operands = inputs(tally, [s.shape for s in call.specs], n)
    counter = Counter(tally)

    def walk() -> list[Counted]:
        outputs, _ = _walked(traced, counter, lambda tensors: [*map(counter.give, tensors, operands)])
        features.outputs = sum(t.numel() for t in outputs)
        if counter.enough:
            raise Enough
        return [counter.counted(t) for t in outputs]

    try:
        return private.apart(lambda: finished(tally, walk))
    except LooksAtNumbersError as error:
        # With numbers in place of stand-ins, Python may do what it likes.
        raise UntraceableError(TypeError(str(error))) from None
    except CcjacError:
        raise
    except Exception as error:
        # What torch can differentiate must work, whatever it is made of; its own modes raise again what is the user's.
        traced.refused = f"the function cannot be traced: {type(error).__name__}: {_first_line(error)}"
        log.debug("counting of %s failed", call.request.fun, exc_info=True)
        return None


def _expand(traced: TorchTraced) -> tuple[Linearization | None, str]:
    """The linearization, or why there is none."""
    try:
        for _ in range(_ROUNDS):
            traced.around.incomplete = False
            try:
                return _linearized(traced), ""
            except _Captured:
                continue
        return None, "the function reads other tensors from its surroundings at each call"
    except UnsupportedError as obstacle:
        return None, str(obstacle)
    except CcjacError:
        raise
    except Exception as error:
        log.debug("expansion of %s failed", traced.call.request.fun, exc_info=True)
        return None, f"the function cannot be expanded: {type(error).__name__}: {_first_line(error)}"


_ROUNDS = 4


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")


def _linearized(traced: TorchTraced) -> Linearization:
    call, around = traced.call, traced.around
    captured = list(around.operands.items())
    specs = [*call.specs, *(Spec(tuple(t.shape), type_name(t.dtype)) for _, t in captured)]

    def body(ex: Expander, operands: list[Symbolic]) -> tuple[Sequence[Value], Sequence[Value]]:
        around.meanings = {k: v for (k, _), v in zip(captured, operands[len(call.specs) :], strict=True)}
        tracker = Tracker(ex, around.meet)

        def begin(tensors: Sequence[torch.Tensor]) -> None:
            for tensor, meaning in zip(tensors, operands, strict=False):
                tracker.shadows.put(tensor, meaning)

        def walk() -> tuple[list[Value], list[Value]]:
            outputs, auxiliary = _walked(traced, tracker, begin)
            traced.stopped |= tracker.stopped
            return [_settled(tracker, t) for t in outputs], [_settled(tracker, t) for t in auxiliary]

        values = private.apart(walk)
        if around.incomplete:
            raise _Captured
        return values

    return linearize(specs, call.n_differentiated, body)


def _walked(
    traced: TorchTraced, tracker: Tracker, begin: Callable[[Sequence[torch.Tensor]], Any]
) -> tuple[Sequence[torch.Tensor], Sequence[torch.Tensor]]:
    """Run the function under ``tracker`` on small real tensors that stand in for the operands."""
    call, request, around = traced.call, traced.call.request, traced.around
    stand_ins = [_stand_in(s, x, call.device) for s, x in zip(call.specs, call.operands, strict=True)]
    begin(stand_ins)
    for key, tensor in around.stand_ins.items():
        if key in around.meanings:
            tracker.shadows.put(tensor, around.meanings[key])
    n = call.n_differentiated
    function = function_of(request)

    def of_differentiated(*tensors: torch.Tensor) -> Any:
        args, kwargs = call.rebuild([*tensors, *stand_ins[n:]])
        with Functions(around.stand_in if around.has_wrappers else None), levels.traced():
            output, auxiliary = function(*args, **kwargs), ()
        if request.has_aux:
            if not (isinstance(output, tuple) and len(output) == 2):
                raise InputError(
                    f"`has_aux=True` needs a function that returns (output, aux), got a {type(output).__name__}; "
                    "give back the pair, or leave `has_aux` out."
                )
            output, auxiliary = output
        leaves, traced.output_tree = private.flatten(output)
        for leaf in leaves:
            _check_output(leaf)
        aux_leaves, traced.auxiliary_tree = private.flatten(auxiliary)
        if any(not isinstance(leaf, torch.Tensor) for leaf in aux_leaves):
            raise UnsupportedError("the auxiliary output is not made of tensors")
        return tuple(leaves), tuple(aux_leaves)

    with tracker:
        found: tuple[Any, ...] = torch.func.vjp(of_differentiated, *stand_ins[:n], has_aux=True)
    outputs, _, auxiliary = found
    traced.outputs, traced.auxiliary = (
        tuple(Spec(tuple(t.shape), type_name(t.dtype)) for t in tensors) for tensors in (outputs, auxiliary)
    )
    return outputs, auxiliary


def _settled(tracker: Tracker, tensor: torch.Tensor) -> Value:
    if not tracker.shadows.tracked(tensor):
        tracker.meet(tensor)
    return tracker.value(tensor)


def _check_output(leaf: Any) -> None:
    if not isinstance(leaf, torch.Tensor):
        # torch.func's own words follow, from its own mode.
        raise UnsupportedError(f"the function returns a {type(leaf).__name__}")
    if not leaf.is_floating_point():
        raise UnsupportedError(f"the function returns {str(leaf.dtype).removeprefix('torch.')} numbers")


def _stand_in(spec: Spec, operand: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Numbers inside the domain of most functions; zero where they may be indices."""
    place = torch.device("cpu") if device.type == "meta" else device
    kind = operand.dtype
    if not kind.is_floating_point:
        return torch.zeros(spec.shape, dtype=kind, device=place)
    numbers = 0.25 + 0.5 * torch.linspace(0.0, 1.0, max(spec.size, 1), dtype=torch.float64)[: spec.size]
    return numbers.reshape(spec.shape).to(kind).to(place)
