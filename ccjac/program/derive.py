"""Derivatives of a scalar program, as scalar programs: products with tangents, and with cotangents.

Both walk over the program's operations once and stamp out their templates, forward the tangents and backward the
cotangents.  Values that the derivative needs are computed again beside it: for a straight-line program in registers
that is cheaper than to store them in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .accumulate import STRUCTURAL_ZERO, converted, product, total
from .program import FLOATS, Builder, Node, Program
from .template import Templates


def jvp(program: Program, active: Sequence[int], templates: Templates) -> Program:
    """The product of ``program``'s Jacobian with a tangent.

    Args:
        program: Any program.
        active: Input scalars that have a tangent; of floating-point type.
        templates: The derivative of every operation.

    Returns:
        A program of ``n_inputs + len(active)`` inputs, the second part the tangents of ``active``, whose results are
        the tangents of ``program``'s results, in their types.  The tangent of a result that does not depend on
        ``active``, or is no floating-point number, is the constant 0.

    Raises:
        UnsupportedError: An operation has no derivative rule.

    Example:
        For ``y = a * b`` with both active, the inputs are ``a, b, da, db`` and the result is ``a * db + b * da``.
    """
    builder, values = _copied(program)
    place = {scalar: program.n_inputs + k for k, scalar in enumerate(active)}
    tangents: dict[int, int] = {}
    for k, node in enumerate(program.nodes):
        if node.op == "input":
            if node.param in place:
                tangents[k] = builder.input(place[node.param], node.dtype)
            continue
        moving = _distinct(a for a in node.args if a in tangents)
        if not moving or node.dtype not in FLOATS:
            continue
        tangent: int | None = None
        for a, partial in _partials(builder, program, node, values, moving, templates):
            term = product(builder, partial, tangents[a])
            tangent = term if tangent is None else total(builder, tangent, term)
        if tangent is not None:
            tangents[k] = converted(builder, tangent, node.dtype)
    results = [tangents[r] if r in tangents else _zero(builder, program.nodes[r].dtype) for r in program.results]
    return builder.finish(results, program.n_inputs + len(place))


def vjp(program: Program, active: Sequence[int], cotangents: Sequence[int], templates: Templates) -> Program:
    """The product of a cotangent with ``program``'s Jacobian.

    Args:
        program: Any program.
        active: Input scalars whose cotangents are wanted; of floating-point type.
        cotangents: Which of ``program``'s results every given cotangent belongs to, ``STRUCTURAL_ZERO`` for none;
            cotangents of the same result add up.  Those of results that are no floating-point numbers are ignored.
        templates: The derivative of every operation.

    Returns:
        A program of ``n_inputs + len(cotangents)`` inputs, the second part the given cotangents in the types of their
        results, whose results are the cotangents of ``active``; of a scalar that no result depends on, the constant 0.

    Raises:
        UnsupportedError: An operation has no derivative rule.

    Example:
        For ``y = a * b`` with both active, the inputs are ``a, b, dy`` and the results ``b * dy`` and ``a * dy``.
    """
    builder, values = _copied(program)
    wanted = set(active)
    needed = _depending(program, wanted)
    collected: dict[int, int] = {}

    def collect(k: int, term: int) -> None:
        collected[k] = total(builder, collected[k], term) if k in collected else term

    for number, result in enumerate(cotangents):
        if result == STRUCTURAL_ZERO:
            continue
        if (k := program.results[result]) in needed:
            collect(k, builder.input(program.n_inputs + number, program.nodes[k].dtype))
    for k in range(len(program.nodes) - 1, -1, -1):
        node = program.nodes[k]
        if k not in collected or node.op == "input":
            continue
        collected[k] = converted(builder, collected[k], node.dtype)
        moving = _distinct(a for a in node.args if a in needed)
        for a, partial in _partials(builder, program, node, values, moving, templates):
            collect(a, converted(builder, product(builder, partial, collected[k]), program.nodes[a].dtype))
    inputs = {node.param: k for k, node in enumerate(program.nodes) if node.op == "input"}
    results = [
        collected[inputs[scalar]]
        if inputs.get(scalar) in collected
        else _zero(builder, program.nodes[inputs[scalar]].dtype if scalar in inputs else "float32")
        for scalar in active
    ]
    return builder.finish(results, program.n_inputs + len(cotangents))


def _copied(program: Program) -> tuple[Builder, list[int]]:
    """A builder that holds the program, and where each of its nodes is."""
    builder = Builder()
    values: list[int] = []
    for op, args, dtype, param in program.nodes:
        if op == "input":
            values.append(builder.input(param, dtype))
        elif op == "const":
            values.append(builder.const(param, dtype))
        else:
            values.append(builder.emit(op, [values[a] for a in args], dtype, param))
    return builder, values


def _partials(
    builder: Builder,
    program: Program,
    node: Node,
    values: Sequence[int],
    moving: Sequence[int],
    templates: Templates,
) -> list[tuple[int, int]]:
    """The nonzero partials of one operation: pairs of the node it is by, and the value in ``builder``.

    An operand that stands in several places has one partial for each.
    """
    chosen = frozenset(moving)
    places = tuple(k for k, a in enumerate(node.args) if a in chosen)
    if not places:
        return []
    template = templates(node, tuple(program.nodes[a].dtype for a in node.args), places)
    stamped = template.stamp(builder, [values[a] for a in node.args])
    found: list[tuple[int, int]] = []
    for k in places:
        partial = template.partials[k]
        if partial is not None and builder.constant_value(stamped[partial]) != 0:
            found.append((node.args[k], stamped[partial]))
    return found


def _depending(program: Program, inputs: set[int]) -> set[int]:
    """The nodes that carry a derivative by one of the input scalars."""
    found: set[int] = set()
    for k, node in enumerate(program.nodes):
        if node.op == "input":
            if node.param in inputs:
                found.add(k)
        elif node.dtype in FLOATS and any(a in found for a in node.args):
            found.add(k)
    return found


def _distinct(values: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(values))


def _zero(builder: Builder, dtype: str) -> int:
    if dtype in FLOATS:
        return builder.const(0.0, dtype)
    return builder.const(False, dtype) if dtype == "bool" else builder.const(0, dtype)
