"""Work on whole paths joins the loop that makes them, in JAX's values and derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import ccjac

N = 400
DATA = np.random.default_rng(4).normal(size=(N, 2))
W = np.random.default_rng(5).normal(size=(2, 3))
X = np.array([0.9, 0.8, 0.3, 0.5])


def path(x: Any, *, backwards: bool = False) -> Any:
    def step(c: Any, r: Any) -> tuple[Any, Any]:
        c = jnp.sin(c) * x[:2] + 0.1 * r * x[2]
        return c, c

    return lax.scan(step, x[1:3], jnp.asarray(DATA), reverse=backwards)


def _only(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: f(path(x)[1])


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "mean square": _only(lambda y: jnp.mean((y - DATA) ** 2)),
    "both ends": _only(lambda y: y[-1] * y[0]),
    "a row at a known place": _only(lambda y: lax.dynamic_slice(y, (jnp.array(N + 5), 1), (1, 1)) * y[0]),
    "an entry": _only(lambda y: y[17, 1]),
    "column by column": _only(lambda y: jnp.stack([y[:, 0] @ DATA[:, 1], jnp.sum(y[:, 1])])),
    "product of matrices": _only(lambda y: jnp.sum(jnp.tanh(y @ W), 0)),
    "outer products": _only(lambda y: jnp.einsum("ti,tj->ij", y, y + DATA) / N),
    "norms": _only(lambda y: jnp.linalg.norm(y, axis=1).sum()),
    "largest of every row": _only(lambda y: jnp.sum(jnp.max(y, 1) * jnp.exp(jnp.min(y, 1)))),
    "scaled by what comes later": lambda x: (lambda r: jnp.sum(r[1] ** 2) * jnp.sum(r[1] * r[0]))(path(x)),
    "two sums": _only(lambda y: (jnp.mean(y, 0), jnp.mean((y - jnp.mean(y, 0)) ** 2))),
    "the path as well": _only(lambda y: (y[:3], y * 2.0, jnp.sum(y[:, 0]))),
    "backwards": lambda x: jnp.sum(path(x, backwards=True)[1] * DATA),
    "shape and order of axes": _only(lambda y: jnp.sum(y.reshape(N, 1, 2).transpose(0, 2, 1)[:, :, 0] * DATA, 0)),
    "conditions": _only(lambda y: jnp.sum(jnp.where(y > 0.1, y, 0.01 * y))),
    "columns joined": _only(lambda y: jnp.sum(jnp.concatenate([y, y[:, :1] * 2.0], 1) ** 2, 0)),
    "work on rows before the loop": lambda x: lax.scan(
        lambda c, r: (0.9 * c + jnp.sum(r), None), x[0], jnp.sin(jnp.asarray(DATA) * x[1])
    )[0],
    "counts": _only(lambda y: jnp.sum(y * (jnp.sum(y > 0.0).astype(float) + 1.0))),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_in_jax(name: str) -> None:
    f, x = FUNCTIONS[name], jnp.asarray(X)
    plan = ccjac.plan(f, x)
    assert plan.source == "loops", plan.reason
    value, jacobian = ccjac.value_and_jacobian(f)(x)
    for found, expected in ((value, f(x)), (jacobian, jax.jit(jax.jacfwd(f))(x))):
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * max(1.0, float(jnp.max(jnp.abs(b), initial=0.0))))
    batch = jnp.stack([x, x * 0.5, x + 0.1])
    expected = jax.jit(jax.vmap(jax.jacrev(f)))(batch)
    for a, b in zip(jax.tree.leaves(jax.vmap(ccjac.jacobian(f))(batch)), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * max(1.0, float(jnp.max(jnp.abs(b), initial=0.0))))


def test_a_loss_is_one_loop_and_a_few_operations() -> None:
    plan = ccjac.plan(FUNCTIONS["mean square"], X)
    assert sum(steps == N for steps, _, _ in plan.segments) == 1
    assert any("scan at test_rows.py" in label for _, label, _ in plan.segments)
    assert all(p.graph.size < 100 for _, _, p in plan.segments)


def test_what_mixes_rows_is_left_to_the_framework() -> None:
    for f in (_only(lambda y: jnp.max(y)), _only(lambda y: jnp.sum(jnp.cumsum(y, 0) ** 2))):
        plan = ccjac.plan(f, X)
        assert plan.source == "fallback"
        assert "not rows of a loop" in plan.reason
        np.testing.assert_allclose(ccjac.jacobian(f)(jnp.asarray(X)), jax.jacfwd(f)(jnp.asarray(X)), rtol=1e-12)
