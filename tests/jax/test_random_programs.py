"""Random straight-line programs: whatever the order, the Jacobian is that of JAX's own modes in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import ccjac
from ccjac.elimination import forward_order, reverse_order
from ccjac.ordering import greedy
from oracles import assert_same, numpy_jacobian_by_each

N_INPUTS = 3

# Every operation keeps its arguments' size moderate, so that no result overflows and no derivative is undefined.
UNARY: list[Callable[[Any], Any]] = [
    jnp.sin,
    jnp.cos,
    jnp.tanh,
    lambda a: -a,
    lambda a: jnp.exp(-a * a),
    lambda a: jnp.sqrt(a * a + 1.0),
    lambda a: jnp.log(a * a + 1.5),
    lambda a: 0.5 * a,
    lambda a: a + 1.0,
    lambda a: a**3 / (1.0 + a**2),
]
BINARY: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: jnp.sin(a) * b,
    lambda a, b: a / (2.0 + b * b),
    lambda a, b: jnp.where(a < b, a, jnp.cos(b)),
    lambda a, b: jnp.maximum(a, b),
    lambda a, b: jnp.arctan2(a, 1.5 + b * b),
]

STEP = st.tuples(
    st.integers(0, len(UNARY) + len(BINARY) - 1),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
)


@st.composite
def programs(draw: st.DrawFn) -> tuple[Callable[[Any], Any], np.ndarray]:
    """A function from three inputs to one to four outputs, and a point."""
    steps = draw(st.lists(STEP, min_size=0, max_size=25))
    outputs = draw(st.lists(st.integers(0, 10_000), min_size=1, max_size=4))
    point = draw(st.lists(st.floats(-2.0, 2.0, width=16), min_size=N_INPUTS, max_size=N_INPUTS))

    def fun(x: Any) -> Any:
        values = [x[k] for k in range(N_INPUTS)]
        for op, left, right in steps:
            # Prefer recent values, so that programs get deep.
            a = values[-1 - left % min(len(values), 6)]
            b = values[right % len(values)]
            values.append(UNARY[op](a) if op < len(UNARY) else BINARY[op - len(UNARY)](a, b))
        return tuple(values[-1 - k % len(values)] for k in outputs)

    return fun, np.array(point)


def random_order(seed: int) -> Callable[[ccjac.Graph], Sequence[int]]:
    return lambda graph: np.random.default_rng(seed).permutation(np.array(graph.eliminable, dtype=int)).tolist()


@settings(max_examples=300)
@given(programs(), st.integers(0, 2**32 - 1))
def test_every_order_gives_the_jacobian(program: tuple[Callable[[Any], Any], np.ndarray], seed: int) -> None:
    fun, point = program
    x = jnp.asarray(point)
    expected = tuple((row,) for row in jax.jacfwd(fun)(x))
    orders = [forward_order, reverse_order, lambda g: greedy.best(g).order, random_order(seed)]
    for actual in numpy_jacobian_by_each(fun, (x,), orders):
        assert_same(actual, expected, rtol=1e-10)
