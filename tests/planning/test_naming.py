"""What functions are called in zoos: module, name, types and shapes, never values."""

from __future__ import annotations

import functools

import numpy as np

from ccjac.planning.naming import MAX_LENGTH, call_name, function_name


def residual(x: object, gamma: float = 1.4) -> object:
    return x


class Law:
    def __call__(self, x: object) -> object:
        return x

    def flux(self, x: object) -> object:
        return x


def test_functions_of_every_kind_have_names() -> None:
    @functools.wraps(residual)
    def wrapper(*args: object) -> object:
        return residual(*args)

    here = __name__
    assert function_name(residual) == f"{here}:residual"
    assert function_name(functools.partial(residual, gamma=1.0)) == f"{here}:residual"
    assert function_name(wrapper) == f"{here}:residual"
    assert function_name(Law().flux) == f"{here}:Law.flux"
    assert function_name(Law()) == f"{here}:Law"
    assert function_name(lambda x: x) == f"{here}:test_functions_of_every_kind_have_names.<lambda>"
    assert function_name(len) == "builtins:len"


def test_types_and_shapes_are_shown_and_values_are_not() -> None:
    x = np.full((6,), 3.25)
    name = call_name(
        residual, (x, np.float32(2.5)), {"gamma": 1.75, "table": {"a": [np.ones((2, 3), "int8"), "secret"]}}
    )
    assert name == f"{__name__}:residual(f64[6], f32[], gamma=float, table={{a: [i8[2,3], str]}})"
    assert call_name(residual, (np.zeros(2, bool), (np.zeros(1, "uint8"),))).endswith("residual(bool[2], (u8[1]))")


def test_names_fit_into_a_zoo() -> None:
    name = call_name(residual, tuple(np.ones(k + 1) for k in range(100)))
    assert len(name) == MAX_LENGTH
    assert name.endswith("…")
    odd = call_name(residual, (), {"a\n\x1b[2J": 1})
    assert odd.isprintable()
