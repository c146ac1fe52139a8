"""A part of a function that no scalar program computes: what it reads, what it gives, and how it is differentiated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from ..spec import Spec

Derivative = Literal["none", "block", "pushed"]
"""Where a region's partial derivatives come from: there are none; all partials of its results by its operands; or its
results' derivatives by the function's inputs, pushed forward through the region."""


class Operation(Protocol):
    """What a region computes, as the backend knows it.

    Attributes:
        label: The operation and the line of the user's code.
        operations: How many of the framework's operations it consists of.
        why: Why it is none of the scalar program's.
        executor: What runs it, in a word: ``"forward"``, ``"reverse"``, ``"value"`` or ``"loop"``.
        fused: Whether it acts on every entry alone, so that the framework puts it into one loop with what is around it.
        singular: Whether its partials are infinite where numbers coincide that it finds: what comes of infinity times
            zero there depends on the order of products, which is then left to the framework.
    """

    @property
    def label(self) -> str: ...

    @property
    def operations(self) -> int: ...

    @property
    def why(self) -> str: ...

    @property
    def executor(self) -> str: ...

    @property
    def fused(self) -> bool: ...

    @property
    def singular(self) -> bool: ...


@dataclass(frozen=True, eq=False)
class Operand:
    """An array that a region reads.

    Attributes:
        ids: The program value of every entry.
        vertices: The vertex of every entry, or ``None`` if nothing depends on the differentiated inputs.
        dtype: Name of the type.
    """

    ids: np.ndarray
    vertices: np.ndarray | None
    dtype: str

    @property
    def spec(self) -> Spec:
        """Shape and type."""
        return Spec(self.ids.shape, self.dtype)

    @property
    def tangent_vertices(self) -> np.ndarray:
        """``vertices``, spelled out: -1 where there is none."""
        return np.full(self.ids.shape, -1) if self.vertices is None else self.vertices


@dataclass(eq=False)
class Result:
    """An array that a region gives.

    Attributes:
        spec: Shape and type.
        start: Which of the program's inputs is its first entry; the others follow in row-major order.
        blocks: Of a region differentiated by ``"block"``: for every operand that the result depends on, by number, the
            program's input that is the first entry of their block of partials, of shape ``result + operand``.
        pushed: Of one differentiated by ``"pushed"``: the first entry of its derivatives by :attr:`Region.inputs`, of
            shape ``result + (len(inputs),)``; ``None`` if it has none.
    """

    spec: Spec
    start: int
    blocks: dict[int, int] = field(default_factory=dict)
    pushed: int | None = None

    @property
    def differentiated(self) -> bool:
        """Whether it has partials."""
        return bool(self.blocks) or self.pushed is not None


@dataclass(eq=False)
class Region:
    """One region.

    Attributes:
        operation: What it computes.
        depth: One more than the regions that its operands depend on, from 1: regions of one depth run side by side.
        derivative: Where its partials come from.
        operands: What it reads.
        results: What it gives.
        inputs: The differentiated inputs of the function that its operands depend on, if its partials are pushed.
    """

    operation: Operation
    depth: int
    derivative: Derivative
    operands: list[Operand]
    results: list[Result] = field(default_factory=list)
    inputs: tuple[int, ...] = ()

    @property
    def active(self) -> tuple[int, ...]:
        """The operands that depend on the differentiated inputs."""
        return tuple(k for k, operand in enumerate(self.operands) if operand.vertices is not None)

    @property
    def differentiable(self) -> tuple[int, ...]:
        """The results that have partials."""
        return tuple(k for k, result in enumerate(self.results) if result.differentiated)

    @property
    def about(self) -> str:
        """What it is, how many operations, by which executor, and why, in a line."""
        operation = self.operation
        into = sum(operand.spec.size for operand in self.operands)
        out = sum(result.spec.size for result in self.results)
        partials = {
            "none": "values only",
            "block": f"partials by {operation.executor} mode",
            "pushed": f"derivatives by {len(self.inputs)} inputs pushed through it",
        }[self.derivative]
        many = f"{operation.operations} operation{'s' if operation.operations > 1 else ''}"
        return f"{operation.label}: {many}, {into} -> {out} numbers by the framework, {partials} ({operation.why})"

    def arrays(self) -> list[tuple[int, Spec]]:
        """Everything that a program reads of it, with the first of its scalars: results, then partials result by
        result.
        """
        found = [(result.start, result.spec) for result in self.results]
        for result in self.results:
            for k, start in result.blocks.items():
                found.append((start, Spec((*result.spec.shape, *self.operands[k].ids.shape), result.spec.dtype)))
            if result.pushed is not None:
                found.append((result.pushed, Spec((*result.spec.shape, len(self.inputs)), result.spec.dtype)))
        return found
