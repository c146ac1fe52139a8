"""Sorting a few numbers by exchanging neighbours, which keeps the order of equals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..program.linearization import Form
from .expander import Expander
from .values import Symbolic, Value, forms_of_vertices, is_floating, lift, zero_forms


def sort(
    ex: Expander,
    operands: Sequence[Value],
    n_keys: int,
    axis: int,
    *,
    label: str,
    first: int | None = None,
    descending: bool = False,
    total_order: bool = False,
) -> list[Symbolic]:
    """Sort arrays of one shape along an axis, by the first ``n_keys`` of them, the most significant first.

    NaN is larger than every number and equal to itself; zeros of both signs are equal.  Equals keep their order.

    Args:
        ex: The expansion.
        operands: Values, active or not.
        n_keys: How many of them are compared.
        axis: Along which.
        label: For the vertices.
        first: How many entries of the result are wanted, all by default.
        descending: Whether the largest comes first.
        total_order: Compare as IEEE 754 orders all floating-point numbers, by their signs, also zeros and NaN.
    """
    builder = ex.builder
    lifted = [lift(builder, v) for v in operands]
    moved = [np.moveaxis(v.ids, axis, -1) for v in lifted]
    *lines, n = moved[0].shape
    wanted = n if first is None else min(first, n)
    cost = wanted * n * (5 * n_keys + 2 * len(lifted))
    ex.recorder.check_size(int(np.prod(lines, dtype=np.int64)) * cost)
    dtypes = [*(v.dtype for v in lifted), "int32"]
    active = [v.active and is_floating(v.dtype) for v in lifted]
    tangents = [
        np.moveaxis(forms_of_vertices(builder, v).entries, axis, -1) if a else None
        for v, a in zip(lifted, active, strict=True)
    ]
    ids = [np.zeros((*lines, wanted), np.int64) for _ in lifted]
    forms = [zero_forms((*lines, wanted)) for _ in lifted]
    for line in np.ndindex(*lines):
        rows = [list(map(int, m[line])) for m in moved]
        rows.append([builder.const(k, "int32") for k in range(n)])
        for place in range(wanted):
            for k in range(n - 2, place - 1, -1):
                _exchange(ex, rows, k, n_keys, dtypes, descending=descending, total_order=total_order)
        for j, row in enumerate(rows[:-1]):
            ids[j][line] = row[:wanted]
        for j, entries in enumerate(tangents):
            if entries is not None:
                for place in range(wanted):
                    forms[j][(*line, place)] = _picked(ex, rows[-1][place], list(entries[line]))
    found = []
    for j, value in enumerate(lifted):
        result = Symbolic(np.moveaxis(ids[j], -1, axis), None, value.dtype)
        found.append(ex.with_vertices(result, np.moveaxis(forms[j], -1, axis), label) if active[j] else result)
    return found


def _exchange(
    ex: Expander,
    rows: list[list[int]],
    k: int,
    n_keys: int,
    dtypes: Sequence[str],
    *,
    descending: bool,
    total_order: bool,
) -> None:
    """Exchange the neighbours ``k`` and ``k + 1`` if they are in the wrong order."""
    builder = ex.builder
    wrong: int | None = None
    for row, dtype in zip(reversed(rows[:n_keys]), reversed(dtypes[:n_keys]), strict=True):
        before, after = (row[k], row[k + 1]) if descending else (row[k + 1], row[k])
        less = _less(ex, before, after, dtype, total_order)
        if wrong is None:
            wrong = less
        else:
            # An earlier key decides, unless it is equal.
            more = _less(ex, after, before, dtype, total_order)
            equal = builder.emit("not", (builder.emit("or", (less, more), "bool"),), "bool")
            wrong = builder.emit("or", (less, builder.emit("and", (equal, wrong), "bool")), "bool")
    assert wrong is not None
    for row, dtype in zip(rows, dtypes, strict=True):
        a, b = row[k], row[k + 1]
        row[k] = builder.emit("select_n", (wrong, a, b), dtype)
        row[k + 1] = builder.emit("select_n", (wrong, b, a), dtype)


def _less(ex: Expander, a: int, b: int, dtype: str, total_order: bool) -> int:
    builder = ex.builder
    if total_order:
        return builder.emit("lt_to", (a, b), "bool")
    less = builder.emit("lt", (a, b), "bool")
    if not is_floating(dtype):
        return less
    a_is_number = builder.emit("eq", (a, a), "bool")
    b_is_none = builder.emit("ne", (b, b), "bool")
    return builder.emit("or", (less, builder.emit("and", (a_is_number, b_is_none), "bool")), "bool")


def _picked(ex: Expander, number: int, entries: Sequence[Form | None]) -> Form | None:
    """The form among ``entries`` that a program value numbers."""
    builder = ex.builder
    if (place := builder.constant_value(number)) is not None:
        return entries[int(place)]
    chosen: Form = {}
    for k, form in enumerate(entries):
        for v, c in (form or {}).items():
            here = builder.emit("eq", (number, builder.const(k, "int32")), "bool")
            otherwise = chosen.get(v, builder.const(0.0, builder.nodes[c].dtype))
            chosen[v] = builder.emit("select_n", (here, otherwise, c), builder.nodes[c].dtype)
    return chosen or None
