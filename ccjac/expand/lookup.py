"""Reading and writing at places that the program computes: selections among all places that are possible.

A tangent is switched on at its own place and off elsewhere, so that a choice stays a mask and never becomes a factor.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..program.linearization import Form
from .expander import Expander, unsupported
from .integers import possible
from .values import Forms, Symbolic, Value, forms_of_vertices, is_floating, lift, linear_entries, zero_forms


class _Axis(NamedTuple):
    """Where a window can start along one axis.

    Attributes:
        places: The possible starts.
        masks: For each of them the truth value that it is the one; empty if it is certain.
        outside: Whether it can be none of them.
    """

    places: tuple[int, ...]
    masks: tuple[int, ...]
    outside: bool


def _axis(ex: Expander, start: int, limit: int, *, clip: bool) -> _Axis:
    """Starts from 0 to ``limit``; ``clip`` moves others inside."""
    builder = ex.builder
    dtype = builder.nodes[start].dtype
    numbers = possible(builder, start, ex.recorder.integers)
    clipped = numbers if numbers is None or not clip else frozenset(min(max(n, 0), limit) for n in numbers)
    if clipped is not None and len(clipped) == 1:
        (place,) = clipped
        return _Axis((place,), (), False) if 0 <= place <= limit else _Axis((), (), True)
    # Larger numbers than its type has are no places.
    last = limit if dtype == "bool" else min(limit, int(np.iinfo(dtype).max))
    if clip and (numbers is None or clipped != numbers):
        start = builder.emit("clamp", (builder.const(0, dtype), start, builder.const(last, dtype)), dtype)
    places = tuple(k for k in range(last + 1) if clipped is None or k in clipped)
    outside = not clip and (clipped is None or any(not 0 <= n <= limit for n in clipped))
    masks = tuple(builder.emit("eq", (start, builder.const(k, dtype)), "bool") for k in places)
    return _Axis(places, masks, outside)


def _strides(shape: Sequence[int]) -> list[int]:
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def gather(
    ex: Expander,
    value: Value,
    starts: np.ndarray,
    sizes: Sequence[int],
    dtype: str,
    *,
    clip: bool,
    fill: int | None,
    label: str,
) -> Value:
    """Windows of an array.

    Args:
        ex: The expansion.
        value: The array, of any kind.
        starts: ``[*batch, rank]`` program values: where every window starts along every axis.
        sizes: The windows' shape.
        dtype: Name of the entries' type.
        clip: Move windows inside; otherwise those that do not lie inside are ``fill``, without a tangent.
        fill: A program value, zero by default.
        label: For the vertices.

    Returns:
        ``[*batch, *sizes]``
    """
    builder, shape = ex.builder, np.shape(value)
    batch = starts.shape[:-1]
    strides = _strides(shape)
    offsets = _offsets(sizes, strides)
    outcome = zero_forms((*batch, len(offsets)))
    ids = np.zeros((*batch, len(offsets)), np.int64)
    source: list[int] = [] if isinstance(value, Forms) else lift(builder, value).ids.ravel().tolist()
    tangents = _tangents(ex, value, dtype)
    base = fill if fill is not None or isinstance(value, Forms) else builder.const(_zero(dtype), dtype)
    for place in np.ndindex(*batch):
        axes = [
            _axis(ex, int(start), n - k, clip=clip) for start, n, k in zip(starts[place], shape, sizes, strict=True)
        ]
        ex.recorder.check_size(math.prod(max(len(a.places), 1) for a in axes) * len(offsets))
        for j, offset in enumerate(offsets):
            if source:
                ids[(*place, j)] = _read(ex, axes, strides, source, offset, base, dtype)
            if tangents is not None:
                outcome[(*place, j)] = _read_form(ex, axes, strides, tangents, offset)
    outcome = outcome.reshape((*batch, *sizes))
    if isinstance(value, Forms):
        return Forms(outcome)
    found = Symbolic(ids.reshape((*batch, *sizes)), None, dtype)
    return found if tangents is None else ex.with_vertices(found, outcome, label)


def _zero(dtype: str) -> float | int | bool:
    return 0.0 if is_floating(dtype) else False if dtype == "bool" else 0


def _offsets(sizes: Sequence[int], strides: Sequence[int]) -> list[int]:
    """Flat positions of a window's entries from its start."""
    return [sum(k * stride for k, stride in zip(steps, strides, strict=True)) for steps in np.ndindex(*sizes)]


def _tangents(ex: Expander, value: Value, dtype: str) -> list[Form | None] | None:
    """Flat, or ``None`` if there are none."""
    if isinstance(value, Forms):
        return list(value.entries.ravel())
    if is_floating(dtype) and isinstance(value, Symbolic) and value.active:
        return list(forms_of_vertices(ex.builder, value).entries.ravel())
    return None


def _read(
    ex: Expander,
    axes: Sequence[_Axis],
    strides: Sequence[int],
    source: list[int],
    position: int,
    base: int | None,
    dtype: str,
) -> int:
    if not axes:
        return source[position]
    axis = axes[0]
    cases = [
        _read(ex, axes[1:], strides[1:], source, position + place * strides[0], base, dtype) for place in axis.places
    ]
    if not axis.masks and cases:
        return cases[0]
    if axis.outside or not cases:
        assert base is not None
        chosen, rest = base, list(zip(axis.masks, cases, strict=True))
    else:
        chosen, rest = cases[0], list(zip(axis.masks, cases, strict=True))[1:]
    for mask, case in rest:
        chosen = ex.builder.emit("select_n", (mask, chosen, case), dtype)
    return chosen


def _read_form(
    ex: Expander, axes: Sequence[_Axis], strides: Sequence[int], tangents: Sequence[Form | None], position: int
) -> Form | None:
    cases = []
    for mask, shift in _combinations(ex, axes, strides):
        form = tangents[position + shift]
        if mask is None:
            return form
        if form:
            cases.append((mask, ex.settled(form)))
    chosen: Form = {}
    for mask, form in cases:
        for v, c in form.items():
            # Of the masks only one is true.
            otherwise = chosen.get(v, ex.builder.const(0.0, ex.builder.nodes[c].dtype))
            chosen[v] = ex.builder.emit("select_n", (mask, otherwise, c), ex.builder.nodes[c].dtype)
    return chosen or None


def _combinations(ex: Expander, axes: Sequence[_Axis], strides: Sequence[int]) -> list[tuple[int | None, int]]:
    """Every possible start of a window: the truth value that it is the one, ``None`` if that is certain, and its flat
    position.
    """
    found = []
    options = [list(itertools.zip_longest(axis.places, axis.masks)) for axis in axes]
    for choice in itertools.product(*options):
        mask: int | None = None
        for _, m in choice:
            if m is not None:
                mask = m if mask is None else ex.builder.emit("and", (mask, m), "bool")
        found.append((mask, sum(place * stride for (place, _), stride in zip(choice, strides, strict=True))))
    return found


def scatter(
    ex: Expander,
    base: Value,
    starts: np.ndarray,
    sizes: Sequence[int],
    updates: Value,
    op: str,
    dtype: str,
    *,
    clip: bool,
    label: str,
) -> Value:
    """Write windows into an array, one after the other.

    Args:
        ex: The expansion.
        base: The array, of any kind.
        starts: ``[*batch, rank]`` program values.
        sizes: The windows' shape.
        updates: ``[*batch, *sizes]``
        op: ``"set"``, or the operation that combines an entry with its update.  Only ``"set"`` takes active values.
        dtype: Name of the entries' type.
        clip: Move windows inside; otherwise those that do not lie inside are left out.
        label: For the vertices.
    """
    shape, batch = np.shape(base), starts.shape[:-1]
    strides = _strides(shape)
    offsets = _offsets(sizes, strides)
    axes_of = {
        place: [_axis(ex, int(s), n - k, clip=clip) for s, n, k in zip(starts[place], shape, sizes, strict=True)]
        for place in np.ndindex(*batch)
    }
    ex.recorder.check_size(sum(math.prod(max(len(a.places), 1) for a in axes) for axes in axes_of.values()))
    steps = [
        (mask, shift + offset, k * len(offsets) + j)
        for k, axes in enumerate(axes_of.values())
        for mask, shift in _combinations(ex, axes, strides)
        for j, offset in enumerate(offsets)
    ]
    ex.recorder.check_size(len(steps))
    if isinstance(base, Forms) or isinstance(updates, Forms):
        return Forms(_write_forms(ex, base, updates, steps, op).reshape(shape))
    into, new = lift(ex.builder, base), lift(ex.builder, updates)
    ids, extra = into.ids.ravel().tolist(), new.ids.ravel().tolist()
    for mask, target, k in steps:
        value = extra[k] if op == "set" else ex.builder.emit(op, (ids[target], extra[k]), dtype)
        ids[target] = value if mask is None else ex.builder.emit("select_n", (mask, ids[target], value), dtype)
    found = ex.values(ids, shape, dtype)
    if op != "set" or not is_floating(dtype) or not (into.active or new.active):
        return found
    old, fresh = (forms_of_vertices(ex.builder, v) for v in (into, new))
    return ex.with_vertices(found, _write_forms(ex, old, fresh, steps, op).reshape(shape), label)


def _write_forms(
    ex: Expander, base: Value, updates: Value, steps: Sequence[tuple[int | None, int, int]], op: str
) -> np.ndarray:
    builder = ex.builder
    forms = linear_entries(base).ravel().copy()
    if op == "mul" and not isinstance(updates, Forms):
        factors = lift(builder, updates)
        one = builder.const(1.0, factors.dtype)
        flat = factors.ids.ravel().tolist()
        for mask, target, k in steps:
            factor = flat[k] if mask is None else builder.emit("select_n", (mask, one, flat[k]), factors.dtype)
            forms[target] = ex.scale(forms[target], factor)
        return forms
    if op not in ("set", "add"):
        raise unsupported(op, "combines tangents in a derivative rule, which is not linear")
    new = linear_entries(updates).ravel()
    for mask, target, k in steps:
        if op == "set":
            forms[target] = new[k] if mask is None else ex.choose(mask, [forms[target], new[k]])
        else:
            forms[target] = ex.add(forms[target], new[k] if mask is None else ex.choose(mask, [None, new[k]]))
    return forms
