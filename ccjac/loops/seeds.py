"""A segment's graph with the derivatives that come from outside as edges: what enters is eliminated with the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import UnsupportedError
from ..graph import Graph
from ..limits import LOOP_PROGRAM_LIMIT
from ..program import Builder, Program
from ..program.linearization import Linearization
from .tape import Segment

GOOD_SHARE = 0.33
"""What a good order takes of the products of forward or reverse accumulation."""

Weights = Mapping[tuple[int, int], int]
"""(direction, scalar) -> program value of the derivative."""


def seeded(linearization: Linearization, builder: Builder, weights: Weights, n_scalars: int) -> Linearization:
    """The derivatives by directions: the inputs become vertices, with an edge from every direction that moves them.

    Args:
        linearization: One step.
        builder: Its program, with the ``weights``.
        weights: By direction and input.
        n_scalars: Input scalars of the program.
    """
    graph = linearization.graph
    n = 1 + max((d for d, _ in weights), default=-1)
    partials = {(a + n, b + n): c for (a, b), c in linearization.partials.items()}
    units = [(a + n, b + n) for a, b in graph.unit_edges]
    for (d, scalar), value in weights.items():
        partials[d, n + scalar] = value
        if builder.constant_value(value) in (1.0, -1.0):
            units.append((d, n + scalar))
    labels = ("operand",) * graph.n_inputs + graph.labels if graph.labels else ()
    outputs = [v + n for v in graph.outputs]
    whole = Graph.from_edges(n, graph.size, outputs, partials, units, labels=labels)
    return Linearization(builder, whole, partials, linearization.values, n_scalars)


def weighted(linearization: Linearization, builder: Builder, weights: Weights, n_scalars: int) -> Linearization:
    """The derivatives of weighted sums of the outputs: an output per direction, with an edge from every output.

    Args:
        linearization: One step.
        builder: Its program, with the ``weights``.
        weights: By direction and output.
        n_scalars: Input scalars of the program.
    """
    graph = linearization.graph
    n = 1 + max((d for d, _ in weights), default=-1)
    partials, units = dict(linearization.partials), list(graph.unit_edges)
    for (d, output), value in weights.items():
        edge = graph.outputs[output], graph.size + d
        partials[edge] = value
        if builder.constant_value(value) in (1.0, -1.0):
            units.append(edge)
    labels = graph.labels + ("cotangent",) * n if graph.labels else ()
    outputs = range(graph.size, graph.size + n)
    whole = Graph.from_edges(graph.n_inputs, graph.n_vertices + n, outputs, partials, units, labels=labels)
    return Linearization(builder, whole, partials, (), n_scalars)


def check_step(segment: Segment, directions: np.ndarray) -> None:
    """Refuse a step that is too large, before an order is looked for.

    Args:
        segment: The step.
        directions: ``[edges]`` how many derivatives every partial is multiplied with, in order of evaluation or against
            it; a good order saves two thirds of that.

    Raises:
        UnsupportedError: It is.
    """
    graph = segment.linearization.graph
    products = sum(int(n) for edge, n in zip(graph.edges, directions, strict=True) if edge not in graph.unit_edges)
    if GOOD_SHARE * products > LOOP_PROGRAM_LIMIT:
        raise UnsupportedError(f"one step of a loop takes about {GOOD_SHARE * products:,.0f} multiplications")


class Results:
    """A program that gets more results."""

    def __init__(self, program: Program) -> None:
        self.builder = Builder()
        values: list[int] = []
        for op, args, dtype, param in program.nodes:
            if op == "input":
                values.append(self.builder.input(param, dtype))
            elif op == "const":
                values.append(self.builder.const(param, dtype))
            else:
                values.append(self.builder.emit(op, [values[a] for a in args], dtype, param))
        self.values = [values[r] for r in program.results]
        self.n_inputs = program.n_inputs

    def add(self, value: int) -> int:
        """One more result; returns its position."""
        self.values.append(value)
        return len(self.values) - 1

    def zero(self, dtype: str) -> int:
        """A result that is zero."""
        return self.add(self.builder.const(0.0, dtype))

    def finish(self) -> Program:
        """The program."""
        return self.builder.finish(self.values, self.n_inputs)


def used_inputs(programs: Sequence[Program]) -> set[int]:
    """The input scalars that programs read."""
    return {node.param for program in programs for node in program.nodes if node.op == "input"}
