"""The dispatch mode that follows a function's operations on small real tensors, and records what they mean."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ccjac
from ccjac.errors import UnsupportedError
from ccjac.expand import Expander, Forms, Symbolic, Value, lift, unsupported, without_tangent

from . import inner, private
from .rules import COMPOSITIONS, LINALG, PLACES, RULES, Operation, Rule
from .shadows import Shadows, constant, type_name

_LIBRARIES = tuple(str(Path(file).parent) for file in (torch.__file__, __file__, np.__file__, str(ccjac.__file__)))

LOOKS_AT_NUMBERS = frozenset(
    """_local_scalar_dense item nonzero nonzero_static masked_select equal is_nonzero unique_consecutive unique_dim
    _unique _unique2 bincount histc histogram allclose linalg_matrix_rank""".split()
)
"""Operators by which Python learns numbers."""
_METADATA = frozenset(
    """
    is_same_size device sym_size sym_stride sym_numel sym_storage_offset _has_same_storage_numel is_pinned size stride
    dim numel is_contiguous layout is_coalesced _nested_tensor_size sym_is_contiguous""".split()
)
_WITHOUT_INPUTS = frozenset(
    """empty_like zeros_like ones_like full_like new_empty new_zeros new_ones new_full new_empty_strided
    _new_zeros_with_same_feature_meta _efficientzerotensor""".split()
)
"""Take shape and type of a tensor, not its numbers."""

_LINEAR = frozenset("neg clone sum mean mul div add sub _to_copy cat stack mm bmm mv dot where".split())
"""Give zero for zeros."""

_SOLUTIONS = frozenset({"linalg_lu_solve", "linalg_solve_triangular"})
"""Linear in the last argument."""

Outside = Callable[[torch.Tensor], Symbolic | None]
"""What the memory of a tensor from the function's surroundings means: values of the program, or ``None`` for
constants."""


class LooksAtNumbersError(UnsupportedError):
    """What the function does depends on numbers in its arguments."""


class Tracker(private.DispatchMode):
    """A mode; see :class:`ccjac_torch.rules.operation.Tracing`.

    Attributes:
        ex: Where values and vertices are recorded.
        shadows: What every tensor means.
        stopped: Whether the function computes with numbers whose derivatives it leaves out.
    """

    def __init__(self, ex: Expander, outside: Outside = lambda tensor: None) -> None:
        super().__init__()
        self.ex = ex
        self.shadows = Shadows(ex.builder)
        self._outside = outside
        self._zeros: set[int] = set()
        self.stopped = False
        self._composing = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Otherwise torch loads its compiler, which takes seconds, to say that it shall leave this mode alone."""
        return False

    def nested(self, ex: Expander) -> Tracker:
        """A trace of its own, inside a rule."""
        return Tracker(ex)

    def value(self, tensor: Any, dtype: str | None = None) -> Value:
        """The meaning of a tensor, or of a number taken as type ``dtype``."""
        if isinstance(tensor, torch.Tensor):
            if private.is_efficient_zero(tensor):
                return np.zeros(tuple(tensor.shape), dtype=type_name(tensor.dtype))
            if self.shadows.tracked(tensor):
                return self.shadows.get(tensor)
            if tensor.dtype == torch.bfloat16:
                return constant(self.ex.builder, tensor)
            type_name(tensor.dtype)
            return tensor.detach().resolve_neg().numpy().copy()
        if isinstance(tensor, complex):
            raise UnsupportedError("the function works on complex numbers")
        return constant(self.ex.builder, tensor, dtype) if dtype == "bfloat16" else np.asarray(tensor, dtype=dtype)

    def __torch_dispatch__(
        self, function: Any, kinds: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if any(map(private.is_efficient_zero, tensors_of(args, kwargs))):
            args, kwargs = self._materialized(args), self._materialized(kwargs)
        whole, _ = private.name_of(function)
        namespace, _, name = whole.partition("::")
        if name == "_efficientzerotensor":
            return self._zero(args, kwargs)
        tensors = list(tensors_of(args, kwargs))
        if (short := self._with_zeros(function, name, args, kwargs, tensors)) is not None:
            return short
        if name in ("lift_fresh", "lift"):
            out = function(*args, **kwargs)
            if not self.shadows.tracked(out):
                self.shadows.created(out)
            return out
        for tensor in tensors:
            self.meet(tensor)
        if torch.Tag.nondeterministic_seeded in function.tags:
            raise UnsupportedError(f"the operation `{name}` draws random numbers")
        if name in _METADATA:
            return function(*args, **kwargs)
        if not any(map(self.shadows.tracked, tensors)) or name in _WITHOUT_INPUTS:
            return self._without_inputs(function, args, kwargs, tensors)
        if name == "_linalg_check_errors":
            # Whether a matrix is singular is seen in the results, which are infinite or not numbers.
            return None
        if name in LOOKS_AT_NUMBERS or torch.Tag.data_dependent_output in function.tags:
            raise LooksAtNumbersError(f"what the function does depends on numbers in its arguments (`{name}`)")
        if name in ("detach", "detach_"):
            return self._detached(function, name, args, kwargs)
        if function.is_view or name in ("alias", "_reshape_alias"):
            return function(*args, **kwargs)
        if private.is_mutable(function):
            return self._in_place(function, name, args, kwargs)
        if namespace == inner.NAMESPACE:
            return self._inner_program(function, name, args, kwargs)
        return self._computed(function, name, args, kwargs)

    # -- zeros of derivative rules --------------------------------------------------------------------------------

    def _zero(self, args: Any, kwargs: Any) -> torch.Tensor:
        """Torch's rules take zeros for missing tangents, and skip what is multiplied by them.  So does this trace, with
        ordinary tensors: operations on torch's own kind end the process here, or load its compiler.
        """
        zeros = torch.zeros(args[0], dtype=kwargs.get("dtype"))
        self.shadows.created(zeros)
        self._zeros.add(private.storage_key(zeros))
        return zeros

    def _is_zero(self, x: Any) -> bool:
        return isinstance(x, torch.Tensor) and private.storage_key(x) in self._zeros

    def _with_zeros(self, function: Any, name: str, args: Any, kwargs: Any, tensors: list[torch.Tensor]) -> Any:
        """The result where one of those zeros makes it simple, else ``None``."""
        if not self._zeros or not any(map(self._is_zero, tensors)):
            return None
        if private.is_mutable(function):
            self._zeros.difference_update(private.storage_key(t) for t in private.written(function, args, kwargs))
            return None
        vanishes = name in _LINEAR and all(map(self._is_zero, tensors))
        vanishes |= name in _SOLUTIONS and self._is_zero(args[-1])
        if vanishes or name == "mul" or (name == "div" and self._is_zero(args[0])):
            out = function(*args, **kwargs)
            self.shadows.created(out)
            self._zeros.add(private.storage_key(out))
            return out
        if name not in ("add", "sub") or kwargs.get("alpha", 1) != 1:
            return None
        left, right = args
        if name == "sub" and self._is_zero(left):
            with self:
                return torch.neg(right).expand_as(left) if right.dim() < left.dim() else torch.neg(right)
        other = right if self._is_zero(left) else left
        out = function(*args, **kwargs)
        if other.shape != out.shape or other.dtype != out.dtype or not self.shadows.tracked(other):
            return None
        value = self.shadows.get(other)
        self.shadows.put(out, value)
        return out

    # -- kinds of operations --------------------------------------------------------------------------------------

    def meet(self, tensor: torch.Tensor) -> None:
        """A tensor that may come from the function's surroundings."""
        if self.shadows.tracked(tensor) or self.shadows.is_created(tensor):
            return
        meaning = self._outside(tensor)
        if meaning is not None:
            self.shadows.put_whole(tensor, meaning)

    def _without_inputs(self, function: Any, args: Any, kwargs: Any, tensors: list[torch.Tensor]) -> Any:
        """Torch computes with numbers that do not depend on the inputs."""
        if private.is_mutable(function):
            for tensor in private.written(function, args, kwargs):
                if not self.shadows.is_created(tensor):
                    raise UnsupportedError("the function writes to a tensor from its surroundings")
        out = function(*args, **kwargs)
        known = {private.storage_key(t) for t in tensors}
        for tensor in tensors_of((out,), {}):
            if private.storage_key(tensor) not in known:
                self.shadows.created(tensor)
        return out

    def _detached(self, function: Any, name: str, args: Any, kwargs: Any) -> Any:
        """The same numbers as constants.  Both tensors share memory in torch, but not their meaning."""
        if name == "detach_":
            raise UnsupportedError("the function detaches a tensor in place")
        (tensor,) = args
        # What compositions stop does not change their results.
        self.stopped |= not self._composing
        out = function(*args, **kwargs).clone(memory_format=torch.preserve_format)
        self.shadows.put(out, without_tangent(self.shadows.get(tensor)))
        self.shadows.freeze(tensor)
        self.shadows.freeze(out)
        return out

    def _in_place(self, function: Any, name: str, args: Any, kwargs: Any) -> Any:
        """What the operation without the underscore gives is written to the first argument."""
        target = args[0]
        if (
            not name.endswith("_")
            or not isinstance(target, torch.Tensor)
            or any(t is not target for t in private.written(function, args, kwargs))
        ):
            raise unsupported(name, "writes to its arguments")
        self.stopped |= not torch.is_grad_enabled()
        plain = name[:-1]
        if plain in ("zero", "fill"):
            number = args[1] if plain == "fill" else 0.0
            value = lift(self.ex.builder, self.value(number, type_name(target.dtype)))
            value = _converted(self.ex, value, type_name(target.dtype))
            self.shadows.write(target, _broadcast(value, tuple(target.shape)))
            return function(*args, **kwargs)
        if plain == "copy":
            value = self.value(args[1])
        else:
            packet = getattr(getattr(torch.ops, str(function.namespace)), plain, None)
            overload = getattr(packet, str(private.name_of(function)[1] or "default"), None)
            if overload is None:
                raise unsupported(name)
            with self:
                result = overload(*args, **kwargs)
            value = self.value(result)
        if isinstance(value, Forms):
            self.shadows.write_forms(target, Forms(np.broadcast_to(value.entries, tuple(target.shape))))
            return function(*args, **kwargs)
        value = _converted(self.ex, lift(self.ex.builder, value), type_name(target.dtype))
        self.shadows.write(target, _broadcast(value, tuple(target.shape)))
        return function(*args, **kwargs)

    def _inner_program(self, function: Any, name: str, args: Any, kwargs: Any) -> Any:
        """A Jacobian of a function that computes a Jacobian itself: its program becomes part of this one."""
        values = inner.expanded(self, name, args)
        out = function(*args, **kwargs)
        self._record(out, values[0] if isinstance(out, torch.Tensor) else values)
        return out

    def _computed(self, function: Any, name: str, args: Any, kwargs: Any) -> Any:
        rule = RULES.get(name)
        composition = COMPOSITIONS.get(name) or (None if rule else private.decomposition(function))
        if rule is None and composition is None:
            raise unsupported(name)
        self.ex.recorder.check_size()
        if rule is None:
            assert composition is not None
            return self._composed(composition, args, kwargs)
        out = function(*self._with_places(name, args), **kwargs)
        if name in LINALG:
            # LAPACK's results have their columns in a row, and torch would copy tangents into that order.
            out = out.contiguous() if isinstance(out, torch.Tensor) else tuple(x.contiguous() for x in out)
        operation = Operation(self, function, name, args, kwargs, out, f"{name}{_user_line()}")
        meaning = self.meaning(operation, rule)
        if meaning is NotImplemented:
            if composition is None:
                raise unsupported(name)
            return self._composed(composition, args, kwargs)
        self._record(out, meaning)
        return out

    def _composed(self, composition: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        self._composing += 1
        try:
            with self:
                return composition(*args, **kwargs)
        finally:
            self._composing -= 1

    def meaning(self, operation: Operation, rule: Rule) -> Any:
        """What the results of an operation mean, see :data:`ccjac_torch.rules.operation.Rule`."""
        return rule(operation)

    def _with_places(self, name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments for the stand-ins' sake: of indices that are computed from them, any number will do."""
        if name not in PLACES:
            return args

        def place(x: Any) -> Any:
            if isinstance(x, (list, tuple)):
                return [place(y) for y in x]
            computed = self.shadows.tracked(x) and not x.dtype.is_floating_point and x.dtype != torch.bool
            return torch.zeros_like(x) if computed else x

        return tuple(map(place, args))

    # -- results --------------------------------------------------------------------------------------------------

    def _record(self, out: Any, meaning: Any) -> None:
        outs = [out] if isinstance(out, torch.Tensor) else list(out)
        meanings = [meaning] if isinstance(out, torch.Tensor) else list(meaning)
        for tensor, value in zip(outs, meanings, strict=True):
            if value is None or (isinstance(value, np.ndarray)):
                if value is not None:
                    self.shadows.put(tensor, lift(self.ex.builder, value))
                else:
                    self.shadows.created(tensor)
            elif not self.shadows.tracked(tensor):
                self.shadows.put(tensor, self._settle(value))

    def _settle(self, value: Value) -> Value:
        """Under ``no_grad`` results have no tangents, as in ``torch.func.jacrev``."""
        if torch.is_grad_enabled():
            return value
        self.stopped |= not self._composing
        return without_tangent(value)

    def _materialized(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if not private.is_efficient_zero(value):
                return value
            zeros = torch.zeros(value.shape, dtype=value.dtype)
            self.shadows.created(zeros)
            return zeros
        if isinstance(value, (list, tuple)):
            return type(value)(map(self._materialized, value))
        return {k: self._materialized(v) for k, v in value.items()} if isinstance(value, dict) else value


def tensors_of(args: Any, kwargs: dict[str, Any]) -> Iterator[torch.Tensor]:
    """The tensors among an operator's arguments."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from (v for v in value if isinstance(v, torch.Tensor))


def _broadcast(value: Symbolic, shape: tuple[int, ...]) -> Symbolic:
    vertices = None if value.vertices is None else np.broadcast_to(value.vertices, shape)
    return Symbolic(np.broadcast_to(value.ids, shape), vertices, value.dtype)


def _converted(ex: Expander, value: Symbolic, dtype: str) -> Symbolic:
    passes = "float" in dtype and "float" in value.dtype
    return Symbolic(ex.converted(value.ids, value.dtype, dtype), value.vertices if passes else None, dtype)


def _user_line() -> str:
    """`` at file.py:line`` of the innermost frame outside the libraries."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_LIBRARIES) and not file.startswith("<"):
            return f" at {Path(file).name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
