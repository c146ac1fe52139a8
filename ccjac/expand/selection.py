"""Choosing between whole arrays by one program value: what a conditional comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .expander import Expander
from .values import Forms, Value, forms_of_vertices, is_floating, lift, linear_entries, zero_forms


def clamped_case(ex: Expander, index: Value, n_cases: int) -> int:
    """The program value that selects one of ``n_cases`` by an index, which counts as the nearest that there is."""
    builder = ex.builder
    which = lift(builder, index)
    number = int(which.ids)
    if which.dtype == "bool":
        return number
    low, high = builder.const(0, which.dtype), builder.const(n_cases - 1, which.dtype)
    number = builder.emit("clamp", (low, number, high), which.dtype)
    return builder.emit("ne", (number, low), "bool") if n_cases == 2 else number


def select(ex: Expander, which: int, cases: Sequence[Value], shape: tuple[int, ...], dtype: str, label: str) -> Value:
    """The array among ``cases`` that the program value ``which`` names (see :func:`clamped_case`)."""
    builder = ex.builder
    if any(isinstance(c, Forms) for c in cases):
        return Forms(_chosen(ex, which, [linear_entries(c) for c in cases], shape))
    lifted = [lift(builder, c) for c in cases]
    columns = zip(*(c.ids.ravel().tolist() for c in lifted), strict=True)
    value = ex.values([builder.emit("select_n", (which, *column), dtype) for column in columns], shape, dtype)
    if not is_floating(dtype) or not any(c.active for c in lifted):
        return value
    tangents = [forms_of_vertices(builder, c).entries for c in lifted]
    return ex.with_vertices(value, _chosen(ex, which, tangents, shape), label)


def _chosen(ex: Expander, which: int, cases: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    entries = zero_forms(shape)
    for place in np.ndindex(shape):
        forms: list[Any] = [case[place] for case in cases]
        entries[place] = ex.choose(which, forms)
    return entries
