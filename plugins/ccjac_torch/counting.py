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
from .rules import LINALG, PLACES, Operation, Rule
from .rules.elementwise import ELEMENTWISE
from .rules.lookup import LOOKUP
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
        self.shadows.put(tensor, self._symbolic(tensor, value))

    def _symbolic(self, tensor: torch.Tensor, value: Value) -> Symbolic:
        return Symbolic(np.ascontiguousarray(value.words()).view(np.int64), None, type_name(tensor.dtype))

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

    def meaning(self, operation: Operation, rule: Rule) -> Any:
        """The words of an operation's results, which are counted."""
        op, name = operation, operation.name
        if name in STRUCTURAL and not self._is_sum(op) and not self._looks_up(op):
            return rule(op)
        single = isinstance(op.out, torch.Tensor)
        outs = [op.out] if single else list(op.out)
        found = [self._symbolic(t, v) for t, v in zip(outs, self._results(op, outs), strict=True)]
        return found[0] if single else found

    def _is_sum(self, op: Operation) -> bool:
        return "add" in op.name or bool(op.named.get("accumulate"))

    def _looks_up(self, op: Operation) -> bool:
        """Whether places depend on the inputs."""
        if op.name not in PLACES:
            return False
        return any(map(self.shadows.tracked, _indices(op)))

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
        if name in LINALG:
            return self._factored(name, specs, operands)
        if name in LOOKUP:
            return self._searched(op, specs, operands)
        if self._looks_up(op):
            data = operands[0]
            places = data.shape[op.named["dim"]] if "dim" in op.named and data.shape else max(data.shape, default=1)
            indices = [self.counted(x) for x in _indices(op)]
            moved = max(math.prod(specs[0].shape), *(math.prod(v.shape) for v in indices))
            return [counting.indexed(tally, specs[0], operands, indices, places, moved, 1)]
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

    def _factored(self, name: str, outs: Sequence[Spec], operands: Sequence[Value]) -> list[Value]:
        """A factorisation, and the substitutions of a solution or an inverse."""
        if "triangular" in name:
            return counting.factored(self.tally, "triangular_solve", outs, operands)
        kind = next((kind for kind in ("cholesky", "qr") if kind in name), "lu")
        found = counting.factored(self.tally, kind, outs, operands)
        if "solve" in name or "inv" in name:
            matrix, right = operands[0], operands[-1] if len(operands) > 1 else found[0]
            for _ in range(2):
                counting.factored(self.tally, "triangular_solve", outs[:1], [matrix, right])
        return found

    def _searched(self, op: Operation, outs: Sequence[Spec], operands: Sequence[Value]) -> list[Value]:
        if op.name in ("searchsorted", "bucketize"):
            edges = operands[0] if op.name == "searchsorted" else operands[-1]
            self.tally.count(2.0 * outs[0].size * (edges.shape[-1] if edges.shape else 1), active=False)
            return [Value(s.shape) for s in outs]
        return counting.sorted_(self.tally, outs, operands[:1], op.named.get("dim", -1))


def _indices(op: Operation) -> list[torch.Tensor]:
    """The tensors that say where an operation reads or writes."""
    named = op.named
    given = named.get("indices", named.get("index"))
    return [x for x in (given if isinstance(given, (list, tuple)) else [given]) if isinstance(x, torch.Tensor)]
