"""Derivatives of programs between arrays: which array is which, and what is always zero."""

from __future__ import annotations

import numpy as np
import pytest

from ccjac.errors import UnsupportedError
from ccjac.kernels import Layout, Operand, Result
from ccjac.kernels.derivatives import cotangent_program, tangent_program
from ccjac.program import Builder, Node, Program, evaluate
from ccjac.program.template import Template

SCALARS = {0: 3.0, 1: 5.0, 2: 7.0}


def template(node: Node, dtypes: tuple[str, ...], active: tuple[int, ...]) -> Template:
    """Of a product."""
    assert node.op == "mul"
    nodes = (Node("input", (), "float64", 0), Node("input", (), "float64", 1), Node("mul", (0, 1), "float64"))
    return Template(nodes, 2, {k: 1 - k for k in active})


@pytest.fixture
def products() -> tuple[Program, Layout]:
    """Of ``x`` and ``(y, z)`` the arrays ``[x * y, 0, x * z]`` and ``[z]``."""
    b = Builder()
    x, y, z = (b.input(k, "float64") for k in range(3))
    program = b.finish([b.emit("mul", (x, y), "float64"), b.emit("mul", (x, z), "float64"), z], 3)
    operands = (Operand((0,), "float64"), Operand((1, 2), "float64"))
    return program, Layout(operands, (Result((0, -1, 1), "float64"), Result((2,), "float64")))


def run(derived: Program, layout: Layout, *extra: float) -> list[list[float]]:
    """The result arrays; the inputs beyond those of the program itself are ``extra``."""
    inputs = [*SCALARS.values(), *extra]
    assert max(s for o in layout.operands for s in o.scalars) < derived.n_inputs == len(inputs)
    found = [*map(float, evaluate(derived, inputs)), 0.0]
    return [[found[e] for e in r.entries] for r in layout.results]


def test_tangents_follow_the_operands(products: tuple[Program, Layout]) -> None:
    derived, layout = tangent_program(*products, (1,), (0, 1), template)
    assert [o.scalars for o in layout.operands] == [(0,), (1, 2), (3, 4)]
    assert run(derived, layout, 1.0, 10.0) == [[3, 0, 30], [10]]
    derived, layout = tangent_program(*products, (0,), (0, 1), template)
    # The second result does not depend on ``x``.
    assert layout.results[1].entries == (-1,)
    assert run(derived, layout, 2.0) == [[10, 0, 14], [0]]
    assert len(tangent_program(*products, (0,), (0,), template)[1].results) == 1


def test_cotangents_follow_the_operands(products: tuple[Program, Layout]) -> None:
    derived, layout = cotangent_program(*products, (0, 1), (0, 1), template)
    assert [o.scalars for o in layout.operands] == [(0,), (1, 2), (3, 4, 5), (6,)]
    assert run(derived, layout, 1.0, 1e9, 10.0, 100.0) == [[75], [3, 130]]
    # Only the last result's cotangent is given.
    derived, layout = cotangent_program(*products, (1, 0), (1,), template)
    assert run(derived, layout, 100.0) == [[0, 100], [0]]


def test_a_linear_program_needs_no_point(products: tuple[Program, Layout]) -> None:
    derived, layout = cotangent_program(*products, (1,), (0,), template, linear=True)
    assert [o.scalars for o in layout.operands] == [(0,), (3, 4, 5)]
    assert run(derived, layout, 1.0, 1e9, 10.0) == [[3, 30]]
    with pytest.raises(UnsupportedError, match="not linear"):
        cotangent_program(*products, (0, 1), (0,), template, linear=True)


def test_derivatives_of_derivatives(products: tuple[Program, Layout]) -> None:
    first = tangent_program(*products, (0,), (0,), template)
    derived, layout = tangent_program(*first, (1,), (0,), template)
    # d/dt of dx * (y + t dy): dx is input 3, (dy, dz) are inputs 4 and 5.
    found = [*map(float, evaluate(derived, [*SCALARS.values(), 2.0, 1.0, 10.0])), 0.0]
    assert np.array(found)[list(layout.results[0].entries)].tolist() == [2, 0, 20]
