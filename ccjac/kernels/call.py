"""What a kernel is called with: empty arrays carry no data, and arrays that nobody reads need not be passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..program.program import Program
from .layout import Layout


@dataclass(frozen=True)
class Reduced:
    """A layout without the arrays that need not be there.

    Attributes:
        layout: What is left.
        read: Positions of the operands that are left.
        written: Positions of the results that are left.
        n_operands, n_results: How many there were.
    """

    layout: Layout
    read: tuple[int, ...]
    written: tuple[int, ...]
    n_operands: int
    n_results: int

    def operands(self, arrays: Sequence[Any]) -> list[Any]:
        """Those of the operands that are passed."""
        return [arrays[k] for k in self.read]

    def all_operands(self, arrays: Sequence[Any], blank: Callable[[int], Any]) -> list[Any]:
        """All operands from those that are passed; ``blank(k)`` stands in for the others, whose values do not
        matter.
        """
        passed = dict(zip(self.read, arrays, strict=True))
        return [passed[k] if k in passed else blank(k) for k in range(self.n_operands)]

    def results(self, arrays: Sequence[Any]) -> list[Any]:
        """Those of the results that are computed."""
        return [arrays[k] for k in self.written]

    def all_results(self, arrays: Sequence[Any], empty: Callable[[int], Any]) -> list[Any]:
        """All results from those that were computed; ``empty(k)`` makes the others, which have no entries."""
        computed = dict(zip(self.written, arrays, strict=True))
        return [computed[k] if k in computed else empty(k) for k in range(self.n_results)]


def reduced(program: Program, layout: Layout, *, unread: bool = False) -> Reduced:
    """Leave out the operands that ``program`` does not read and the results without entries.

    Operands that are ``unread`` but have entries may be asked to stay.
    """
    scalars = {node.param for node in program.nodes if node.op == "input"}
    read = tuple(
        k for k, operand in enumerate(layout.operands) if (unread and operand.scalars) or scalars & {*operand.scalars}
    )
    written = tuple(k for k, result in enumerate(layout.results) if result.entries)
    left = Layout(tuple(layout.operands[k] for k in read), tuple(layout.results[k] for k in written))
    return Reduced(left, read, written, len(layout.operands), len(layout.results))


def batched(layout: Layout, flags: Sequence[bool], *, rank: int) -> Layout:
    """The layout for ``rank`` batch axes on the operands that ``flags`` names; without batch axes every operand is the
    row of the one sample.
    """
    rows = tuple(replace(o, batched=flag or not rank) for o, flag in zip(layout.operands, flags, strict=True))
    return Layout(rows, layout.results)
