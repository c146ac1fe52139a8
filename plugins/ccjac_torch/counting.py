"""Count what an estimate needs to know of a function of tensors, before anything is expanded.

The function is followed as a trace follows it, but where a trace has program values, every entry here has a word that
says which inputs it depends on; see :mod:`ccjac.counting`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch

from ccjac import counting
from ccjac.counting import Enough, Tally, Value
from ccjac.errors import UnsupportedError
from ccjac.expand import Expander, Symbolic, is_floating
from ccjac.spec import Spec

from . import private
from .boxed.register import program_of
from .rules import COMPOSITIONS, RULES, Operation
from .rules.elementwise import ELEMENTWISE
from .rules.products import PRODUCTS
from .rules.reductions import REDUCTIONS, axes_of
from .rules.structural import STRUCTURAL
from .shadows import type_name
from .tracker import LOOKS_AT_NUMBERS, LooksAtNumbersError, Tracker, tensors_of

_OPERATIONS = {
    "rsub": "sub",
    "true_divide": "div",
    "reciprocal": "div",
    "sigmoid": "logistic",
    "where": "select_n",
    "maximum": "max",
    "minimum": "min",
    "relu": "max",
    "hardtanh": "clamp",
    "clamp_min": "max",
    "clamp_max": "min",
    "sgn": "sign",
    "trunc": "floor",
    "fix": "floor",
    "remainder": "rem",
    "fmod": "rem",
    "_to_copy": "convert_element_type",
}
"""Operator -> operation of scalar programs, where they have different names."""

_RUNNING = frozenset({"cumsum"})
_CONVOLUTION = "convolution"
_MOST_OPERATORS = 5_000
"""Operators, each of them a scalar operation at least, beyond which none is looked at."""
_WHOLE = 4.0
"""Operations per entry of what has a rule that is not looked into."""


class _Words:
    """What a trace's rules ask for where entries are words: nothing depends on a constant."""

    recorder = builder = property(lambda self: self)

    def const(self, value: Any, dtype: str) -> int:
        return 0

    def constant_value(self, word: int) -> None:
        return None

    def check_size(self, size: int = 0) -> None:
        return None

    def converted(self, words: np.ndarray, source: str, target: str) -> np.ndarray:
        return words


class Counter(Tracker):
    """A mode; the words of a tensor are the program values of its shadow.

    Attributes:
        tally: The counts.
        enough: Whether there is nothing more to find out: operations are only run, to see results' shapes.
    """

    def __init__(self, tally: Tally) -> None:
        super().__init__(cast(Expander, _Words()))
        self.tally = tally
        self.enough = False

    def value(self, tensor: Any, dtype: str | None = None) -> Symbolic:
        """The words of a tensor; a number has none."""
        if isinstance(tensor, torch.Tensor):
            if not private.is_efficient_zero(tensor) and self.shadows.tracked(tensor):
                return cast(Symbolic, self.shadows.get(tensor))
            return Symbolic(np.zeros(tuple(tensor.shape), np.int64), None, type_name(tensor.dtype))
        if isinstance(tensor, complex):
            raise UnsupportedError("the function works on complex numbers")
        return Symbolic(np.zeros(np.shape(tensor), np.int64), None, dtype or "float64")

    def give(self, tensor: torch.Tensor, value: Value) -> None:
        """Give a tensor its words."""
        words = np.ascontiguousarray(value.words()).view(np.int64)
        self.shadows.put(tensor, Symbolic(words, None, type_name(tensor.dtype)))

    def counted(self, x: Any) -> Value:
        """A tensor or number as the counts take it."""
        known = not isinstance(x, torch.Tensor) or not self.shadows.tracked(x)
        if known:
            return Value(tuple(np.shape(x)), True)
        words = self.value(x).ids.view(np.uint64)
        return Value(words.shape, masks=words if words.any() else None, affine=False)

    def __torch_dispatch__(
        self, function: Any, kinds: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        counted = self.tally.counted
        counted.equations += 1
        if not self.enough:
            try:
                if counted.equations > _MOST_OPERATORS:
                    counted.obstacle = f"it calls more than {_MOST_OPERATORS:,} operators"
                    raise Enough
                return super().__torch_dispatch__(function, kinds, args, kwargs)
            except Enough:
                self.enough = True
        name = private.name_of(function)[0].partition("::")[2]
        if name in LOOKS_AT_NUMBERS:
            raise LooksAtNumbersError(f"what the function does depends on numbers in its arguments (`{name}`)")
        if name == "_efficientzerotensor":
            return torch.zeros(args[0], dtype=(kwargs or {}).get("dtype"))
        return function(*self._materialized(args), **self._materialized(kwargs or {}))

    def _computed(self, function: Any, name: str, args: Any, kwargs: Any) -> Any:
        rule = RULES.get(name)
        composition = COMPOSITIONS.get(name) or (None if rule else private.decompositions().get(function))
        if rule is None:
            if composition is None:
                return super()._computed(function, name, args, kwargs)
            with self:
                return composition(*args, **kwargs)
        out = function(*args, **kwargs)
        op = Operation(self, function, name, args, kwargs, out, name)
        if name in STRUCTURAL and "add" not in name and not op.named.get("accumulate"):
            self._record(out, rule(op))
            return out
        outs = [out] if isinstance(out, torch.Tensor) else list(out)
        for tensor, value in zip(outs, self._results(op, outs), strict=True):
            self.give(tensor, value)
        return out

    def _inner_program(self, function: Any, name: str, args: Any, kwargs: Any) -> Any:
        program, signature = program_of(name)
        out = function(*args, **kwargs)
        outs = [out] if isinstance(out, torch.Tensor) else list(out)
        samples = math.prod(args[0].shape[: args[0].dim() - len(signature.operands[0])])
        operands = [self.counted(x) for x in args]
        for tensor in outs:
            taps = program.operations * samples / max(sum(t.numel() for t in outs), 1) / 2
            value = counting.combined(self.tally, tuple(tensor.shape), operands, taps, sums=False, linear=False)
            self.give(tensor, value)
        return out

    def _results(self, op: Operation, outs: Sequence[torch.Tensor]) -> list[Value]:
        """Count an operation."""
        tally, name = self.tally, op.name
        operands = [self.counted(x) for x in tensors_of(op.args, op.kwargs)]
        specs = [Spec(tuple(t.shape), type_name(t.dtype)) for t in outs]
        if name in ELEMENTWISE:
            operation = _OPERATIONS.get(name, name)
            if name == "pow" and not isinstance(op.args[1], torch.Tensor) and float(op.args[1]).is_integer():
                operation = "integer_pow"
            return [counting.elementwise(tally, operation, specs[0], operands)]
        if name in REDUCTIONS and is_floating(specs[0].dtype):
            value = operands[0]
            if name in _RUNNING:
                return [counting.running(tally, value, op.named["dim"], reverse=False, sums=True)]
            axes = axes_of(op.value(op.args[0]), op.named.get("dim"))
            first = counting.summed(tally, specs[0].shape, value, axes, sums=name == "sum")
            return [first, *(Value(s.shape) for s in specs[1:])]
        if name in PRODUCTS and len(operands) == 2 and name != _CONVOLUTION:
            batch = ((0,), (0,)) if name == "bmm" else ((), ())
            ranks = [len(v.shape) for v in operands]
            axes_of_both = ((ranks[0] - 1,), (max(ranks[1] - 2, 0),))
            return [counting.contraction(tally, specs[0].shape, operands, axes_of_both, batch)]
        taps = _WHOLE
        if name == _CONVOLUTION:
            taps = math.prod(operands[1].shape[1:])
            tally.counted.convolved += taps * specs[0].size
        return [
            counting.combined(tally, s.shape, operands, taps, sums=False, linear=False)
            if is_floating(s.dtype)
            else Value(s.shape)
            for s in specs
        ]
