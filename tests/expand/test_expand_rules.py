"""The rules of the expansion without any framework: what they record is compared with derivatives worked out by
hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from ccjac.elimination import forward_order, reverse_order
from ccjac.errors import UnsupportedError
from ccjac.expand import (
    Expander,
    Forms,
    Spec,
    Symbolic,
    Template,
    Value,
    argument,
    by_matrix,
    clamped_case,
    combine_at,
    contract,
    differentiated,
    elementwise,
    forms_of_vertices,
    linear,
    linearize,
    reduce,
    running,
    select,
    transposed,
)
from ccjac.program import Node, evaluate
from ccjac.program.accumulate import accumulate

Body = Callable[[Expander, list[Symbolic]], Sequence[Value]]

SQUARE = Template(
    (
        Node("input", (), "float64", 0),
        Node("const", (), "float64", 2.0),
        Node("mul", (0, 0), "float64"),
        Node("mul", (1, 0), "float64"),
    ),
    2,
    {0: 3},
)


def squared(ex: Expander, value: Value) -> Symbolic:
    return elementwise(
        ex, "square", None, [value], value.shape, "float64", template=lambda active, dtypes: SQUARE, label="square"
    )


def jacobian(body: Body, *points: Any) -> tuple[list[float], np.ndarray]:
    """Values and Jacobian of ``body`` by all its inputs, for both orders the same."""
    arrays = [np.asarray(p, np.float64) for p in points]
    linearization = linearize(
        [Spec(a.shape, "float64") for a in arrays], len(arrays), lambda ex, operands: (body(ex, operands), ())
    )
    scalars = [s for a in arrays for s in a.ravel()]
    found = []
    for order in (forward_order(linearization.graph), reverse_order(linearization.graph)):
        done = accumulate(linearization, order, with_values=True, dtypes=np.array([["float64"]], dtype=object))
        results = [*map(float, evaluate(done.program, scalars)), 0.0]
        found.append((results[: done.n_values], np.array(results)[done.dense()]))
    (values, first), (_, second) = found
    np.testing.assert_allclose(first, second)
    return values, first


def linear_of(ex: Expander, value: Symbolic, rule: Callable[[Value], Value]) -> Symbolic:
    """A linear operation applied to a value and to its tangent."""
    result = rule(Symbolic(value.ids, None, value.dtype))
    return ex.with_vertices(result, rule(forms_of_vertices(ex.builder, value)).entries, "linear")


X = np.array([[1.0, 2.0, 3.0], [5.0, 7.0, 11.0]])


def test_elementwise_operations_have_their_templates_partials() -> None:
    values, found = jacobian(lambda ex, v: [squared(ex, v[0])], X)
    assert values == [1, 4, 9, 25, 49, 121]
    assert found.tolist() == np.diag(2 * X.ravel()).tolist()


def test_without_active_operands_no_template_is_made() -> None:
    def body(ex: Expander, v: list[Symbolic]) -> list[Value]:
        passive = Symbolic(v[0].ids, None, "float64")
        copied = elementwise(ex, "copy", None, [passive], (3,), "float64", template=None, label="")  # type: ignore[arg-type]
        assert copied.ids.tolist() == v[0].ids.tolist()
        plain = elementwise(ex, "neg", None, [passive], (3,), "float64", template=None, label="")  # type: ignore[arg-type]
        return [plain]

    values, found = jacobian(body, X[0])
    assert values == [-1, -2, -3]
    assert not found.any()


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), ()])
def test_sums_of_values_and_of_tangents(axes: tuple[int, ...]) -> None:
    values, found = jacobian(lambda ex, v: [linear_of(ex, squared(ex, v[0]), lambda x: reduce(ex, x, axes, "add"))], X)
    assert values == (X * X).sum(axes).ravel().tolist()
    expected = np.stack([(2 * X * unit.reshape(X.shape)).sum(axes).ravel() for unit in np.eye(X.size)], axis=1)
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("reverse", [False, True])
def test_running_sums(reverse: bool) -> None:
    values, found = jacobian(
        lambda ex, v: [linear_of(ex, v[0], lambda x: running(ex, x, 1, "add", reverse=reverse))], X
    )
    flip = slice(None, None, -1 if reverse else 1)
    along = lambda a: np.cumsum(a[:, flip], 1)[:, flip].ravel()  # noqa: E731
    assert values == along(X).tolist()
    assert found.tolist() == np.stack([along(u.reshape(X.shape)) for u in np.eye(6)], axis=1).tolist()


@pytest.mark.parametrize("flipped", [False, True])
def test_contractions(flipped: bool) -> None:
    matrix = np.arange(1.0, 7.0).reshape(2, 3)

    def rule(ex: Expander, x: Value) -> Value:
        if flipped:
            return contract(ex, matrix, x, batch=((), ()), contracted=((1,), (1,)), dtype="float64")
        return contract(ex, x, matrix, batch=((0,), (0,)), contracted=((1,), (1,)), dtype="float64")

    spelled = "ik,jk->ij" if flipped else "ik,ik->i"
    operands = (lambda a: (matrix, a)) if flipped else (lambda a: (a, matrix))
    values, found = jacobian(lambda ex, v: [linear_of(ex, v[0], lambda x: rule(ex, x))], X)
    assert values == np.einsum(spelled, *operands(X)).ravel().tolist()
    columns = [np.einsum(spelled, *operands(u.reshape(X.shape))).ravel() for u in np.eye(6)]
    assert found.tolist() == np.stack(columns, axis=1).tolist()


def test_matrices_and_scattered_sums() -> None:
    matrix = np.array([[1.0, 0.0, -2.0], [0.0, 0.0, 0.0]])
    targets = np.array([1, -1, 1])

    def body(ex: Expander, v: list[Symbolic]) -> list[Value]:
        (x,) = v
        product = linear_of(ex, x, lambda x: by_matrix(ex, x, matrix, (2,), "float64"))
        added = linear_of(ex, x, lambda x: combine_at(ex, np.zeros(2), targets, x, "add"))
        scaled = linear_of(ex, x, lambda x: combine_at(ex, x, np.array([2]), np.array([4.0]), "mul"))
        return [product, added, scaled]

    values, found = jacobian(body, X[0])
    assert values == [-5, 0, 0, 4, 1, 2, 12]
    expected = [[1, 0, -2], [0, 0, 0], [0, 0, 0], [1, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 4]]
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("op", "dtype", "neutral"),
    [
        ("add", "float64", 0.0),
        ("mul", "float32", 1.0),
        ("max", "float64", -np.inf),
        ("min", "float64", np.inf),
        ("max", "int32", -(2**31)),
        ("min", "uint8", 255),
        ("and", "bool", True),
        ("and", "int32", -1),
        ("or", "bool", False),
        ("xor", "int64", 0),
    ],
)
def test_empty_reductions_have_the_neutral_value(op: str, dtype: str, neutral: Any) -> None:
    def body(ex: Expander, v: list[Symbolic]) -> list[Value]:
        empty = reduce(ex, Symbolic(np.zeros((2, 0), np.int64), None, dtype), (1,), op)
        assert [ex.builder.constant_value(int(k)) for k in empty.ids] == [neutral, neutral]
        return [empty] if dtype == "float64" else []

    jacobian(body, X[0])


@pytest.mark.parametrize(("largest", "expected"), [(True, [2, 0, 1]), (False, [0, 1, 1])])
def test_arguments_of_extremes_prefer_the_first_and_nan(largest: bool, expected: list[int]) -> None:
    table = np.array([[1.0, 2.0, 3.0], [4.0, 0.0, 4.0], [1.0, np.nan, 9.0]])

    def body(ex: Expander, v: list[Symbolic]) -> list[Value]:
        return [argument(ex, v[0], (1,), "int32", largest=largest)]

    values, found = jacobian(body, table)
    assert values == expected
    assert not found.any()


def test_a_selection_switches_values_and_tangents() -> None:
    def body(ex: Expander, v: list[Symbolic]) -> list[Value]:
        x, index = v[0], ex.values([ex.builder.emit("floor", (int(v[1].ids[0]),), "float64")], (), "float64")
        which = clamped_case(ex, Symbolic(ex.converted(index.ids, "float64", "int32"), None, "int32"), 3)
        return [select(ex, which, [x, squared(ex, x), np.full(3, 9.0)], (3,), "float64", "cond")]

    for index, values, diagonal in ((0.0, X[0], np.ones(3)), (1.0, X[0] ** 2, 2 * X[0]), (7.0, np.full(3, 9.0), 0.0)):
        found, matrix = jacobian(body, X[0], [index])
        assert found == values.tolist()
        assert matrix[:, :3].tolist() == np.diag(np.broadcast_to(diagonal, 3)).tolist()


class Product:
    """``x * y`` with a rule of its own, forward or reverse."""

    active, differentiable = (0, 1), (0,)

    def __init__(self, *, reverse: bool) -> None:
        self.reverse = reverse

    def run(self, ex: Expander, primals: Sequence[Value], tangents: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        x, y = primals
        times = lambda form, factor: linear.apply(ex, "mul", [form, factor], (3,), "float64")  # noqa: E731
        product = elementwise(ex, "mul", None, [x, y], (3,), "float64", template=None, label="")  # type: ignore[arg-type]
        if self.reverse:
            return [product], [times(tangents[0], y), times(tangents[0], x)]
        return [product], [linear.apply(ex, "add", [times(tangents[0], y), times(tangents[1], x)], (3,), "float64")]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_rule_may_be_forward_or_reverse(reverse: bool) -> None:
    rule = Product(reverse=reverse)

    def body(ex: Expander, v: list[Symbolic]) -> Sequence[Value]:
        operands = [squared(ex, v[0]), v[0]]
        if reverse:
            return transposed(ex, rule, operands, [Spec((3,), "float64")], "product")
        return differentiated(ex, rule, operands, "product")

    values, found = jacobian(body, X[0])
    assert values == (X[0] ** 3).tolist()
    assert found.tolist() == np.diag(3 * X[0] ** 2).tolist()


@pytest.mark.parametrize("op", ["max", "exp", "mul", "div"])
def test_what_is_not_linear_is_refused(op: str) -> None:
    def body(ex: Expander, v: list[Symbolic]) -> list[Value]:
        forms = forms_of_vertices(ex.builder, v[0])
        with pytest.raises(UnsupportedError, match=op):
            linear.apply(ex, op, [forms, forms], (3,), "float64")
        with pytest.raises(UnsupportedError, match="not linear"):
            reduce(ex, forms, (0,), "max")
        with pytest.raises(UnsupportedError, match="not linear"):
            running(ex, forms, 0, "mul")
        with pytest.raises(UnsupportedError, match="two tangents"):
            contract(ex, forms, forms, batch=((), ()), contracted=((0,), (0,)), dtype="float64")
        with pytest.raises(UnsupportedError, match="mixes"):
            combine_at(ex, v[0], np.array([0, 1, 2]), Forms(forms.entries), "add")
        return v

    jacobian(body, X[0])


def test_a_backend_without_an_interpreter_says_so() -> None:
    def body(ex: Expander, v: list[Symbolic]) -> list[Value]:
        with pytest.raises(UnsupportedError, match="no interpreter"):
            ex.run(None, v)
        return v

    jacobian(body, X[0])


@pytest.mark.parametrize(("n", "why"), [(70_000, "60000 scalar operations"), (2_100, "2,100 x 2,100 entries")])
def test_functions_that_are_too_large_are_refused(n: int, why: str) -> None:
    with pytest.raises(UnsupportedError, match=why):
        linearize([Spec((n,), "float32")], 1, lambda ex, operands: (operands, ()))
