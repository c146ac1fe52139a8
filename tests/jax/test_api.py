"""The decorator as a drop-in: containers, arguments, transformations, errors."""

from __future__ import annotations

import functools
import logging
import threading
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import ccjac
from oracles import assert_same

X = jnp.array([0.3, -0.7, 1.9])


class Pair(NamedTuple):
    a: Any
    b: Any


def residual(x: Any) -> Any:
    return jnp.stack([jnp.sin(x[0]) * x[1], jnp.exp(x[1] * x[2]), x[0] / (1.0 + x[2] ** 2)])


def trees(p: Any, q: Any, *, scale: float = 1.0, names: tuple[str, ...] = ("u",)) -> Any:
    u = p["w"] @ q.a * scale
    return {names[0]: jnp.tanh(u), "rest": [Pair(q.b * jnp.sum(u), p["w"][0])]}


P = {"w": jnp.array([[0.1, 0.2, 0.3], [0.4, -0.5, 0.6]])}
Q = Pair(jnp.array([1.0, 2.0, -1.0]), jnp.array(0.7))


@pytest.mark.parametrize("argnums", [0, 1, (0,), (1, 0), (0, 1), -1])
def test_containers_nest_as_in_jax(argnums: Any) -> None:
    actual = ccjac.jacobian(trees, argnums=argnums)(P, Q, scale=2.0, names=("v",))
    assert_same(actual, jax.jacrev(trees, argnums=argnums)(P, Q, scale=2.0, names=("v",)))


def test_all_three_ways_to_call() -> None:
    expected = jax.jacfwd(residual)(X)
    assert_same(ccjac.jacobian(residual)(X), expected)
    assert_same(ccjac.jacobian(argnums=0)(residual)(X), expected)

    @ccjac.jacobian
    def decorated(x: Any) -> Any:
        """Doc."""
        return residual(x)

    assert_same(decorated(X), expected)
    assert decorated.__name__ == "decorated"
    assert decorated.__doc__ == "Doc."
    assert_same(decorated.__wrapped__(X), residual(X))


def test_methods_can_be_decorated() -> None:
    class Model:
        gain = 3.0

        @ccjac.jacobian(argnums=1)
        def slope(self, x: Any) -> Any:
            return self.gain * x**2

    assert_same(Model().slope(X), jnp.diag(6.0 * X))


def test_value_and_jacobian() -> None:
    value, jacobian = ccjac.value_and_jacobian(residual)(X)
    assert_same(value, residual(X))
    assert_same(jacobian, jax.jacfwd(residual)(X))


def with_aux(x: Any) -> Any:
    return residual(x), {"norm": jnp.sum(x**2), "count": jnp.argmax(x), "flag": x[0] > 0.0, "fixed": 3}


def test_has_aux() -> None:
    jacobian, aux = ccjac.jacobian(with_aux, has_aux=True)(X)
    expected, expected_aux = jax.jacfwd(with_aux, has_aux=True)(X)
    assert_same(jacobian, expected)
    assert aux["fixed"] == expected_aux["fixed"] == 3
    assert_same(*(jax.tree.map(jnp.asarray, a) for a in (aux, expected_aux)))
    (value, aux), jacobian = ccjac.value_and_jacobian(with_aux, has_aux=True)(X)
    assert_same(value, residual(X))
    assert_same(aux["norm"], jnp.sum(X**2))
    assert_same(jacobian, expected)


def test_hessian() -> None:
    def energy(x: Any, p: Any) -> Any:
        return jnp.sum(jnp.sin(x) * p) ** 2

    p = jnp.array([1.0, 2.0, 3.0])
    assert_same(ccjac.hessian(energy)(X, p), jax.hessian(energy)(X, p))
    assert_same(ccjac.hessian(energy, argnums=(0, 1))(X, p), jax.hessian(energy, argnums=(0, 1))(X, p))
    assert_same(ccjac.hessian(residual)(X), jax.hessian(residual)(X))

    @ccjac.hessian(has_aux=True)
    def both(x: Any) -> Any:
        return energy(x, p), x[0] * 2.0

    hessian, aux = both(X)
    assert_same(hessian, jax.hessian(energy)(X, p))
    assert_same(aux, X[0] * 2.0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_types_are_those_of_jacfwd(dtype: str) -> None:
    x = X.astype(dtype)
    actual, expected = ccjac.jacobian(residual)(x), jax.jacfwd(residual)(x)
    assert actual.dtype == expected.dtype
    tolerance = 4 * float(jnp.finfo(x.dtype).eps)
    np.testing.assert_allclose(actual.astype(float), expected.astype(float), rtol=tolerance, atol=tolerance)


def test_python_and_numpy_numbers() -> None:
    assert_same(ccjac.jacobian(lambda x: x**2)(3.0), jax.jacfwd(lambda x: x**2)(3.0))
    assert_same(ccjac.jacobian(residual)(np.array(X)), jax.jacfwd(residual)(np.array(X)))


def test_mixed_precision() -> None:
    def f(x: Any) -> Any:
        y = jnp.sin(x).astype(jnp.float32)
        return y * y, jnp.exp(y.astype(jnp.float64))

    x = jnp.array([0.25, -0.5])
    for actual, expected in zip(ccjac.jacobian(f)(x), jax.jacfwd(f)(x), strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


BATCH = jnp.stack([X, 2.0 * X, X - 0.5, -X])


def test_jit_vmap_and_nested_vmap() -> None:
    jacobian, reference = ccjac.jacobian(residual), jax.jacfwd(residual)
    assert_same(jax.jit(jacobian)(X), reference(X))
    assert_same(jax.vmap(jacobian)(BATCH), jax.vmap(reference)(BATCH))
    assert_same(jax.jit(jax.vmap(jacobian))(BATCH), jax.vmap(reference)(BATCH))
    nested = BATCH.reshape(2, 2, 3)
    assert_same(jax.vmap(jax.jit(jax.vmap(jacobian)))(nested), jax.vmap(jax.vmap(reference))(nested))
    assert_same(jax.vmap(jacobian, in_axes=1, out_axes=2)(BATCH.T), jax.vmap(reference, in_axes=1, out_axes=2)(BATCH.T))


def test_vmap_over_one_of_two_arguments() -> None:
    def f(x: Any, a: Any) -> Any:
        return jnp.sin(a * x) * x[0]

    actual = jax.vmap(ccjac.jacobian(f), in_axes=(None, 0))(X, jnp.array([1.0, 2.0]))
    assert_same(actual, jax.vmap(jax.jacfwd(f), in_axes=(None, 0))(X, jnp.array([1.0, 2.0])))


def test_derivatives_of_the_jacobian() -> None:
    def measure(jacobian: Any) -> Any:
        return lambda x: jnp.sum(jacobian(residual)(x) ** 2)

    ours, theirs = measure(ccjac.jacobian), measure(jax.jacfwd)
    assert_same(jax.grad(ours)(X), jax.grad(theirs)(X))
    assert_same(jax.jit(jax.grad(ours))(X), jax.grad(theirs)(X))
    tangent = jnp.ones_like(X)
    assert_same(jax.jvp(ours, (X,), (tangent,)), jax.jvp(theirs, (X,), (tangent,)))
    assert_same(ccjac.jacobian(ccjac.jacobian(residual))(X), jax.jacfwd(jax.jacrev(residual))(X))


def test_jacobians_of_jacobians_are_expanded() -> None:
    def rows(jacobian: Any) -> Any:
        return lambda x, y: jax.vmap(lambda row: jnp.sum(jacobian(lambda r, s: residual(r * s))(row, y), 1))(x)

    for argnum in (0, 1):
        twice = ccjac.jacobian(rows(ccjac.jacobian), argnums=argnum)
        assert_same(twice(BATCH, X), jax.jacfwd(rows(jax.jacfwd), argnums=argnum)(BATCH, X))
    plan = ccjac.plan(ccjac.jacobian(residual), X)
    assert plan.graph is not None, plan.reason


def test_inside_scan_and_loops() -> None:
    def newton(jacobian: Any, x: Any) -> Any:
        def step(z: Any, _: Any) -> Any:
            return z - jnp.linalg.solve(jacobian(residual)(z) + 3.0 * jnp.eye(3), residual(z)), jnp.sum(z)

        return lax.scan(step, x, None, length=4)

    assert_same(newton(ccjac.jacobian, X), newton(jax.jacfwd, X))
    ours = lax.fori_loop(0, 3, lambda _, z: 0.1 * ccjac.jacobian(residual)(z) @ z, X)
    assert_same(ours, lax.fori_loop(0, 3, lambda _, z: 0.1 * jax.jacfwd(residual)(z) @ z, X))


def test_closures_over_values_of_an_enclosing_trace() -> None:
    def outer(jacobian: Any) -> Any:
        return lambda x, a: jnp.sum(jacobian(lambda y: a * jnp.sin(y) * y[0])(x))

    for transform in (lambda f: f, jax.jit, lambda f: jax.grad(f, argnums=1)):
        assert_same(transform(outer(ccjac.jacobian))(X, 2.0), transform(outer(jax.jacfwd))(X, 2.0))

    # One function object, different enclosing traces: nothing may leak from one into the other.
    shared: dict[str, Any] = {}
    jacobian = ccjac.jacobian(lambda y: shared["a"] * jnp.sin(y))

    def run(x: Any, a: Any) -> Any:
        shared["a"] = a
        return jnp.sum(jacobian(x))

    for a in (2.0, 3.0):
        assert_same(jax.jit(run)(X, a), a * jnp.sum(jnp.cos(X)))


def test_sharded_batches() -> None:
    mesh = jax.make_mesh((1,), ("i",))
    spec = jax.sharding.PartitionSpec("i")
    mapped = jax.shard_map(jax.vmap(ccjac.jacobian(residual)), mesh=mesh, in_specs=spec, out_specs=spec)
    batch = jax.device_put(BATCH, jax.sharding.NamedSharding(mesh, spec))
    assert_same(jax.jit(mapped)(batch), jax.vmap(jax.jacfwd(residual))(BATCH))


def test_static_arguments_steer_the_trace() -> None:
    def f(x: Any, n: int, flag: bool, name: str) -> Any:
        for _ in range(n):
            x = jnp.sin(x) if flag else getattr(jnp, name)(x)
        return x

    jacobian = ccjac.jacobian(f)
    for n, flag in ((1, True), (3, True), (3, False), (0, False)):
        assert_same(jacobian(X, n, flag, "cos"), jax.jacfwd(f)(X, n, flag, "cos"))


def test_floats_do_not_retrace() -> None:
    traces = []

    @ccjac.jacobian
    def f(x: Any, dt: Any) -> Any:
        traces.append(1)
        return dt * jnp.sin(x)

    for dt in (0.1, 0.2, 0.3):
        assert_same(f(X, dt), jnp.diag(dt * jnp.cos(X)))
    assert len(traces) == 1


@pytest.mark.parametrize("order", ["auto", "forward", "reverse", "markowitz", "greedy"])
def test_named_orders(order: str) -> None:
    assert_same(ccjac.jacobian(residual, order=order)(X), jax.jacfwd(residual)(X))


def test_orders_and_plans_as_arguments() -> None:
    graph = ccjac.trace(residual, X)
    explicit = sorted(graph.eliminable, reverse=True)
    plan = ccjac.plan(residual, X, order=explicit)
    assert plan.source == "given"
    assert plan.multiplications == ccjac.evaluate_order(graph, explicit)
    assert plan.structural == ccjac.evaluate_order(graph, explicit, "structural")
    for order in (explicit, tuple(explicit), np.array(explicit), plan):
        assert_same(ccjac.jacobian(residual, order=order)(X), jax.jacfwd(residual)(X))
    with pytest.raises(ccjac.OrderError, match="Plan"):
        ccjac.jacobian(lambda x: jnp.sin(x) * x[0], order=plan)(X)


@pytest.mark.parametrize("bad", ["nonsense", [0], [10**9], [], [3.5], None])
def test_bad_orders_name_the_remedy(bad: Any) -> None:
    with pytest.raises(ccjac.OrderError, match="order"):
        ccjac.jacobian(residual, order=bad)(X)


def test_duplicate_and_unknown_names() -> None:
    graph = ccjac.trace(residual, X)
    with pytest.raises(ccjac.OrderError, match="twice"):
        ccjac.jacobian(residual, order=[*graph.eliminable, graph.eliminable[0]])(X)
    with pytest.raises(ccjac.OrderError, match="markowitz"):
        ccjac.jacobian(residual, order="markowits")(X)


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (jnp.arange(3), "int"),
        (3, "int"),
        (jnp.ones(3, bool), "bool"),
        (X.astype(complex), "imaginary"),
        ("text", "str"),
        ({"a": X, "b": object()}, "object"),
    ],
)
def test_inputs_without_a_jacobian(argument: Any, words: str) -> None:
    with pytest.raises(ccjac.InputError, match=words):
        ccjac.jacobian(lambda x: jax.tree.leaves(x)[0] * 1.0)(argument)


@pytest.mark.parametrize("output", ["text", None, object()])
def test_outputs_that_are_no_arrays(output: Any) -> None:
    if output is None:
        assert ccjac.jacobian(lambda x: None)(X) is None
        return
    with pytest.raises(ccjac.InputError, match="has_aux"):
        ccjac.jacobian(lambda x: (x, output))(X)


def test_integer_outputs() -> None:
    for fun in (jnp.argmax, lambda x: (x * 2.0, {"index": jnp.argsort(x)})):
        assert_same(ccjac.jacobian(fun)(X), jax.jacfwd(fun)(X))


def test_argnums_out_of_range() -> None:
    for argnums in (1, -2, (0, 0)):
        with pytest.raises(ccjac.InputError, match="argnums"):
            ccjac.jacobian(residual, argnums=argnums)(X)
    with pytest.raises(ccjac.InputError, match="argnums"):
        ccjac.jacobian(residual, argnums="x")  # type: ignore[arg-type]


def test_unknown_options() -> None:
    with pytest.raises(ccjac.CcjacError, match="granularity"):
        ccjac.jacobian(residual, granularity="fine")  # type: ignore[arg-type]
    with pytest.raises(ccjac.CcjacError, match="executor"):
        ccjac.jacobian(residual, executor="fast")  # type: ignore[arg-type]
    with pytest.raises(ccjac.BackendError, match="jax"):
        ccjac.jacobian(residual, backend="numpy")(X)
    with pytest.raises(ccjac.UnsupportedError, match="tensor"):
        ccjac.trace(residual, X, granularity="tensor")


def test_branches_on_data_work_as_in_jax() -> None:
    def branching(x: Any) -> Any:
        return x**2 if x[0] > 0 else -x

    for x in (X, -X):
        assert_same(ccjac.jacobian(branching)(x), jax.jacfwd(branching)(x))
    assert "TracerBoolConversionError" in ccjac.plan(branching, X).reason
    with pytest.raises(jax.errors.TracerBoolConversionError):
        jax.jit(ccjac.jacobian(branching))(X)


def test_errors_of_the_function_pass_through() -> None:
    def broken(x: Any) -> Any:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        ccjac.jacobian(broken)(X)


def eigenvalues(x: Any) -> Any:
    return jnp.linalg.eigvalsh(jnp.outer(x, x) + jnp.diag(x))


def counted(x: Any) -> Any:
    return lax.while_loop(lambda s: jnp.sum(s) < 50.0, lambda s: s * 2.0 + 1.0, x)


def keyed(x: Any) -> Any:
    return x * jax.random.normal(jax.random.key(0), (3,), dtype=x.dtype)


def complex_inside(x: Any) -> Any:
    return jnp.abs(jnp.fft.fft(x))


def printing(x: Any) -> Any:
    jax.debug.print("x = {}", x[0])
    return x**2


@jax.custom_vjp
def clipped_gradient(x: Any) -> Any:
    return x**2


clipped_gradient.defvjp(lambda x: (x**2, x), lambda x, ct: (jnp.clip(2.0 * x * ct, -1.0, 1.0),))


@pytest.mark.parametrize("fun", [counted])
def test_what_does_not_expand_is_no_reason_to_fall_back(fun: Any) -> None:
    assert ccjac.plan(fun, X).executor == "kernel"
    assert_same(jax.vmap(ccjac.jacobian(fun))(BATCH), jax.vmap(jax.jacfwd(fun))(BATCH))


@pytest.mark.parametrize("fun", [eigenvalues, complex_inside, lambda x: jnp.ones((400, 400)) * jnp.exp(x[0])])
def test_everything_else_falls_back(fun: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ccjac"):
        jacobian = ccjac.jacobian(fun)
        for _ in range(2):
            assert_same(jacobian(X), jax.jacfwd(fun)(X))
    assert len(caplog.records) == 1
    plan = ccjac.plan(fun, X)
    assert plan.source == "fallback"
    assert plan.reason
    assert "fallback" in repr(plan)
    assert_same(jax.vmap(jacobian)(BATCH), jax.vmap(jax.jacfwd(fun))(BATCH))


def test_operations_that_jax_cannot_differentiate_raise_its_error() -> None:
    with pytest.raises(NotImplementedError, match="zeta"):
        ccjac.jacobian(lambda x: jax.lax.zeta(x + 2.0, x + 1.0))(X)


def test_an_unforeseen_operation_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(*_: Any) -> Any:
        raise KeyError("unforeseen")

    monkeypatch.setattr("ccjac_jax.elementwise.apply", stumble)
    ccjac.clear_caches()
    with pytest.raises(KeyError, match="unforeseen"):
        ccjac.jacobian(residual)(X)
    monkeypatch.setenv("CCJAC_STRICT", "0")
    with caplog.at_level(logging.WARNING, "ccjac"):
        assert_same(ccjac.jacobian(residual)(X), jax.jacfwd(residual)(X))
    assert any("residual" in r.getMessage() and "please report" in r.getMessage() for r in caplog.records)
    assert "unforeseen" in ccjac.plan(residual, X).reason


def test_fallback_of_functions_with_reverse_mode_only() -> None:
    fun = lambda x: clipped_gradient(jnp.sin(x))  # noqa: E731
    assert_same(ccjac.jacobian(fun)(X), jax.jacrev(fun)(X))


def test_fallback_keeps_values_and_aux() -> None:
    fun = lambda x: (eigenvalues(x), x[0])  # noqa: E731
    (value, aux), jacobian = ccjac.value_and_jacobian(fun, has_aux=True)(X)
    assert_same((value, aux), fun(X))
    assert_same(jacobian, jax.jacfwd(eigenvalues)(X))


def test_random_numbers_with_a_known_key_are_constants() -> None:
    assert_same(ccjac.jacobian(keyed)(X), jax.jacfwd(keyed)(X))
    assert ccjac.plan(keyed, X).source != "fallback"


def test_side_effects_survive(capfd: pytest.CaptureFixture[str]) -> None:
    assert_same(ccjac.jacobian(printing)(X), jax.jacfwd(lambda x: x**2)(X))
    jax.effects_barrier()
    assert "x = " in capfd.readouterr().out


def test_plan_reports() -> None:
    plan = ccjac.plan(residual, X)
    assert plan.source.split(":")[0] in ("zoo", "greedy")
    assert plan.granularity == "scalar"
    assert len(plan.fingerprint) == 32
    assert plan.lower_bound <= plan.multiplications <= ccjac.plan(residual, X, order="forward").multiplications
    text = plan.describe()
    for word in ("forward", "reverse", "markowitz", "this order", plan.source, plan.fingerprint):
        assert word in text
    assert repr(plan) == text


def test_vertices_know_their_source_line() -> None:
    labels = ccjac.trace(residual, X).labels
    first_line = residual.__code__.co_firstlineno + 1
    assert f"sin at test_api.py:{first_line}" in labels
    assert "test_api.py" in ccjac.plan(residual, X).describe()


def test_plan_of_a_function_with_keyword_arguments() -> None:
    plan = ccjac.plan(trees, P, Q, argnums=(0, 1), scale=2.0)
    assert plan.graph is not None
    assert plan.graph.n_inputs == 10


def test_zero_size_arrays() -> None:
    empty = jnp.zeros((0, 2))
    assert_same(ccjac.jacobian(lambda x: x * 2.0)(empty), jax.jacfwd(lambda x: x * 2.0)(empty))
    assert_same(ccjac.jacobian(lambda x, y: y * jnp.sum(x))(empty, X), jnp.zeros((3, 0, 2)))


def test_many_threads_on_one_function() -> None:
    jacobian = ccjac.jacobian(residual)
    expected = [jax.jacfwd(residual)(row) for row in BATCH]
    results: dict[int, Any] = {}
    threads = [threading.Thread(target=lambda k=k: results.setdefault(k, jacobian(BATCH[k % 4]))) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k in range(8):
        assert_same(results[k], expected[k % 4])


def test_functions_without_a_name() -> None:
    partial = functools.partial(lambda a, x: a * jnp.sin(x), 2.0)
    assert_same(ccjac.jacobian(partial)(X), jax.jacfwd(partial)(X))
