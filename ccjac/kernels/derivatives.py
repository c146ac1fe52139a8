"""The derivative of a program between arrays, as another program between arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import UnsupportedError
from ..program import Program
from ..program.accumulate import STRUCTURAL_ZERO
from ..program.derive import jvp, vjp
from ..program.template import Templates
from .layout import Layout, Operand, Result


def tangent_program(
    program: Program, layout: Layout, active: Sequence[int], wanted: Sequence[int], templates: Templates
) -> tuple[Program, Layout]:
    """The product of the derivative with tangents.

    Args:
        program: What is differentiated.
        layout: Its arrays.
        active: Operands that have tangents.
        wanted: Results whose tangents are computed.
        templates: The derivatives of operations.

    Returns:
        A program and its layout: from the operands and the tangents of the ``active`` ones to those of ``wanted``.
    """
    derived = jvp(program, [s for k in active for s in layout.operands[k].scalars], templates)
    own = numbered([(len(layout.operands[k].scalars), layout.operands[k].dtype) for k in active], program.n_inputs)
    results = [Result(_nonzero(derived, layout.results[k].entries), layout.results[k].dtype) for k in wanted]
    return derived, Layout((*layout.operands, *own), tuple(results))


def cotangent_program(
    program: Program,
    layout: Layout,
    active: Sequence[int],
    given: Sequence[int],
    templates: Templates,
    *,
    linear: bool = False,
) -> tuple[Program, Layout]:
    """The product of cotangents with the derivative.

    Args:
        program: What is differentiated.
        layout: Its arrays.
        active: Operands whose cotangents are computed.
        given: Results whose cotangents are operands; those of the others are zero.
        templates: The derivatives of operations.
        linear: Whether the program is linear in the ``active`` operands together, which then are no operands of the
            derivative.

    Returns:
        A program and its layout: from the operands and the cotangents of ``given`` to those of ``active``.

    Raises:
        UnsupportedError: The program is not linear, or no derivative of an operation is known.
    """
    scalars = [s for k in active for s in layout.operands[k].scalars]
    derived = vjp(program, scalars, [e for k in given for e in layout.results[k].entries], templates)
    kept = [operand for k, operand in enumerate(layout.operands) if not linear or k not in active]
    if linear and any(node.op == "input" and node.param in set(scalars) for node in derived.nodes):
        raise UnsupportedError("a derivative that is not linear in its tangents cannot be transposed")
    own = numbered([(len(layout.results[k].entries), layout.results[k].dtype) for k in given], program.n_inputs)
    places = iter(_nonzero(derived, range(len(scalars))))
    results = [
        Result(tuple(next(places) for _ in layout.operands[k].scalars), layout.operands[k].dtype) for k in active
    ]
    return derived, Layout((*kept, *own), tuple(results))


def numbered(arrays: Iterable[tuple[int, str]], first: int) -> list[Operand]:
    """Operands of so many scalars and such types, which are the next inputs from ``first`` on."""
    found: list[Operand] = []
    for size, dtype in arrays:
        found.append(Operand(tuple(range(first, first + size)), dtype))
        first += size
    return found


def _nonzero(program: Program, positions: Iterable[int]) -> tuple[int, ...]:
    """Positions among the results; those that are the constant zero become structural zeros."""
    nodes = [program.nodes[r] for r in program.results]
    return tuple(STRUCTURAL_ZERO if p < 0 or (nodes[p].op == "const" and nodes[p].param == 0) else p for p in positions)
