"""What is drawn: vertices in layers and the edges between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from .layers import places

Kind = Literal["input", "intermediate", "output"]


@dataclass(frozen=True)
class Node:
    """A vertex.

    Attributes:
        number: In the graph.
        kind: Which of the three.
        label: What it is and where it comes from, or empty.
        turn: Its place in the order of elimination, from 1; 0 if it has none.
        weight: What its elimination costs, as a share of the dearest one's cost, from 0 to 1.
    """

    number: int
    kind: Kind
    label: str = ""
    turn: int = 0
    weight: float = 0.0

    @property
    def name(self) -> str:
        """What is written into it: its turn, or what it is."""
        return str(self.turn) if self.turn else {"input": "x", "output": "y"}.get(self.kind, "") + str(self.number)

    @property
    def title(self) -> str:
        """What is said about it in a word."""
        turn = f", eliminated as number {self.turn}" if self.turn else ""
        return f"{self.kind} {self.number}{': ' + self.label if self.label else ''}{turn}"


@dataclass(frozen=True)
class Picture:
    """A graph to be drawn.

    Attributes:
        nodes: All vertices, in the order of their numbers.
        edges: Pairs ``(from, to)`` of numbers.
        units: Those whose partial is +1 or -1.
    """

    nodes: Sequence[Node]
    edges: Sequence[tuple[int, int]]
    units: frozenset[tuple[int, int]]

    @cached_property
    def places(self) -> list[tuple[float, int]]:
        """Of every vertex its place across the layer and its layer, inputs first."""
        last = [node.number for node in self.nodes if node.kind == "output"]
        return places(len(self.nodes), self.edges, last)

    @cached_property
    def width(self) -> float:
        """Of the widest layer."""
        return max((x for x, _ in self.places), default=0.0)

    @cached_property
    def height(self) -> int:
        """Number of the last layer."""
        return max((y for _, y in self.places), default=0)
