"""Whether a generator of code can write all of a program."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from ..program.operations import OPERATIONS
from ..program.program import Node, Program


def first_gap(
    program: Program,
    types: Collection[str],
    rules: Collection[str],
    special: Callable[[Node, str], str | None],
    floating: Collection[str] = (),
) -> str | None:
    """What a generator lacks for ``program``, or ``None`` if it lacks nothing.

    Args:
        program: What is to be written.
        types: The types of values that it has.
        rules: The operations that it has.
        special: What it lacks for an operation that has a rule, from the node and the type of its first operand.
        floating: Operations that it has for floating-point numbers only, though they are defined on others.
    """
    for node in program.nodes:
        if node.dtype not in types:
            return f"values of type {node.dtype}"
        if node.op in ("input", "const"):
            continue
        if node.op not in rules:
            return f"the operation {node.op}"
        first = program.nodes[node.args[0]].dtype
        kind = np.dtype(first).kind
        if kind not in OPERATIONS[node.op].operands or (kind != "f" and node.op in floating):
            return f"the operation {node.op} on {first}"
        if (reason := special(node, first)) is not None:
            return reason
    return None
