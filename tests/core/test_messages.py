"""Likely mistakes at the prompt: one paragraph each, that names what was given and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac

X = jnp.ones(3)


def f(x: Any) -> Any:
    return jnp.sin(x) * x[0]


GRAPH = ccjac.Graph.from_edges(n_inputs=1, n_vertices=3, outputs=[3], edges=[(0, 1), (1, 2), (2, 3)])
MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a value instead of a function": (
        lambda: ccjac.jacobian(f(X)),
        ccjac.InputError,
        "differentiates a function, got ArrayImpl; give it `f`, not `f(x)`",
    ),
    "function and arguments at once": (
        lambda: ccjac.jacobian(f, X),  # type: ignore[arg-type]
        ccjac.InputError,
        "The function's arguments go to what is returned: `ccjac.jacobian(f)(x)`",
    ),
    "a misspelt keyword": (lambda: ccjac.jacobian(f, argnum=1), TypeError, "Did you mean 'argnums'?"),
    "a keyword of the function": (
        lambda: ccjac.jacobian(f, gamma=1.4),
        TypeError,
        "Arguments of the function itself go to what `ccjac.jacobian(f)` returns",
    ),
    "a plan of a name": (
        lambda: ccjac.plan("f", X),
        ccjac.InputError,
        "`ccjac.plan` differentiates a function, got str",
    ),
    "a plan without arguments": (lambda: ccjac.plan(f), ccjac.InputError, "called with 0 positional arguments"),
    "a differentiated argument by keyword": (
        lambda: ccjac.jacobian(f)(x=X),
        ccjac.InputError,
        "pass differentiated arguments by position",
    ),
    "an array of ints": (
        lambda: ccjac.jacobian(f)(jnp.arange(3)),
        ccjac.InputError,
        "argument 0 (`x`) of `f` is int64; convert it with `jnp.asarray(x, dtype=float)`",
    ),
    "a complex array": (lambda: ccjac.jacobian(f)(X.astype(complex)), ccjac.InputError, "pass `holomorphic=True`"),
    "a text as an argument": (lambda: ccjac.jacobian(f)("text"), ccjac.InputError, "contains a str"),
    "an argument that is not there": (
        lambda: ccjac.jacobian(f, argnums=2)(X),
        ccjac.InputError,
        "`argnums` names positional argument 2, but the function was called with 1",
    ),
    "a result that is no array": (lambda: ccjac.jacobian(lambda x: "text")(X), ccjac.InputError, "returned a str"),
    "an unknown setting": (lambda: ccjac.config(thread=2), ccjac.CcjacError, "Did you mean 'threads'?"),
    "a setting that is no number": (
        lambda: setattr(ccjac.config, "program_values", "many"),
        ccjac.CcjacError,
        "is a whole number from 0 on; got 'many'",
    ),
    "an unknown setting, assigned": (
        lambda: setattr(ccjac.config, "limit", 3),
        ccjac.CcjacError,
        "`ccjac.config` has no setting 'limit'; it has program_values",
    ),
    "a misspelt level": (
        lambda: ccjac.config(log_level="Waring"),
        ccjac.CcjacError,
        "Did you mean 'WARNING'?",
    ),
    "a search of a function": (
        lambda: ccjac.search(f),  # type: ignore[arg-type]
        ccjac.InputError,
        "takes a `Graph`, got function; `ccjac.trace(f, *args)` makes that of a function",
    ),
    "a search of a plan": (
        lambda: ccjac.search(ccjac.plan(f, X)),  # type: ignore[arg-type]
        ccjac.InputError,
        "a plan's is `plan.graph`",
    ),
    "the price of an order of a function": (
        lambda: ccjac.evaluate_order(f, [1]),  # type: ignore[arg-type]
        ccjac.InputError,
        "`ccjac.evaluate_order` takes a `Graph`",
    ),
    "a misspelt searcher": (
        lambda: ccjac.search(GRAPH, method="anealing"),
        ccjac.OrderError,
        "Did you mean 'annealing'?",
    ),
    "a misspelt executor": (
        lambda: ccjac.jacobian(f, executor="kernal"),  # type: ignore[arg-type]
        ccjac.CcjacError,
        "Did you mean 'kernel'?",
    ),
    "a misspelt output": (
        lambda: ccjac.jacobian(f, output="bco"),  # type: ignore[arg-type]
        ccjac.CcjacError,
        "Did you mean 'bcoo'",
    ),
    "another framework's name": (lambda: ccjac.jacrev, AttributeError, "Did you mean 'jacobian'?"),
    "a misspelt name": (lambda: ccjac.jacobain, AttributeError, "Did you mean 'jacobian'?"),
    "has_aux without a pair": (
        lambda: ccjac.jacobian(f, has_aux=True)(X),
        ccjac.InputError,
        "`f` returned an array; give back the pair, or leave `has_aux` out",
    ),
    "an order of another graph": (
        lambda: ccjac.jacobian(f, order=[0, 1])(X),
        ccjac.OrderError,
        "`ccjac.trace(...).eliminable` lists them",
    ),
    "a graph of what does not expand": (
        lambda: ccjac.trace(jnp.linalg.inv, jnp.eye(50)),
        ccjac.UnsupportedError,
        "`ccjac.jacobian` still works; it uses the framework's own mode",
    ),
    "a file as a zoo": (
        lambda: ccjac.jacobian(f, zoo=__file__)(X),
        ccjac.ZooError,
        "`zoo` must be a directory, but",
    ),
    "a file that is no plan": (lambda: ccjac.Plan.load(__file__), ccjac.InputError, "a file that `Plan.save` wrote"),
    "arrays of another shape in a solver": (
        lambda: ccjac.plan(f, X).to_numpy()(np.ones(2)),
        ccjac.InputError,
        "takes (x[3]), got an array of shape [2]",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_a_paragraph(mistake: str) -> None:
    make, kind, words = MISTAKES[mistake]
    with pytest.raises(kind) as caught:
        make()
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert len(message) < 500


def test_errors_of_the_function_are_its_own() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        ccjac.jacobian(lambda x, y: x * y)(X)
    with pytest.raises(jax.errors.TracerArrayConversionError):
        ccjac.jacobian(lambda x: jnp.asarray(np.sin(x)))(X)
