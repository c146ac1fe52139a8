"""Fused functions as callers use them: transformations, options, guards, fallbacks and bad input."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from test_whole_steps import assert_close, implicit_euler, newton

import ccjac

X = jnp.asarray(np.random.default_rng(3).uniform(0.3, 1.7, (6, 8)))
Y = jnp.asarray(np.random.default_rng(4).uniform(0.3, 1.7, (6, 3)) * np.array([1.0, 1e-4, 1.0]))


def test_one_kernel_call_and_nothing_else() -> None:
    text = jax.jit(jax.vmap(ccjac.fuse(newton))).lower(X).as_text()
    assert text.count("custom_call") == 1
    assert "lapack" not in text
    assert "lapack" in jax.jit(jax.vmap(newton)).lower(X).as_text()


def test_scan_over_fused_steps_of_a_batch() -> None:
    def trajectory(step: Any) -> Any:
        return lax.scan(lambda y, _: (batch := jax.vmap(step, (0, None))(y, 0.01), batch[:, 0]), Y, None, length=4)

    assert_close(jax.jit(trajectory, static_argnums=0)(ccjac.fuse(implicit_euler)), trajectory(implicit_euler))


def test_gradient_through_a_scan() -> None:
    def loss(step: Any, y: Any) -> Any:
        # Newton's step alone forgets where it came from.
        return jnp.sum(lax.scan(lambda y, _: (0.5 * (y + step(y)), None), y, None, length=3)[0] ** 2)

    found = jax.grad(loss, argnums=1)(jax.vmap(ccjac.fuse(newton)), X)
    assert_close(found, jax.grad(loss, argnums=1)(jax.vmap(newton), X))


@pytest.mark.parametrize("transformation", [jax.jacfwd, jax.jacrev, jax.hessian, ccjac.jacobian])
def test_jacobians_of_a_fused_function(transformation: Any) -> None:
    step = lambda x: x - jnp.linalg.solve(ccjac.jacobian(lambda x: x**3 - 2)(x), x**3 - 2)  # noqa: E731
    reference = jax.jacfwd if transformation is ccjac.jacobian else transformation
    assert_close(transformation(ccjac.fuse(step))(X[0, :3]), reference(step)(X[0, :3]))


def test_nested_batches_with_unbatched_operands() -> None:
    step = lambda x, y: jnp.sin(x) @ jnp.outer(x, y) + y  # noqa: E731
    nested = lambda f: jax.vmap(jax.vmap(f, (None, 0)), (1, None))  # noqa: E731
    assert_close(nested(ccjac.fuse(step))(X.T[:3], Y), nested(step)(X.T[:3], Y))


def test_containers_keywords_and_static_arguments() -> None:
    def step(state: dict[str, Any], *, gain: Any, kind: str) -> dict[str, Any]:
        turned = jnp.sin(state["x"]) if kind == "sine" else jnp.cos(state["x"])
        return {"x": state["x"] + gain * turned, "n": state["n"] + 1}

    state = {"x": X[0], "n": jnp.int32(4)}
    for kind in ("sine", "cosine"):
        assert_close(ccjac.fuse(step)(state, gain=0.5, kind=kind), step(state, gain=0.5, kind=kind))


def test_results_that_are_no_arrays() -> None:
    value, name, nothing = ccjac.fuse(lambda x: (x * 2, "step", None))(X[0])
    assert_close(value, X[0] * 2)
    assert (name, nothing) == ("step", None)


def test_a_changed_global_is_noticed() -> None:
    settings = {"gain": 1.0}
    fused = ccjac.fuse(lambda x: settings["gain"] * jnp.sin(x))
    before = fused(X[0])
    settings["gain"] = 3.0
    assert_close(fused(X[0]), 3 * before)


def test_captured_arrays_and_tracers() -> None:
    @jax.jit
    def run(matrix: Any, x: Any) -> Any:
        return jax.vmap(ccjac.fuse(lambda x: jnp.tanh(matrix @ x) + Y[0, 0]))(x)

    assert_close(run(X[:, :6], X[:, :6]), jnp.tanh(X[:, :6] @ X[:, :6].T).T + Y[0, 0])


def test_bare_and_with_options() -> None:
    @ccjac.fuse
    def bare(x: Any) -> Any:
        return jnp.sin(x) @ x

    @ccjac.fuse(executor="kernel", fastmath=True)
    def asked(x: Any) -> Any:
        return jnp.sin(x) @ x

    assert bare.__name__ == "bare"
    assert_close(jax.vmap(bare)(X), jax.vmap(asked)(X))


def test_values_where_python_needs_them() -> None:
    def step(x: Any) -> Any:
        return x * 2 if x[0] > 1 else x * 3

    fused = ccjac.fuse(step)
    assert_close(fused(X[0]), step(X[0]))
    assert fused.plan(X[0]).executor == "framework"


FALLBACKS = {
    "fft": (lambda x: jnp.fft.fft(x).real, "fft"),
    "while": (lambda x: lax.while_loop(lambda x: x[0] < 100, lambda x: x * 2, x), "depends on the arguments"),
    "large arrays": (lambda x: jnp.sin(jnp.outer(jnp.tile(x, 12), jnp.tile(x, 12))), "large arrays"),
    "huge": (lambda x: jnp.linalg.inv(jnp.eye(60) + x[0]), "scalar operations"),
}


@pytest.mark.parametrize("name", FALLBACKS)
def test_what_does_not_pay_runs_as_it_is(name: str) -> None:
    step, word = FALLBACKS[name]
    plan = ccjac.fuse(step).plan(X[0])
    assert (plan.source, plan.executor) == ("fallback", "framework")
    assert word in plan.reason
    assert word in plan.describe()
    assert_close(jax.vmap(ccjac.fuse(step))(X), jax.vmap(step)(X))
    with pytest.raises(ccjac.BackendError, match="kernel"):
        ccjac.fuse(FALLBACKS["while"][0], executor="kernel")(X[0])


def test_random_keys_and_side_effects_run_as_they_are() -> None:
    draw = lambda key, x: x + jax.random.normal(key, x.shape)  # noqa: E731
    assert_close(ccjac.fuse(draw)(jax.random.key(0), X[0]), draw(jax.random.key(0), X[0]))
    seen: list[float] = []

    def noisy(x: Any) -> Any:
        jax.debug.callback(lambda v: seen.append(float(v)), x[0])
        return x + 1

    assert_close(ccjac.fuse(noisy)(X[0]), X[0] + 1)
    jax.effects_barrier()
    assert seen == [float(X[0, 0])]


def test_plain_operations_are_the_function_itself() -> None:
    fused = ccjac.fuse(newton, executor="ops")
    assert fused.plan(X[0]).reason == "asked for"
    assert_close(jax.vmap(fused)(X), jax.vmap(newton)(X))


def test_plan_and_export() -> None:
    plan = ccjac.fuse(implicit_euler).plan(Y[0], 0.01)
    assert plan.operations > 100
    assert f"{plan.operations:,} operations" in plan.describe()
    assert_close(jnp.asarray(plan.to_numpy()(np.asarray(Y[0]), 0.01)), implicit_euler(Y[0], 0.01))
    assert "void implicit_euler_fused(" in plan.to_c().header
    with pytest.raises(ccjac.UnsupportedError, match="fused function"):
        plan.picture()


def test_a_plan_in_a_file(tmp_path: Any) -> None:
    path = tmp_path / "plan.json"
    ccjac.fuse(newton).plan(X[0]).save(path)
    assert ccjac.Plan.load(path).source == "fused"


def test_prepared_ahead() -> None:
    fused = ccjac.fuse(newton)
    assert ccjac.prepare(fused, jax.ShapeDtypeStruct((8,), jnp.float64)).executor == "kernel"
    assert_close(fused(X[0]), newton(X[0]))


def test_errors_of_the_function_are_its_own() -> None:
    with pytest.raises(TypeError, match="incompatible shapes"):
        ccjac.fuse(lambda x: x @ jnp.ones(5) if False else x + jnp.ones(5))(X[0])


def test_no_forward_mode_where_jax_has_none() -> None:
    @jax.custom_vjp
    def own(x: Any) -> Any:
        return jnp.sin(x)

    own.defvjp(lambda x: (jnp.sin(x), x), lambda x, ct: (2 * ct,))
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jit(lambda x: jax.jvp(ccjac.fuse(own), (x,), (x,)))(X[0])


def test_bad_requests() -> None:
    with pytest.raises(ccjac.InputError, match=r"`ccjac\.fuse`"):
        ccjac.fuse(X)  # type: ignore[arg-type]
    with pytest.raises(ccjac.CcjacError, match="executor"):
        ccjac.fuse(newton, executor="kernal")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="argnums"):
        ccjac.fuse(newton, argnums=0)  # type: ignore[call-arg]
    with pytest.raises(ccjac.UnsupportedError, match="no graph"):
        ccjac.fuse(newton).graph(X[0])  # type: ignore[attr-defined]
    with pytest.raises(ccjac.InputError, match="compares Jacobians"):
        ccjac.check(ccjac.fuse(newton), X[0])


def test_tensors_are_refused_by_name() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(ccjac.BackendError, match="JAX"):
        ccjac.fuse(lambda x: x * 2)(torch.ones(2))
