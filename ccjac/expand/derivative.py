"""The framework's derivative rule of one operation, walked through to find its local partials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ..program.linearization import NO_TANGENT, Form
from ..spec import Spec
from .expander import Expander
from .values import Forms, Symbolic, Value, forms_of_vertices, lift, linear_entries, without_tangent, zero_forms


class LocalRule(Protocol):
    """One operation with its derivative.

    Attributes:
        active: Positions of the operands that have tangents.
        differentiable: Positions of the results that have tangents.
    """

    @property
    def active(self) -> Sequence[int]: ...

    @property
    def differentiable(self) -> Sequence[int]: ...

    def run(
        self, ex: Expander, primals: Sequence[Value], tangents: Sequence[Value]
    ) -> tuple[Sequence[Value], Sequence[Value]]:
        """Evaluate the rule.

        Args:
            ex: The expansion.
            primals: All operands, without tangents.
            tangents: A forward rule's are those of the active operands, a reverse rule's the cotangents of the
                differentiable results: forms.

        Returns:
            The results, and the tangents of the differentiable results (forward) or the cotangents of the active
            operands (reverse).
        """
        ...


def differentiated(ex: Expander, rule: LocalRule, operands: Sequence[Value], label: str) -> list[Value]:
    """The results of an operation with their vertices, by its forward rule.

    Args:
        ex: The expansion.
        rule: The operation.
        operands: With their vertices.
        label: For the vertices: the operation and the line of the user's code.
    """
    tangents = [forms_of_vertices(ex.builder, operands[k]) for k in rule.active]
    results, forms = rule.run(ex, [without_tangent(v) for v in operands], tangents)
    return _finished(ex, rule, results, [linear_entries(f) for f in forms], label)


def transposed(
    ex: Expander, rule: LocalRule, operands: Sequence[Value], outputs: Sequence[Spec], label: str
) -> list[Value]:
    """The results of an operation with their vertices, by its reverse rule.

    The rule is walked with one unknown per entry of the results, and the matrix it gives is transposed.

    Args:
        ex: The expansion.
        rule: The operation, which defines its cotangents only.
        operands: With their vertices.
        outputs: The differentiable results.
        label: For the vertices: the operation and the line of the user's code.
    """
    builder = ex.builder
    cotangents: list[Forms] = []
    start = 0
    for spec in outputs:
        unknowns = np.arange(start, start + spec.size).reshape(spec.shape)
        # The values do not matter, only the unknowns' numbers and their type.
        cotangents.append(forms_of_vertices(builder, Symbolic(unknowns, unknowns, spec.dtype)))
        start += spec.size
    results, pulled = rule.run(ex.inside_rule(), [without_tangent(v) for v in operands], cotangents)
    rows: list[Form] = [{} for _ in range(start)]
    for k, back in zip(rule.active, pulled, strict=True):
        vertices = operands[k].tangent_vertices().ravel().tolist()
        for vertex, form in zip(vertices, linear_entries(back).ravel(), strict=True):
            if vertex == NO_TANGENT or not form:
                continue
            for result, coefficient in form.items():
                row = rows[result]
                if vertex in row:
                    dtype = builder.nodes[coefficient].dtype
                    coefficient = builder.emit("add", (row[vertex], coefficient), dtype)
                row[vertex] = coefficient
    tables, start = [], 0
    for spec in outputs:
        table = zero_forms((spec.size,))
        table[:] = rows[start : start + spec.size]
        tables.append(table.reshape(spec.shape))
        start += spec.size
    return _finished(ex, rule, results, tables, label)


def _finished(
    ex: Expander, rule: LocalRule, results: Sequence[Value], forms: Sequence[np.ndarray], label: str
) -> list[Value]:
    finished = list(results)
    for k, entries in zip(rule.differentiable, forms, strict=True):
        finished[k] = ex.with_vertices(lift(ex.builder, results[k]), entries, label)
    return finished
