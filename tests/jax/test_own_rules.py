"""Derivatives of Jacobians where a function's derivative is not that of what it computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
from ccjac_jax.own_rules import has_own_rules

X = np.linspace(0.3, 1.0, 6)


@jax.custom_jvp
def steered(x: Any) -> Any:
    return jnp.sin(x) * x


steered.defjvp(lambda primals, tangents: (steered(primals[0]), 3.0 * tangents[0] * jnp.cos(primals[0])))


@jax.custom_vjp
def damped(x: Any) -> Any:
    return x**3


damped.defvjp(lambda x: (damped(x), x), lambda x, c: (c * jnp.exp(-x),))

OWN: dict[str, Callable[[Any], Any]] = {
    "a rule": lambda x: steered(x) * x[::-1],
    "a rule inside of a rule": lambda x: jax.jit(lambda y: steered(steered(y)) * x)(x),
    "a stop": lambda x: jax.lax.stop_gradient(x) * x**2,
    "a stop of a part": lambda x: jnp.where(x > 0.5, jax.lax.stop_gradient(jnp.sin(x)), x) * jnp.sum(x**2),
}


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("executor", ["kernel", "ops"])
def test_second_derivatives_are_those_of_jax(name: str, executor: Any) -> None:
    fun, x = OWN[name], jnp.asarray(X)
    mine = ccjac.value_and_jacobian(fun, executor=executor)

    def pairs(pick: Callable[[Any, Any], Any]) -> None:
        theirs = jax.grad(lambda x: pick(fun(x), jax.jacfwd(fun)(x)))(x)
        for transformed in (jax.grad, lambda f: jax.jit(jax.grad(f)), jax.jacfwd):
            np.testing.assert_allclose(transformed(lambda x: pick(*mine(x)))(x), theirs, rtol=1e-12, atol=1e-12)

    pairs(lambda value, jacobian: jnp.sum(value))
    pairs(lambda value, jacobian: jnp.sum(jacobian**2))
    pairs(lambda value, jacobian: jnp.sum(value) * jnp.sum(jacobian**2))


def test_a_rule_for_reverse_mode() -> None:
    x = jnp.asarray(X)

    def fun(x: Any) -> Any:
        return damped(x) * jnp.sin(x)

    theirs = jax.grad(lambda x: jnp.sum(jax.jacrev(fun)(x) ** 2))(x)
    mine = jax.grad(lambda x: jnp.sum(ccjac.jacobian(fun)(x) ** 2))(x)
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_sparse_values_have_the_derivatives_of_the_rules() -> None:
    x = jnp.asarray(X)

    def fun(x: Any) -> Any:
        return jax.lax.stop_gradient(x[:-1]) * x[1:] ** 2 * x[:-1]

    theirs = jax.grad(lambda x: jnp.sum(jax.jacfwd(fun)(x) ** 2))(x)
    mine = jax.grad(lambda x: jnp.sum(ccjac.sparse_values(fun)(x) ** 2))(x)
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_functions_of_jax_keep_their_programs() -> None:
    def rules(fun: Callable[[Any], Any], *, values: bool) -> bool:
        return has_own_rules(jax.make_jaxpr(fun)(jnp.asarray(X)).jaxpr, values=values)

    assert not rules(jax.nn.softmax, values=True)
    assert not rules(jax.scipy.special.logsumexp, values=True)
    assert not rules(jax.nn.relu, values=False)
    # Its value has no derivative at zero but the one that JAX has chosen.
    assert rules(jax.nn.relu, values=True)
    at_the_kink = jax.grad(lambda x: ccjac.value_and_jacobian(jax.nn.relu)(x)[0].sum())(jnp.zeros(3))
    np.testing.assert_array_equal(at_the_kink, np.zeros(3))
    assert all(rules(fun, values=False) for fun in OWN.values())
