"""Blocks of a Jacobian as lists of their entries, the kernels' layout, and the containers around the arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from ccjac.arguments import joined, normalised, refusal, unflattened
from ccjac.backends.protocol import Request
from ccjac.errors import InputError
from ccjac.program import Program
from ccjac.program.accumulate import JacobianProgram
from ccjac.results import Containers, blocks, layout, nest, placed
from ccjac.spec import Spec

OUTPUTS = [Spec((2,), "float32"), Spec((), "float64")]
ARGUMENTS = [Spec((), "float32"), Spec((2, 1), "float64")]
TABLE = np.array([[4, -1, 5], [-1, -1, -1], [6, 4, -1]])
"""Positions among the results of the entries of a Jacobian ``[3, 3]``."""


def program(table: np.ndarray, n_values: int = 0) -> JacobianProgram:
    rows, columns = np.nonzero(table >= 0)
    return JacobianProgram(Program((), 0, ()), n_values, table.shape, rows, columns, table[rows, columns])


def test_blocks_are_cut_from_the_coordinate_lists() -> None:
    found = blocks(program(TABLE), OUTPUTS, ARGUMENTS)
    assert [b.spec for b in found] == [
        Spec((2,), "float32"),
        Spec((2, 2, 1), "float32"),
        Spec((), "float64"),
        Spec((2, 1), "float64"),
    ]
    assert [b.computed.tolist() for b in found] == [[4, -1], [-1, 5, -1, -1], [6], [4, -1]]
    assert [b.nonzero.tolist() for b in found] == [[0], [1], [0], [0]]
    assert [b.computed_shape for b in found] == [b.spec.shape for b in found]


def test_values_come_first_and_have_every_entry() -> None:
    found = blocks(program(TABLE, 3), OUTPUTS, ARGUMENTS, [*OUTPUTS, Spec((1,), "int32")])
    assert [b.computed.tolist() for b in found[:3]] == [[0, 1], [2], [3]]
    assert len(found) == 7


@pytest.mark.parametrize(("packed_from", "packed"), [(None, False), (5, False), (4, True)])
def test_blocks_that_are_mostly_zero_may_be_packed(packed_from: int | None, packed: bool) -> None:
    (_, block, _, _) = blocks(program(TABLE), OUTPUTS, ARGUMENTS, packed_from=packed_from)
    assert block.packed == packed
    if packed:
        assert block.computed_shape == (1,)
        computed = np.array([np.pi, 0.0])
        assert computed[block.spread].reshape(block.spec.shape).tolist() == [[[0], [np.pi]], [[0], [0]]]


def test_random_jacobians_are_put_together_again(rng: np.random.Generator) -> None:
    for _ in range(50):
        outputs = [Spec(tuple(rng.integers(0, 3, rng.integers(0, 3))), "float64") for _ in range(3)]
        arguments = [Spec(tuple(rng.integers(0, 4, rng.integers(0, 3))), "float64") for _ in range(3)]
        shape = (sum(s.size for s in outputs), sum(s.size for s in arguments))
        table = np.where(rng.random(shape) < 0.3, rng.integers(0, 9, shape), -1)
        found = blocks(program(table), outputs, arguments, packed_from=2)
        results = np.append(rng.random(9), 0.0)
        dense = []
        for b in found:
            computed = results[b.computed]
            dense.append(np.append(computed, 0.0)[b.spread] if b.packed else computed)
        n = len(arguments)
        rows = [
            np.concatenate(
                [
                    d.reshape(out.size, -1) if out.size else np.zeros((0, a.size))
                    for d, a in zip(r, arguments, strict=True)
                ],
                axis=1,
            )
            for out, r in ((out, dense[k * n : k * n + n]) for k, out in enumerate(outputs))
            if out.size
        ]
        joint = np.concatenate(rows) if rows else np.zeros(shape)
        assert joint.tolist() == results[table].tolist()


def test_the_layout_numbers_the_operands_scalars() -> None:
    found = layout(placed([*ARGUMENTS, Spec((0,), "int32")]), blocks(program(TABLE), OUTPUTS, ARGUMENTS))
    assert [(o.scalars, o.dtype) for o in found.operands] == [((0,), "float32"), ((1, 2), "float64"), ((), "int32")]
    assert [(r.entries, r.dtype) for r in found.results][:2] == [((4, -1), "float32"), ((-1, 5, -1, -1), "float32")]


class Tree(NamedTuple):
    """A container: a list of so many leaves."""

    num_leaves: int


def unflatten(tree: Tree, leaves: Any) -> list[Any]:
    assert len(leaves) == tree.num_leaves
    return list(leaves)


@pytest.mark.parametrize(
    ("has_aux", "with_value", "expected"),
    [
        (False, False, "J"),
        (True, False, ("J", ["x"])),
        (False, True, (["v", "w"], "J")),
        (True, True, ((["v", "w"], ["x"]), "J")),
    ],
)
def test_containers_nest_like_the_frameworks(has_aux: bool, with_value: bool, expected: Any) -> None:
    containers = Containers(Tree(2), Tree(1 if has_aux else 0), [Tree(1), Tree(2)], unflatten)
    request = Request(print, (0, 1), has_aux, with_value)
    values = ["v", "w", *(["x"] if has_aux else [])] if has_aux or with_value else []
    jacobian = [([0], [1, 2]), ([3], [4, 5])]

    def filled(form: Any) -> Any:
        return jacobian if form == "J" else tuple(map(filled, form)) if isinstance(form, tuple) else form

    assert nest(containers, request, values, range(6)) == filled(expected)


def test_one_argument_has_no_tuple() -> None:
    containers = Containers(Tree(1), Tree(0), [Tree(2)], unflatten)
    assert nest(containers, Request(print, 0, has_aux=False, with_value=False), [], "ab") == [["a", "b"]]


def test_a_call_is_put_together_again() -> None:
    assert normalised((-1, 0), 3) == (2, 0)
    assert joined((2, 0), ["c", "a"], ["b"]) == ("a", "b", "c")
    assert joined((), [], ["b"]) == ("b",)
    assert unflattened([Tree(2), Tree(0), Tree(1)], "xyz", unflatten) == [["x", "y"], [], ["z"]]


@pytest.mark.parametrize(("argnums", "why"), [(3, "positional argument 3"), (-4, "-4"), ((0, -3), "twice")])
def test_argnums_are_checked(argnums: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        normalised(argnums, 3)


def test_refusals_name_the_remedy() -> None:
    assert "real and imaginary" in str(refusal(1, "complex64", convert="`x.float()`"))
    assert "convert it with `x.float()`" in str(refusal(1, "int32", convert="`x.float()`"))
    assert "pass the arrays only" in str(refusal(0, "str", convert="", is_array=False))
