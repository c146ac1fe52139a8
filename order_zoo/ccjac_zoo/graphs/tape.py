"""A straight-line program under construction, as a graph."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Literal

from ccjac.graph import Edge, Graph

Kind = Literal["add", "multiply"]
"""``"add"``: a sum or a difference, whose partials are all +1 or -1; ``"multiply"``: anything else."""


class Tape:
    """Records operations on values; a value is the number of its vertex.

    Attributes:
        n_inputs: Number of inputs; their values are ``0 .. n_inputs - 1``.
        size: Number of all values so far.
    """

    def __init__(self, n_inputs: int, rng: random.Random) -> None:
        self.n_inputs = self.size = n_inputs
        self._rng = rng
        self._edges: list[Edge] = []
        self._units: list[Edge] = []
        self._uses = [0] * n_inputs

    @property
    def operations(self) -> int:
        """How many operations were recorded."""
        return self.size - self.n_inputs

    def apply(self, kind: Kind, operands: Iterable[int]) -> int:
        """Record an operation on the distinct ``operands``; returns its value."""
        v, self.size = self.size, self.size + 1
        self._uses.append(0)
        for u in dict.fromkeys(operands):
            self._edges.append((u, v))
            self._uses[u] += 1
            if kind == "add":
                self._units.append((u, v))
        return v

    def random(self, operands: Sequence[int], sums: float) -> int:
        """An operation that is a sum with probability ``sums``; with one operand it is never a sum."""
        kind: Kind = "add" if len(set(operands)) > 1 and self._rng.random() < sums else "multiply"
        return self.apply(kind, operands)

    def use(self, u: int, v: int) -> None:
        """Let the operation ``v`` read ``u`` as well."""
        if (u, v) not in self._edges[-256:]:
            self._edges.append((u, v))
            self._uses[u] += 1

    def is_used(self, u: int) -> bool:
        """Whether some operation reads ``u``."""
        return self._uses[u] > 0

    def unused(self) -> list[int]:
        """Values, not inputs, that no operation reads."""
        return [v for v in range(self.n_inputs, self.size) if not self._uses[v]]

    def recent(self, scale: float) -> int:
        """A random value, about ``scale`` operations back (exponentially distributed)."""
        return max(0, self.size - 1 - int(self._rng.expovariate(1.0 / max(scale, 1e-9))))

    def reduce(self, values: list[int], down_to: int, sums: float, arity: int = 2) -> list[int]:
        """Join random ``values`` until at most ``down_to`` are left."""
        values = list(values)
        while len(values) > max(1, down_to):
            take = min(len(values), max(2, self._rng.randint(2, arity)))
            self._rng.shuffle(values)
            values = [*values[take:], self.random(values[:take], sums)]
        return values

    def graph(self, outputs: Sequence[int] = ()) -> Graph:
        """The graph; what nobody reads is an output, besides the listed values."""
        wanted = dict.fromkeys([*outputs, *self.unused()])
        return Graph.from_edges(
            self.n_inputs, self.operations, list(wanted), sorted(set(self._edges)), sorted(set(self._units))
        )
