"""The derivative of one operation as a small program that is stamped out wherever the operation stands.

Backends read templates off their framework's own derivative rules; no rule is written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .program import Builder, Node


@dataclass(frozen=True)
class Template:
    """One operation with its local partials, over placeholders.

    Attributes:
        nodes: A program whose ``k``-th input stands for the operation's ``k``-th operand.
        result: Position of the operation's value.
        partials: For every active operand the position of the partial derivative by it, ``None`` where it is zero.

    Example:
        A product of two active operands: nodes ``a``, ``b``, ``a * b``, result 2, partials ``{0: 1, 1: 0}``.
    """

    nodes: tuple[Node, ...]
    result: int
    partials: Mapping[int, int | None]

    def stamp(self, builder: Builder, args: Sequence[int]) -> list[int]:
        """Build the template's nodes on the operands ``args``; returns where each of them is."""
        place: list[int] = []
        for op, inner, dtype, param in self.nodes:
            if op == "input":
                place.append(args[param])
            elif op == "const":
                place.append(builder.const(param, dtype))
            else:
                place.append(builder.emit(op, [place[a] for a in inner], dtype, param))
        return place


Templates = Callable[[Node, tuple[str, ...], tuple[int, ...]], Template]
"""From an operation (whose ``args`` do not matter), the types of its operands, and which of them are active, to its
template.  Raises :class:`ccjac.UnsupportedError` for an operation without a derivative rule."""
