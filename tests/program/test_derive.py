"""Products of a program's Jacobian with tangents and cotangents, with templates written for the test alone."""

import numpy as np
import pytest

from ccjac.errors import UnsupportedError
from ccjac.program import Builder, evaluate
from ccjac.program.accumulate import STRUCTURAL_ZERO
from ccjac.program.derive import jvp, vjp
from ccjac.program.template import Template


def templates(node, dtypes, active):
    """Rules of a few operations, as a backend would read them off its framework."""
    b = Builder()
    args = [b.input(k, dtype) for k, dtype in enumerate(dtypes)]
    result = b.emit(node.op, args, node.dtype, node.param)
    one = b.const(1.0, node.dtype)
    if node.op == "mul":
        partials = {0: args[1], 1: args[0]}
    elif node.op == "add":
        partials = {0: one, 1: one}
    elif node.op == "sin":
        partials = {0: b.emit("cos", args, node.dtype)}
    elif node.op == "cos":
        partials = {0: b.emit("neg", [b.emit("sin", args, node.dtype)], node.dtype)}
    elif node.op == "floor":
        partials = {0: None}
    elif node.op == "convert_element_type":
        partials = {0: one}
    elif node.op == "select_n":
        zero = b.const(0.0, node.dtype)
        partials = {
            1: b.emit("select_n", (args[0], one, zero), node.dtype),
            2: b.emit("select_n", (args[0], zero, one), node.dtype),
        }
    else:
        raise UnsupportedError(node.op)
    return Template(tuple(b.nodes), result, {k: partials[k] for k in active})


def example():
    """``a, b, c -> a sin(b), a sin(b) + (a < b ? b b : a), float32(c) + 1, floor(a), a < b, a``; all but c double."""
    b = Builder()
    x, y, z = b.input(0, "float64"), b.input(1, "float64"), b.input(2, "float64")
    product = b.emit("mul", (x, b.emit("sin", (y,), "float64")), "float64")
    below = b.emit("lt", (x, y), "bool")
    chosen = b.emit("select_n", (below, x, b.emit("mul", (y, y), "float64")), "float64")
    narrow = b.emit("convert_element_type", (z,), "float32")
    results = [
        product,
        b.emit("add", (product, chosen), "float64"),
        b.emit("add", (narrow, b.const(1.0, "float32")), "float32"),
        b.emit("floor", (x,), "float64"),
        below,
        x,
    ]
    return b.finish(results, 3)


def jacobian(a, b):
    return np.array(
        [
            [np.sin(b), a * np.cos(b), 0],
            [np.sin(b) + (a >= b), a * np.cos(b) + 2 * b * (a < b), 0],
            [0, 0, 1],
            [0, 0, 0],
            [0, 0, 0],
            [1, 0, 0],
        ]
    )


POINTS = [(0.3, 0.8, 2.0), (1.5, -0.4, 3.0)]


@pytest.mark.parametrize("point", POINTS)
def test_tangents(point):
    tangent = np.array([0.7, -1.3, 0.25])
    derived = jvp(example(), [0, 1, 2], templates)
    assert derived.n_inputs == 6
    found = evaluate(derived, [*point, *tangent])
    np.testing.assert_allclose(np.array(found, float), jacobian(*point[:2]) @ tangent, rtol=1e-14)
    assert [derived.nodes[r].dtype for r in derived.results] == [
        *("float64", "float64", "float32", "float64", "bool", "float64")
    ]


def test_tangents_of_some_inputs_in_any_order():
    derived = jvp(example(), [2, 0], templates)
    found = evaluate(derived, [*POINTS[0], 0.25, 0.7])
    expected = jacobian(*POINTS[0][:2]) @ [0.7, 0, 0.25]
    np.testing.assert_allclose(np.array(found, float), expected, rtol=1e-14)


@pytest.mark.parametrize("point", POINTS)
def test_cotangents(point):
    # Two cotangents of the same result, one that belongs to a structural zero, one of a bool.
    belongs = [5, 0, STRUCTURAL_ZERO, 1, 1, 2, 3, 4]
    given = np.array([0.3, -1.1, 99.0, 0.8, 0.4, 2.0, 5.0, 1.0])
    derived = vjp(example(), [2, 0, 1], belongs, templates)
    found = evaluate(derived, [*point, *given])
    weights = np.zeros(6)
    for place, weight in zip(belongs, given, strict=True):
        if place >= 0:
            weights[place] += weight
    np.testing.assert_allclose(found, (weights @ jacobian(*point[:2]))[[2, 0, 1]], rtol=1e-14)
    assert [derived.nodes[r].dtype for r in derived.results] == ["float64"] * 3


def test_what_nothing_depends_on_is_the_constant_zero():
    program = example()
    forward, backward = jvp(program, [2], templates), vjp(program, [2], [0, 1], templates)
    assert [forward.nodes[r].op for r in forward.results] == [
        *("const", "const", "convert_element_type", "const", "const", "const")
    ]
    assert backward.nodes[backward.results[0]] == ("const", (), "float64", 0.0)
    assert backward.operations == 0


def test_the_derivative_shares_values_with_the_program():
    b = Builder()
    x, y = b.input(0, "float64"), b.input(1, "float64")
    both = b.emit("mul", (b.emit("sin", (x,), "float64"), b.emit("sin", (y,), "float64")), "float64")
    derived = vjp(b.finish([both], 2), [0, 1], [0], templates)
    # Two sines, two cosines, and for each of two results two products.
    assert derived.operations == 8


def test_a_tangent_switched_off_does_no_harm():
    b = Builder()
    x, limit = b.input(0, "float64"), b.input(1, "float64")
    chosen = b.emit("select_n", (b.emit("lt", (x, limit), "bool"), b.const(0.0, "float64"), x), "float64")
    program = b.finish([b.emit("mul", (chosen, x), "float64")], 2)
    # The factor is infinite where the selection is off.
    for derived in (jvp(program, [0], templates), vjp(program, [0], [0], templates)):
        assert all(
            node.op != "mul" or "select_n" not in {derived.nodes[a].op for a in node.args} for node in derived.nodes
        )


def test_second_derivatives():
    once = vjp(example(), [0, 1], [0], templates)
    twice = jvp(once, [0, 1], templates)
    a, b, c = POINTS[0]
    found = evaluate(twice, [a, b, c, 1.0, 0.7, -1.3])
    np.testing.assert_allclose(found, np.array([[0, np.cos(b)], [np.cos(b), -a * np.sin(b)]]) @ [0.7, -1.3], rtol=1e-14)


def test_an_operation_without_a_rule_is_an_error():
    b = Builder()
    program = b.finish([b.emit("cbrt", (b.input(0, "float64"),), "float64")], 1)
    for derive in (lambda: jvp(program, [0], templates), lambda: vjp(program, [0], [0], templates)):
        with pytest.raises(UnsupportedError, match="cbrt"):
            derive()
