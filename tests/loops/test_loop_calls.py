"""Loops behind the public functions: under JAX's transformations, in plans, in the zoo, and where they do not pay."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

import ccjac
from ccjac_jax.features import features

X = np.array([0.7, 0.3, 1.1])


def damped(x: Any, n: int = 3000, *, h: float = 1e-3) -> Any:
    """A pendulum whose constants are an argument's entries."""

    def step(s: Any, _: Any) -> Any:
        angle, speed = s
        return (angle + h * speed, speed - h * (x[1] * jnp.sin(angle) + x[2] * speed)), None

    return jnp.stack(lax.scan(step, (x[0], x[1] * 0.1), None, length=n)[0])


def newton(x: Any) -> Any:
    def going(s: Any) -> Any:
        return jnp.abs(s * s - x[0]) > 1e-12

    return lax.while_loop(going, lambda s: 0.5 * (s + x[0] / s), x[1])


def _same(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    found, expected = jax.tree.leaves(found), jax.tree.leaves(expected)
    assert [f.shape for f in found] == [e.shape for e in expected]
    assert [f.dtype for f in found] == [e.dtype for e in expected]
    for f, e in zip(found, expected, strict=True):
        scale = max(float(jnp.max(jnp.abs(e), initial=0.0)), 1.0)
        np.testing.assert_allclose(f, e, rtol=tolerance, atol=tolerance * scale)


def test_the_plan_says_which_loop_how_often_and_by_what() -> None:
    plan = ccjac.plan(damped, X)
    assert (plan.source, plan.executor, plan.direction) == ("loops", "kernel", "forward")
    assert [steps for steps, _, _ in plan.segments] == [1, 3000, 1]
    text = str(plan)
    assert "3,000" in text
    assert "scan at test_loop_calls.py" in text
    assert "loops, because" in text
    assert [steps for steps, _, _ in ccjac.plan(newton, X).segments] == [1, None]
    assert "until done" in str(ccjac.plan(newton, X))


def test_a_plan_can_be_given() -> None:
    plan = ccjac.plan(damped, X, order="forward")
    assert {p.source for _, _, p in plan.segments} == {"given"}
    again = ccjac.plan(damped, X, order=plan)
    assert [p.order for _, _, p in again.segments] == [p.order for _, _, p in plan.segments]
    _same(ccjac.jacobian(damped, order=plan)(jnp.asarray(X)), jax.jacfwd(damped)(jnp.asarray(X)))
    with pytest.raises(ccjac.UnsupportedError, match="has loops"):
        plan.to_c()


def test_steps_cost_nothing_before_run_time() -> None:
    few, many = (ccjac.plan(functools.partial(damped, n=n), X) for n in (3_000, 100_000))
    assert [p.fingerprint for _, _, p in few.segments] == [p.fingerprint for _, _, p in many.segments]
    assert [p.order for _, _, p in few.segments] == [p.order for _, _, p in many.segments]


def test_equal_bodies_share_an_entry_of_the_zoo(zoo_directory: Any) -> None:
    def twice(x: Any) -> Any:
        step = lambda c, _: (jnp.sin(c) * x[0] + jnp.cos(c) * x[1] + x[2], None)  # noqa: E731
        first = lax.scan(step, x[0], None, length=4000)[0]
        return lax.scan(step, first, None, length=5000)[0]

    ccjac.jacobian(twice)(X)
    loops = [p for n, _, p in ccjac.plan(twice, X).segments if n != 1]
    assert len(loops) == 2
    assert len({p.fingerprint for p in loops}) == 1


TRANSFORMED = {
    "as it is": lambda jacobian, f, x: jacobian(f)(x),
    "jit": lambda jacobian, f, x: jax.jit(jacobian(f))(x),
    "vmap": lambda jacobian, f, x: jax.vmap(jacobian(f))(jnp.stack([x, x * 1.1, x * 0.9, x, x])),
    "vmap twice": lambda jacobian, f, x: jax.vmap(jax.vmap(jacobian(f)))(jnp.stack([x, x * 1.1])[:, None]),
    "grad": lambda jacobian, f, x: jax.grad(lambda x: jnp.sum(jacobian(f)(x) ** 2))(x),
    "batched grad": lambda jacobian, f, x: jax.vmap(jax.grad(lambda x: jnp.sum(jacobian(f)(x) ** 2)))(x[None] * 1.1),
    "jvp": lambda jacobian, f, x: jax.jvp(jacobian(f), (x,), (x + 1,)),
    "hessian": lambda jacobian, f, x: jax.jacfwd(jacobian(f))(x),
    "closure over a traced value": lambda jacobian, f, x: jax.jit(lambda x, a: jacobian(lambda y: f(y * a))(x))(
        x, x[0]
    ),
    "closure over a batched value": lambda jacobian, f, x: jax.vmap(lambda a: jacobian(lambda y: f(y) * a)(x))(x),
    "inside a scan": lambda jacobian, f, x: lax.scan(lambda c, _: (c * 0.9, jacobian(f)(c)), x, None, length=3),
}


@pytest.mark.parametrize("name", TRANSFORMED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_transformations(name: str, dtype: str) -> None:
    f, x = functools.partial(damped, h=np.dtype(dtype).type(1e-3)), jnp.asarray(X, dtype)
    expected = TRANSFORMED[name](jax.jacfwd, f, x)
    _same(TRANSFORMED[name](ccjac.jacobian, f, x), expected, 1e-9 if dtype == "float64" else 2e-3)


def test_values_and_auxiliary_results() -> None:
    def f(x: Any) -> Any:
        last = damped(x)
        return {"last": last, "x": x[0]}, (last * 2, jnp.arange(3))

    (value, aux), jacobian = ccjac.value_and_jacobian(f, has_aux=True)(jnp.asarray(X))
    expected, expected_aux = f(jnp.asarray(X))
    _same((value, aux), (expected, expected_aux))
    _same(jacobian, jax.jacfwd(f, has_aux=True)(jnp.asarray(X))[0])


def test_loops_of_unknown_length() -> None:
    batch = jnp.asarray(np.random.default_rng(0).uniform(0.5, 30.0, (37, 3)))
    assert ccjac.plan(newton, X).source == "loops"
    _same(jax.vmap(ccjac.jacobian(newton))(batch), jax.vmap(jax.jacfwd(newton))(batch))
    _same(ccjac.jacobian(newton)(batch[0]), jax.jacfwd(newton)(batch[0]))


def test_derivatives_of_second_order() -> None:
    f = lambda x: jnp.sum(damped(x, 500) ** 2)  # noqa: E731
    _same(ccjac.hessian(f)(jnp.asarray(X)), jax.hessian(f)(jnp.asarray(X)))


def test_a_linear_loop_has_a_constant_jacobian() -> None:
    f = lambda x: lax.scan(lambda c, _: (0.9 * c + 0.1 * jnp.roll(c, 1), None), x, None, length=20_000)[0]  # noqa: E731
    assert ccjac.plan(f, X).source == "constant"
    _same(ccjac.jacobian(f)(jnp.asarray(X)), jax.jacfwd(f)(jnp.asarray(X)))
    # The state at the first call is no part of it, a coefficient that is an operand is.
    g = lambda x: lax.scan(lambda c, _: (x[0] * c, None), x, None, length=20_000)[0]  # noqa: E731
    assert ccjac.plan(g, X).source == "loops"


def test_large_steps_are_left_to_the_framework() -> None:
    w = np.eye(40) * 0.5 + 0.01

    def f(x: Any) -> Any:
        return lax.scan(lambda c, _: (jnp.tanh(w @ c), None), x, None, length=3000)[0]

    plan = ccjac.plan(f, np.ones(40))
    assert plan.source == "fallback"
    assert "no loops" in plan.reason
    assert ccjac.plan(damped, X, executor="ops").source == "fallback"


def test_accelerators_run_plain_operations() -> None:
    lowered = jax.jit(ccjac.jacobian(damped)).trace(jnp.asarray(X)).lower(lowering_platforms=("cuda",))
    assert "ccjac_loops" not in lowered.as_text()
    assert "ccjac_loops" in jax.jit(ccjac.jacobian(damped)).lower(jnp.asarray(X)).as_text()


def test_nan_and_infinity_run_through() -> None:
    f = lambda x: lax.scan(lambda c, _: (c * c * x[0], None), x[1], None, length=5000)[0]  # noqa: E731
    x = jnp.array([[2.0, 3.0, 0.0], [0.5, 0.1, 0.0], [jnp.nan, 1.0, 0.0]])
    found, expected = jax.vmap(ccjac.jacobian(f))(x), jax.vmap(jax.jacfwd(f))(x)
    # JAX multiplies infinite slopes by the zero tangents of other entries, too; a structural zero stays zero here.
    np.testing.assert_array_equal(np.where(jnp.isnan(expected), 0.0, found), jnp.nan_to_num(expected, posinf=jnp.inf))
    assert np.isnan(found[2, :2]).all()
    assert np.isinf(found[0, 0])


def test_estimates_know_no_steps() -> None:
    closed = jax.make_jaxpr(damped)(X)
    assert features(closed, 1, 1).inputs == 3


@settings(max_examples=12)
@given(st.data())
def test_random_bodies(data: Any) -> None:
    """Any composition of a few operations as a body, with constants, sequences and outputs of every step."""
    unary = [jnp.sin, jnp.tanh, lambda a: a * a * 0.3, lambda a: 0.5 * a, jnp.exp]
    binary = [jnp.add, jnp.multiply, jnp.subtract, jnp.maximum]
    n_state = data.draw(st.integers(1, 3))
    recipe = data.draw(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 99), st.integers(0, 99)), max_size=7))
    backwards, inner = data.draw(st.booleans()), data.draw(st.booleans())
    rows = np.random.default_rng(3).normal(size=(800, 1))

    def f(x: Any) -> Any:
        def step(c: Any, row: Any) -> Any:
            pool = [c[k] for k in range(n_state)] + [x[0], x[2], row[0]]
            for op, a, b in recipe:
                a, b = pool[a % len(pool)], pool[b % len(pool)]
                pool.append(unary[op](0.3 * a) if op < len(unary) else binary[op - len(unary)](a, b))
            new = jnp.stack([jnp.tanh(0.4 * pool[-1 - k] + 0.2 * c[k]) for k in range(n_state)])
            if inner:
                new = lax.fori_loop(0, 2, lambda _, s: s * 0.9 + 0.01 * x[1], new)
            return new, new[0] * pool[-1]

        last, path = lax.scan(step, jnp.ones(n_state) * x[1], jnp.asarray(rows), reverse=backwards)
        return last, path[7], path[-1] * x[0]

    x = jnp.asarray(X)
    _same(ccjac.jacobian(f)(x), jax.jit(jax.jacfwd(f))(x))
    batch = jnp.stack([x, x * 0.5, -x])
    _same(jax.vmap(ccjac.jacobian(f))(batch), jax.jit(jax.vmap(jax.jacfwd(f)))(batch))


def test_random_keys_are_left_to_the_framework() -> None:
    def f(x: Any) -> Any:
        def step(c: Any, key: Any) -> Any:
            return jnp.sin(c) * x + 0.1 * jax.random.normal(key, (3,)), None

        return lax.scan(step, x, jax.random.split(jax.random.key(0), 3000))[0]

    assert ccjac.plan(f, X).source == "fallback"
    _same(ccjac.jacobian(f)(jnp.asarray(X)), jax.jacfwd(f)(jnp.asarray(X)))


def test_rules_of_users_inside_a_body() -> None:
    @jax.custom_vjp
    def sine(x: Any) -> Any:
        return jnp.sin(x)

    sine.defvjp(lambda x: (jnp.sin(x), x), lambda x, ct: (2 * ct * jnp.cos(x),))

    def f(x: Any) -> Any:
        def step(c: Any, _: Any) -> Any:
            return 0.3 * jax.nn.softplus(sine(c)) + 0.1 * jax.nn.relu(c * x), None

        return lax.scan(step, x, None, length=3000)[0]

    assert ccjac.plan(f, X).source == "loops"
    _same(ccjac.jacobian(f)(jnp.asarray(X)), jax.jacrev(f)(jnp.asarray(X)))
