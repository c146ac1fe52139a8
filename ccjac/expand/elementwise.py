"""Elementwise operations: one template per operation, stamped out for every entry."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..program.linearization import NO_TANGENT, Form
from ..program.template import Template
from .derivative import LocalRule
from .expander import Expander
from .values import Symbolic, Value, forms_of_vertices, is_floating, lift, linear_entries, without_tangent


def elementwise(
    ex: Expander,
    op: str,
    param: Hashable,
    operands: Sequence[Value],
    shape: tuple[int, ...],
    dtype: str,
    *,
    template: Callable[[tuple[int, ...], Sequence[str]], Template],
    label: str,
) -> Symbolic:
    """Apply an operation to every entry, and give active entries their vertex.

    Args:
        ex: The expansion.
        op: An operation of scalar programs; ``"copy"`` gives the operand itself.
        param: Its parameter.
        operands: Arrays that broadcast to ``shape``, values or known.
        shape: The result's shape.
        dtype: Name of the result's type.
        template: From the positions of the active operands and the names of all operands' types to the
            operation's value and partials; called only if there is an active operand.
        label: For the vertices: the operation and the line of the user's code.
    """
    builder = ex.builder
    lifted = [lift(builder, v) for v in operands]
    size = int(np.prod(shape, dtype=np.int64))
    ex.recorder.check_size(size)
    columns = [np.broadcast_to(v.ids, shape).ravel().tolist() for v in lifted]
    active = [k for k, v in enumerate(lifted) if v.active] if is_floating(dtype) else []
    if not active:
        if op == "copy":
            return ex.values(columns[0], shape, dtype)
        return ex.values([builder.emit(op, args, dtype, param) for args in zip(*columns, strict=True)], shape, dtype)
    stamp = template(tuple(active), [v.dtype for v in lifted])
    sources = {k: np.broadcast_to(lifted[k].tangent_vertices(), shape).ravel().tolist() for k in active}
    ids: list[int] = []
    vertices: list[int] = []
    for position, args in enumerate(zip(*columns, strict=True)):
        place = stamp.stamp(builder, args)
        ids.append(place[stamp.result])
        form: dict[int, int] = {}
        for k in active:
            source, partial = sources[k][position], stamp.partials[k]
            if source != NO_TANGENT and partial is not None:
                coefficient = place[partial]
                if source in form:
                    coefficient = builder.emit("add", (form[source], coefficient), builder.nodes[coefficient].dtype)
                form[source] = coefficient
        vertices.append(ex.recorder.vertex(form, label))
    return ex.symbolic(ids, vertices, shape, dtype)


def derived(ex: Expander, rule: LocalRule, dtypes: Sequence[str]) -> Template:
    """Read a template off the framework's derivative rule of one operation on single numbers.

    Args:
        ex: Any expansion; it does not change.
        rule: The rule, for operands of shape ``()``, all different.
        dtypes: Names of the operands' types.

    Raises:
        UnsupportedError: The rule is not linear in the tangents.
    """
    mini = ex.scratch(len(dtypes))
    builder = mini.builder
    places = [builder.input(k, dtype) for k, dtype in enumerate(dtypes)]
    # The k-th operand is the k-th vertex of the small graph.
    operands = [
        Symbolic(np.array(place), np.array(k), dtype)
        for k, (place, dtype) in enumerate(zip(places, dtypes, strict=True))
    ]
    tangents = [forms_of_vertices(builder, operands[k]) for k in rule.active]
    values, derivatives = rule.run(mini, [without_tangent(v) for v in operands], tangents)
    partials: dict[int, int | None] = dict.fromkeys(rule.active)
    if rule.differentiable:
        entry: Any = linear_entries(derivatives[0])[()]
        form: Form = entry or {}
        if any(v not in rule.active for v in form):
            raise UnsupportedError("a derivative rule is not a sum of products")
        partials.update(form)
    return Template(tuple(builder.nodes), int(lift(builder, values[0]).ids), partials)
