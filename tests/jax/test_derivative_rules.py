"""Derivative rules of the user's own, walked through with linear forms: loops, selections and moves of tangents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import lax

import ccjac
from oracles import assert_same

X = jnp.array([0.3, -0.7, 1.1])


def with_rule(rule: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """``sin(x) * x`` with a tangent of its own."""

    @jax.custom_jvp
    def function(x: Any) -> Any:
        return jnp.sin(x) * x

    @function.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        return function(*primals), rule(*primals, *tangents)

    return lambda x: function(x) * x[0]


def scanned(x: Any, t: Any) -> Any:
    def step(carry: Any, both: Any) -> Any:
        a, b = both
        return carry * 0.5 + a * b, carry + b

    last, stacked = lax.scan(step, t[0], (x, t))
    return stacked + last


def scanned_backwards(x: Any, t: Any) -> Any:
    return lax.scan(lambda c, b: (c + b, jnp.stack([c, 2.0 * b])), t[1], t, reverse=True)[1].sum(1) * x


def rows_scanned(x: Any, t: Any) -> Any:
    table = jnp.outer(x, t)
    return lax.scan(lambda c, row: (c + row, row[::-1]), table[0], table)[1].sum(0)


def partly_zero(x: Any, t: Any) -> Any:
    return lax.scan(lambda c, b: (jnp.zeros_like(b), c), t[0], t)[1] + t


def conditional(x: Any, t: Any) -> Any:
    return lax.cond(x[0] > x[1], lambda t: t * 2.0, lambda t: t[::-1], t)


def switched(x: Any, t: Any) -> Any:
    which = jnp.asarray(x[2] > 1.0, jnp.int32) + jnp.asarray(x[0] > 0.0, jnp.int32)
    return lax.switch(which, [lambda t: t, lambda t: jnp.zeros_like(t), lambda t: x * t.sum()], t)


def selected(x: Any, t: Any) -> Any:
    return jnp.where(x > 0.0, t, 3.0 * t[::-1]) + jnp.where(jnp.array([True, False, True]), t, 0.0)


def moved(x: Any, t: Any) -> Any:
    padded = jnp.pad(jnp.stack([t, 2.0 * t]), ((0, 1), (1, 0)))
    return padded.T.reshape(3, 4).sum(1) + t[jnp.array([2, 0, 0])] + jnp.concatenate([t[1:], t[:1]])


def scattered(x: Any, t: Any) -> Any:
    return t.at[jnp.array([0, 0, 2])].add(x * t).at[1].set(t[0]).at[jnp.array([1])].multiply(x[:1])


def contracted(x: Any, t: Any) -> Any:
    matrix = jnp.outer(x, x)
    return matrix @ t + t @ matrix + jnp.cumsum(t)


def convolved(x: Any, t: Any) -> Any:
    return jnp.convolve(t, jnp.array([0.5, 2.0, -1.0]), mode="same") - t / x


RULES = [
    scanned,
    scanned_backwards,
    rows_scanned,
    partly_zero,
    conditional,
    switched,
    selected,
    moved,
    scattered,
    contracted,
    convolved,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_is_walked_through(rule: Callable[[Any, Any], Any]) -> None:
    fun = with_rule(rule)
    assert ccjac.plan(fun, X).source != "fallback"
    jacobian = ccjac.jacobian(fun)
    for x in (X, -X, X[::-1]):
        assert_same(jacobian(x), jax.jacfwd(fun)(x))


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (lambda x, t: jnp.maximum(t, 0.0), "linear"),
        (lambda x, t: t * t, "two tangents"),
        (lambda x, t: x / t, "divides"),
        (lambda x, t: t + x, "mixes"),
        (lambda x, t: jnp.cumprod(t), "linear"),
        (lambda x, t: t @ t * x, "two tangents"),
        (lambda x, t: jnp.where(t > 0.0, x, x), "linear"),
        (lambda x, t: jnp.sort(t), "linear"),
    ],
)
def test_a_rule_that_is_not_linear_is_the_frameworks(rule: Callable[[Any, Any], Any], why: str) -> None:
    fun = with_rule(rule)
    plan = ccjac.plan(fun, X)
    assert plan.source == "fallback"
    assert why in plan.reason
    assert_same(ccjac.jacobian(fun)(X), jax.jacfwd(fun)(X))
