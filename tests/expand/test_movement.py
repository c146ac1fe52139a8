"""Moving entries: one array of positions serves known arrays, values with their vertices, and forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ccjac.errors import UnsupportedError
from ccjac.expand import OUTSIDE, Expander, Forms, Symbolic, forms_of_vertices, move, picked, positions_of, row, stack
from ccjac.program.linearization import NO_TANGENT, Recorder


@pytest.fixture
def ex() -> Expander:
    return Expander(Recorder(6, 1000))


def values(ex: Expander, shape: tuple[int, ...], first: int, *, active: bool = True) -> Symbolic:
    """Inputs ``first, first + 1, ...``, whose vertices are their own numbers."""
    numbers = np.arange(first, first + int(np.prod(shape)))
    ids = np.array([ex.builder.input(int(n), "float32") for n in numbers], dtype=np.int64).reshape(shape)
    return Symbolic(ids, numbers.reshape(shape) if active else None, "float32")


def inputs_of(ex: Expander, value: Symbolic) -> Any:
    return np.vectorize(lambda k: ex.builder.nodes[k].param)(value.ids).tolist()


def test_positions_are_those_of_the_concatenation() -> None:
    a, b, c = positions_of([(2, 2), (), (0,)])
    assert a.tolist() == [[0, 1], [2, 3]]
    assert b.shape == ()
    assert b.tolist() == 4
    assert c.size == 0
    (many,) = positions_of([(70_000,)])
    assert many[-1] == 69_999
    with pytest.raises(ValueError, match="read-only"):
        many[0] = 1


def test_values_keep_their_vertices(ex: Expander) -> None:
    a, b = values(ex, (2, 2), 0), values(ex, (2,), 4, active=False)
    p, q = positions_of([a.shape, b.shape])
    moved = move(ex, [a, b], np.concatenate([p.T.ravel(), q[::-1]]), "float32")
    assert inputs_of(ex, moved) == [0, 2, 1, 3, 5, 4]
    assert moved.vertices.tolist() == [0, 2, 1, 3, NO_TANGENT, NO_TANGENT]


def test_without_active_entries_nothing_is_active(ex: Expander) -> None:
    a, b = values(ex, (2,), 0), values(ex, (2,), 2, active=False)
    _, q = positions_of([a.shape, b.shape])
    assert not move(ex, [a, b], q, "float32").active


def test_known_entries_stay_known_and_join_values_as_constants(ex: Expander) -> None:
    known = np.array([7.0, 8.0], np.float32)
    there = move(ex, [known], np.array([1, OUTSIDE, 0]), "float32")
    assert there.tolist() == [8.0, 0.0, 7.0]
    assert there.dtype == np.float32
    mixed = move(ex, [known, values(ex, (1,), 3)], np.array([2, 1]), "float32")
    assert ex.builder.constant_value(int(mixed.ids[1])) == 8.0
    assert mixed.vertices.tolist() == [3, NO_TANGENT]


def test_what_lies_outside_is_filled(ex: Expander) -> None:
    a = values(ex, (2,), 0)
    where = np.array([OUTSIDE, 1, OUTSIDE])
    zeros = move(ex, [a], where, "float32")
    assert [ex.builder.constant_value(int(k)) for k in zeros.ids] == [0.0, None, 0.0]
    assert zeros.vertices.tolist() == [NO_TANGENT, 1, NO_TANGENT]
    nan = ex.builder.const(float("nan"), "float32")
    assert move(ex, [a], where, "float32", fill=nan).ids.tolist() == [nan, int(a.ids[1]), nan]
    empty = move(ex, [values(ex, (0,), 0)], where.clip(max=OUTSIDE), "float32")
    assert [ex.builder.constant_value(int(k)) for k in empty.ids] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("shape", [(), (1,), (2, 1)])
def test_forms_move_like_values(ex: Expander, shape: tuple[int, ...]) -> None:
    a = values(ex, (2,), 0)
    forms = forms_of_vertices(ex.builder, a)
    where = np.full(shape, 1)
    moved = move(ex, [forms, np.zeros(3, np.float32)], where, "float32")
    assert isinstance(moved, Forms)
    assert moved.shape == shape
    assert [list(f) for f in moved.entries.ravel()] == [[1]] * where.size
    outside = move(ex, [forms], np.full(shape, OUTSIDE), "float32")
    assert all(f is None for f in outside.entries.ravel())


def test_forms_do_not_mix_with_values(ex: Expander) -> None:
    forms = forms_of_vertices(ex.builder, values(ex, (2,), 0))
    for other in (np.ones(2, np.float32), values(ex, (2,), 2)):
        with pytest.raises(UnsupportedError, match="mixes tangents with values"):
            move(ex, [forms, other], np.array([0, 3]), "float32")


def test_picking_by_known_numbers(ex: Expander) -> None:
    a, b = values(ex, (2,), 0), values(ex, (2,), 2)
    assert inputs_of(ex, move(ex, [a, b], picked(np.array([True, False]), 2), "float32")) == [2, 1]


def test_rows_and_stacks_of_no_dimensions(ex: Expander) -> None:
    a = values(ex, (3,), 0)
    forms = forms_of_vertices(ex.builder, a)
    known = np.array([1.0, 2.0, 3.0], np.float32)
    for value in (a, forms, known):
        assert [row(value, k).shape for k in range(3)] == [()] * 3
    again = stack(ex.builder, [row(forms, k) for k in range(3)], (3,), "float32")
    assert again.entries.tolist() == forms.entries.tolist()
    with_zero = stack(ex.builder, [row(forms, 0), np.zeros((), np.float32)], (2,), "float32")
    assert with_zero.entries.tolist() == [forms.entries[0], None]
    with pytest.raises(UnsupportedError, match="mixes"):
        stack(ex.builder, [row(forms, 0), np.ones((), np.float32)], (2,), "float32")
    back = stack(ex.builder, [row(a, k) for k in range(3)], (3,), "float32")
    assert back.ids.tolist() == a.ids.tolist()
    assert back.vertices.tolist() == a.vertices.tolist()
    assert stack(ex.builder, [row(known, k) for k in range(3)], (3,), "float32").tolist() == known.tolist()
    assert stack(ex.builder, [], (0, 2), "float32").shape == (0, 2)
