"""Calls outside of ``jax.jit`` are never stale: settings, axes, static arguments, surroundings; and never wasteful."""

from __future__ import annotations

import dataclasses
import gc
import subprocess
import sys
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import ccjac
from ccjac.backends import discovery
from ccjac.calls import select_backend
from ccjac.kernels.constants import lifted
from ccjac.limits import WAITING_PER_CODE
from ccjac.ordering import _searchers
from ccjac.program.program import Builder
from ccjac.zoo import resolve
from ccjac_jax.computation import Computation
from oracles import assert_same

X = jnp.array([0.3, -0.7, 1.9])


def product(x: Any) -> Any:
    return jnp.outer(x, x) @ jnp.sin(x)


SETTINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "disable_jit": jax.disable_jit,
    "matmul precision": lambda: jax.default_matmul_precision("highest"),
    "rank promotion": lambda: jax.numpy_rank_promotion("raise"),
    "standard promotion": lambda: jax.numpy_dtype_promotion("standard"),
    "transfer guard": lambda: jax.transfer_guard("disallow"),
    "leak checker": jax.checking_leaks,
    "debug nans": lambda: jax.debug_nans(True),
    "tracer errors": lambda: jax.check_tracer_leaks(True),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("transform", [lambda f: f, jax.jit, lambda f: jax.vmap(f, axis_size=2, in_axes=None)])
def test_a_setting_changed_between_calls_holds(name: str, transform: Any) -> None:
    jacobian = transform(ccjac.jacobian(product))
    expected = transform(jax.jacfwd(product))(X)
    assert_same(jacobian(X), expected)
    with SETTINGS[name]():
        found = jacobian(X)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert_same(jacobian(X), expected)


def test_x64_gives_the_types_of_jax_each_time() -> None:
    jacobian = ccjac.jacobian(lambda x: x * jnp.ones(()))
    types = []
    for wide in (True, False, True):
        with jax.enable_x64(wide):
            types.append(jacobian(2.0).dtype.name)
    assert types == ["float64", "float32", "float64"]


@pytest.mark.parametrize("differentiate", [ccjac.jacobian, ccjac.hessian])
def test_named_axes_are_those_of_the_call(differentiate: Any) -> None:
    def scaled(x: Any) -> Any:
        return x**3 / lax.psum(1, "i")

    reference = jax.jacfwd if differentiate is ccjac.jacobian else jax.hessian
    ours = differentiate(scaled)
    for n in (4, 8, 4):
        rows = jnp.arange(1.0, n + 1.0)
        expected = jax.vmap(reference(scaled), axis_name="i")(rows)
        assert_same(jax.vmap(ours, axis_name="i")(rows), expected)


def test_nans_are_reported_where_they_arise() -> None:
    def root(x: Any) -> Any:
        return jnp.sqrt(x) * jnp.exp(x[1]) * jnp.cos(x)

    bad = jnp.array([-1.0, 1.0])
    with jax.debug_nans(True):
        for call in (ccjac.jacobian(root), jax.jit(ccjac.jacobian(root)), jax.vmap(ccjac.jacobian(root))):
            with pytest.raises(FloatingPointError, match="sqrt"):
                call(bad if not hasattr(call, "__wrapped__") or call.__name__ != "vmapped" else bad[None])


@dataclasses.dataclass
class Config:
    power: int = 2
    name: str = "sin"


class Slots:
    __slots__ = ("power",)

    def __init__(self, power: int) -> None:
        self.power = power


STATIC: dict[str, tuple[Any, Callable[[Any, Any], Any]]] = {
    "string": (["sin", "cos", "sin"], lambda x, s: getattr(jnp, s)(x)),
    "bool": ([True, False, True], lambda x, s: x**2 if s else -x),
    "count that steers": ([1, 2, 3, 4, 2], lambda x, s: sum(x**k for k in range(s))),
    "count that is computed with": ([1, 2, 3, 4, 2], lambda x, s: x * s + s),
    "float that steers": ([0.5, 2.0, 3.0], lambda x, s: x * s if s > 1 else x),
    "numpy number": ([np.int64(1), np.int64(3)], lambda x, s: x * jnp.arange(s).sum().astype(x.dtype)),
    "numpy mask": ([np.array([True, False, True]), np.array([False, False, True])], lambda x, s: x[s] * 2),
    "mask of JAX": ([jnp.array([True, False, True]), jnp.array([False, True, True])], lambda x, s: x[s] * 2),
    "object": ([Config(2), Config(3), Config(2, "cos")], lambda x, s: getattr(jnp, s.name)(x) ** s.power),
    "slots": ([Slots(2), Slots(3)], lambda x, s: x**s.power),
    "function": ([jnp.sin, jnp.cos, lambda y: y**2, lambda y: y**3], lambda x, s: s(x)),
    "container": ([{"a": 2, "b": "sin"}, {"a": 3, "b": "cos"}], lambda x, s: getattr(jnp, s["b"])(x) * s["a"]),
    "type": ([jnp.float32, jnp.float64], lambda x, s: x.astype(s) * 2),
    "none": ([None, 2.0, None], lambda x, s: x if s is None else s * x),
}


@pytest.mark.parametrize("name", STATIC)
def test_static_arguments_are_compared_by_value(name: str) -> None:
    values, fun = STATIC[name]
    jacobian = ccjac.jacobian(fun)
    for value in (*values, *values):
        assert_same(jacobian(X, value), jax.jacfwd(fun)(X, value))


def test_mutated_arguments_and_objects_are_noticed() -> None:
    class Model:
        gain = 2.0

        @ccjac.jacobian(argnums=1)
        def slope(self, x: Any) -> Any:
            return self.gain * x**2

    model, config = Model(), Config()
    by_config = ccjac.jacobian(lambda x, c: x**c.power)
    assert_same(model.slope(3.0), jnp.asarray(12.0))
    assert_same(by_config(3.0, config), jnp.asarray(6.0))
    model.gain, config.power = 5.0, 3
    assert float(model.slope(3.0)) == 30.0
    assert float(by_config(3.0, config)) == 27.0


@pytest.mark.parametrize("differentiate", [ccjac.jacobian, ccjac.value_and_jacobian, ccjac.hessian])
def test_surroundings_are_those_of_the_call(differentiate: Any) -> None:
    state = {"k": 2.0, "w": jnp.array([1.0, 2.0, 3.0]), "m": np.ones(3)}

    def fun(x: Any) -> Any:
        return jnp.sum(state["k"] * x**3 * state["w"] * state["m"])

    ours = differentiate(fun)
    for change in (("k", 3.0), ("w", jnp.array([0.0, 1.0, 0.0])), ("k", 2.0)):
        ours(X)
        state[change[0]] = change[1]
        assert_same(ours(X), differentiate(lambda x: fun(x))(X))
    before = jax.tree.leaves(ours(X))[-1]
    state["m"][:] = 2.0
    np.testing.assert_allclose(jax.tree.leaves(ours(X))[-1], 2.0 * before)


def test_what_cannot_be_guarded_is_traced_anew() -> None:
    numbers = iter([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    jacobian = ccjac.jacobian(lambda x: next(numbers) * x)
    first, second, third = (float(jacobian(1.0)) for _ in range(3))
    assert first < second < third


def counting(traces: list[int], k: float = 1.0) -> Any:
    def fun(x: Any) -> Any:
        traces.append(1)
        return k * jnp.sin(x) * x[0]

    return fun


def test_functions_made_anew_share_what_was_compiled() -> None:
    ccjac.clear_caches()
    traces: list[int] = []
    for _ in range(5):
        assert_same(ccjac.jacobian(counting(traces))(X), jax.jacfwd(counting([]))(X))
    assert len(traces) == 1
    ccjac.jacobian(counting(traces, 2.0))(X)
    assert len(traces) == 2


def test_clear_caches_forgets() -> None:
    ccjac.clear_caches()
    traces: list[int] = []
    jacobian = ccjac.jacobian(counting(traces))
    jacobian(X)
    ccjac.clear_caches()
    jacobian(X)
    assert len(traces) == 2


def test_clear_caches_opens_zoos_anew_and_asks_plugins_again(tmp_path: Path) -> None:
    zoo, backend = resolve(tmp_path), select_backend(None, (X,), {})
    known = _searchers(discovery.registered())
    assert resolve(tmp_path) is zoo
    assert select_backend(None, (X,), {}) is backend
    jacobian = ccjac.jacobian(counting([]), zoo=tmp_path)
    expected = jacobian(X)
    ccjac.clear_caches()
    assert resolve(tmp_path) is not zoo
    assert _searchers(discovery.registered()) is not known
    assert_same(jacobian(X), expected)


def test_prepare_compiles_from_shapes() -> None:
    traces: list[int] = []
    jacobian = ccjac.jacobian(counting(traces))
    plan = ccjac.prepare(jacobian, jax.ShapeDtypeStruct(X.shape, X.dtype))
    prepared = len(traces)
    assert plan.graph is not None
    assert_same(jacobian(X), jax.jacfwd(counting([]))(X))
    assert len(traces) == prepared


def test_a_fallback_traces_once() -> None:
    traces: list[int] = []

    def fun(x: Any) -> Any:
        traces.append(1)
        return lax.while_loop(lambda s: jnp.sum(s) < 50.0, lambda s: s * 2.0 + 1.0, x)

    ccjac.jacobian(fun)(X)
    assert len(traces) == 1


@pytest.mark.parametrize("keeps", [False, True])
def test_arrays_and_functions_are_freed(keeps: bool) -> None:
    def case() -> list[weakref.ref[Any]]:
        x, w = jnp.ones(3), jnp.arange(9.0).reshape(3, 3)
        if keeps:
            fun = lambda y: lax.while_loop(lambda s: s[0] < 9.0, lambda s: 2.0 * s + 1.0, w @ y)  # noqa: E731
        else:
            fun = lambda y: w @ jnp.sin(y)  # noqa: E731
        ccjac.jacobian(fun)(x)
        return [weakref.ref(o) for o in (x, w, fun)]

    references = case()
    gc.collect()
    assert [r() for r in references] == [None] * 3


def test_programs_are_freed() -> None:
    def with_array(scale: float) -> None:
        offset = jnp.arange(3.0) + scale
        ccjac.jacobian(lambda y: jnp.sin(y) * offset + jnp.sum(y))(jnp.ones(3))

    def with_number(scale: float) -> None:
        ccjac.jacobian(lambda y: jnp.sin(y) * scale + jnp.sum(y))(jnp.ones(3))

    # Some wait for a successor of the function that they were made for; there is none where an array is gone.
    for compile_another, waiting in ((with_array, 0), (with_number, WAITING_PER_CODE)):
        gc.collect()
        before = _computations()
        for k in range(3 * WAITING_PER_CODE):
            compile_another(k + 0.5)
        gc.collect()
        assert _computations() - before <= waiting


def test_the_end_of_a_process_is_quiet() -> None:
    script = "import jax.numpy as jnp, ccjac; w = jnp.ones(3); f = lambda x: w * x; ccjac.jacobian(f)(w); kept = [f, w]"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def _computations() -> int:
    return sum(type(o) is Computation for o in gc.get_objects())


def test_numbers_are_data_of_a_kernel() -> None:
    def program(number: float) -> Any:
        b = Builder()
        x = b.input(0, "float32")
        scaled = b.emit("mul", (x, b.const(number, "float32")), "float32")
        return b.finish([b.emit("add", (scaled, b.const(3.0, "float32")), "float32")], 1)

    one, other = lifted(program(0.1)), lifted(program(0.2))
    assert one[0] == other[0]
    assert one[1] == other[1]
    assert one[2][0].tolist() == [np.float32(0.1)]
    assert other[2][0].tolist() == [np.float32(0.2)]
    assert lifted(program(7.0))[2] == []


def test_signatures_and_types_of_jacfwd() -> None:
    assert_same(ccjac.jacobian(lambda a, b: a * b, 1)(2.0, 3.0), jax.jacfwd(lambda a, b: a * b, 1)(2.0, 3.0))
    z = jnp.asarray(1.0 + 2.0j)
    square = lambda z: z**2  # noqa: E731
    assert_same(ccjac.jacobian(square, holomorphic=True)(z), jax.jacfwd(square, holomorphic=True)(z))
    ints = jnp.arange(3)
    found = ccjac.jacobian(lambda n: n.astype(float), allow_int=True)(ints)
    assert found.dtype == jax.jacrev(lambda n: n.astype(float), allow_int=True)(ints).dtype
    assert ccjac.jacobian(lambda x: x * x)(2.0).weak_type
    assert ccjac.value_and_jacobian(lambda x: x * x)(2.0)[0].weak_type


@pytest.mark.parametrize("auxiliary", ["text", 3, None, {"a": [1.5, "b"]}, object()])
def test_auxiliary_results_are_returned_as_they_are(auxiliary: Any) -> None:
    jacobian = ccjac.jacobian(lambda x: [x**2, auxiliary], has_aux=True)
    for _ in range(2):
        assert jacobian(2.0)[1] == auxiliary


def test_errors_name_function_and_argument() -> None:
    def residual(x: Any, table: Any) -> Any:
        raise ZeroDivisionError("mine")

    with pytest.raises(ccjac.InputError, match=r"argument 1 \(`table\['n'\]`\) of `residual`"):
        ccjac.jacobian(residual, argnums=1)(X, {"n": jnp.arange(3)})
    with pytest.raises(ZeroDivisionError, match="mine"):
        ccjac.jacobian(residual)(X, 1.0)


def test_keywords_of_the_user_do_not_collide() -> None:
    def fun(x: Any, *, order: int, zoo: str) -> Any:
        return x**order if zoo == "lions" else x

    jacobian = ccjac.jacobian(fun)
    assert jacobian.plan(X, order=3, zoo="lions").graph is not None
    assert jacobian.graph(X, order=3, zoo="lions").n_inputs == 3
    assert ccjac.hessian(fun).plan(X, order=3, zoo="lions").graph is not None
    with pytest.raises(TypeError, match="ordr"):
        ccjac.jacobian(fun, ordr="auto")  # type: ignore[call-arg]


def test_check_compares_with_the_framework_and_with_differences() -> None:
    fun = lambda p, k: {"a": jnp.sin(p["x"]) * k, "b": p["y"] @ p["y"]}  # noqa: E731
    report = ccjac.check(ccjac.value_and_jacobian(fun), {"x": X, "y": jnp.arange(4.0)}, 2.0)
    assert report.ok, report
    assert len(report.comparisons) == 2
    assert not any(c.reason for c in report.comparisons)
    assert "finite differences" in repr(report)

    @jax.custom_jvp
    def wrong(x: Any) -> Any:
        return x**2

    wrong.defjvp(lambda p, t: (p[0] ** 2, 3.0 * p[0] * t[0]))
    assert not ccjac.check(wrong, X).ok
