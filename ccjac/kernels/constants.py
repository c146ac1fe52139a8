"""Numbers of a program as data of its kernel: programs that differ in them alone share one kernel."""

from __future__ import annotations

import math

import numpy as np

from ..program.program import Node, Program
from .layout import Operand

IN_CODE = 16
"""Whole numbers up to this magnitude stay in the code: they prune the graph, are exponents and counts, and few."""


def lifted(program: Program, *, batched: bool = False) -> tuple[Program, list[Operand], list[np.ndarray]]:
    """Make the floating-point numbers of a program inputs, behind its own.

    Args:
        program: The program.
        batched: What the new operands say of themselves: whether they are the row of the one sample.

    Returns:
        The program without the numbers, an operand for each of their types, and the operands' values.
    """
    numbers: dict[str, list[float]] = {}
    places: dict[str, list[int]] = {}
    nodes: list[Node] = []
    position = program.n_inputs
    for node in program.nodes:
        if node.op == "const" and node.dtype in ("float32", "float64") and not _stays(node.param):
            numbers.setdefault(node.dtype, []).append(node.param)
            places.setdefault(node.dtype, []).append(position)
            node = Node("input", (), node.dtype, position)
            position += 1
        nodes.append(node)
    operands = [Operand(tuple(places[dtype]), dtype, batched) for dtype in numbers]
    values = [np.array(found, dtype=dtype) for dtype, found in numbers.items()]
    return Program(tuple(nodes), position, program.results), operands, values


def _stays(number: float) -> bool:
    return not math.isfinite(number) or (float(number).is_integer() and abs(number) <= IN_CODE)
