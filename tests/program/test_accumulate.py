"""From a linearization and an order to a program: coordinate lists, and an input that stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from ccjac.elimination import forward_order, reverse_order
from ccjac.errors import UnsupportedError
from ccjac.program import evaluate
from ccjac.program.accumulate import STRUCTURAL_ZERO, accumulate
from ccjac.program.linearization import NO_TANGENT, Linearization, Recorder

KINDS = np.array([["float64"]], dtype=object)


def chain(limit: int = 1000) -> Linearization:
    """Of inputs ``x, y`` the outputs ``(x * y)**2``, ``y``, a constant and ``x * y``."""
    recorder = Recorder(2, limit)
    b = recorder.builder
    x, y = b.input(0, "float64"), b.input(1, "float64")
    product = b.emit("mul", (x, y), "float64")
    vertex = recorder.vertex({0: y, 1: x}, "product")
    square = b.emit("mul", (product, product), "float64")
    top = recorder.vertex({vertex: b.emit("mul", (b.const(2.0, "float64"), product), "float64")}, "square")
    seven = b.const(7.0, "float64")
    return recorder.finish([top, 1, NO_TANGENT, vertex], [square, y, seven, product], 2)


def test_entries_are_coordinate_lists_in_row_major_order() -> None:
    linearization = chain()
    done = accumulate(linearization, reverse_order(linearization.graph), with_values=True, dtypes=KINDS)
    assert done.shape == (4, 2)
    assert list(zip(done.rows.tolist(), done.columns.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 1), (3, 0), (3, 1)]
    results = np.array([*map(float, evaluate(done.program, [3.0, 5.0])), 0.0])
    assert results[: done.n_values].tolist() == [225, 5, 7, 15]
    assert results[done.places].tolist() == [150, 90, 1, 5, 3]
    assert results[done.dense()].tolist() == [[150, 90], [0, 1], [0, 0], [5, 3]]
    assert (done.dense() == STRUCTURAL_ZERO).sum() == 3


def test_orders_may_be_tried_on_one_linearization() -> None:
    linearization = chain()
    nodes = list(linearization.builder.nodes)
    orders = [forward_order(linearization.graph), reverse_order(linearization.graph)] * 3
    programs = [accumulate(linearization, order, with_values=False, dtypes=KINDS) for order in orders]
    assert linearization.builder.nodes == nodes
    assert programs[0].program == programs[2].program == programs[4].program
    # What was built for one order neither counts nor stands in another one's way.
    assert linearization.builder.emit("neg", (0,), "float64") == len(nodes)


def test_a_large_program_is_refused() -> None:
    linearization = chain()
    order = reverse_order(linearization.graph)
    size = accumulate(linearization, order, with_values=True, dtypes=KINDS).program.operations
    accumulate(linearization, order, with_values=True, dtypes=KINDS, limit=size)
    with pytest.raises(UnsupportedError, match="more than"):
        accumulate(linearization, order, with_values=True, dtypes=KINDS, limit=size - 1)


def test_an_order_that_was_not_checked_is_no_silent_zero() -> None:
    with pytest.raises(AssertionError, match="still in place"):
        accumulate(chain(), [], with_values=False, dtypes=KINDS)


def test_a_thousand_inputs_need_no_dense_table() -> None:
    n = 20_000
    recorder = Recorder(n, 10 * n)
    b = recorder.builder
    ids = [b.input(k, "float64") for k in range(n)]
    vertices = [recorder.vertex({k: ids[k]}) for k in range(n)]
    linearization = recorder.finish(vertices, [], n)
    done = accumulate(linearization, forward_order(linearization.graph), with_values=False, dtypes=KINDS, limit=10 * n)
    # A dense table of positions would take 3.2 GB.
    assert done.shape == (n, n)
    assert done.rows.tolist() == done.columns.tolist() == list(range(n))
