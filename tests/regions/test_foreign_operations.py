"""Functions of which only the framework computes a part, against JAX's own modes in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import ccjac
from ccjac.calls import road
from ccjac.estimate import regions_late_obstacle, regions_obstacle

X = np.linspace(0.3, 1.3, 5)
STEP = np.arange(1.0, 6.0)


def _symmetric(x: Any) -> Any:
    matrix = jnp.outer(x[:3], jnp.sin(x[:3])) + jnp.diag(x[:3] * jnp.asarray(STEP[:3], x.dtype))
    return matrix + matrix.T


def _tall(x: Any) -> Any:
    return jnp.outer(x[:4], jnp.cos(x[:2])) + jnp.eye(4, 2)


def _large(x: Any) -> Any:
    long = jnp.resize(x, 8)
    return jnp.outer(long, long) + jnp.diag(jnp.arange(8.0) * x[0])


def _newton(a: Any) -> Any:
    """A cube root."""

    def step(state: Any) -> Any:
        y, _ = state
        new = y - (y**3 - a) / (3 * y**2)
        return new, jnp.max(jnp.abs(new - y))

    return lax.while_loop(lambda s: s[1] > 1e-13, step, (a, jnp.array(1.0, a.dtype)))[0]


@jax.custom_jvp
def _implicit(a: Any) -> Any:
    return _newton(a)


@_implicit.defjvp
def _(primals: Any, tangents: Any) -> Any:
    y = _implicit(primals[0])
    return y, tangents[0] / (3 * y**2)


@jax.custom_vjp
def _clipped(x: Any) -> Any:
    return jnp.sin(x) * x[0]


_clipped.defvjp(lambda x: (_clipped(x), x), lambda x, c: (jnp.where(jnp.abs(c) > 1e3, 0.0, c) * 2 * x,))


@jax.custom_jvp
def _called(x: Any) -> Any:
    return jax.pure_callback(
        lambda a: np.sin(np.asarray(a)), jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims"
    )


@_called.defjvp
def _(primals: Any, tangents: Any) -> Any:
    return _called(primals[0]), jnp.cos(primals[0]) * tangents[0]


def _root(x: Any) -> Any:
    def solve(f: Any, y: Any) -> Any:
        return lax.while_loop(lambda c: jnp.max(jnp.abs(f(c))) > 1e-13, lambda c: c - f(c) / (3 * c**2 + 1), y)

    return lax.custom_root(lambda y: y**3 + y - x, jnp.zeros_like(x), solve, lambda g, y: y / g(jnp.ones_like(y)))


def _conjugate_gradients(x: Any) -> Any:
    return jax.scipy.sparse.linalg.cg(lambda v: v * (2 + x**2) + 0.1 * jnp.sum(v), jnp.sin(x), tol=1e-14)[0]


def _spectral(x: Any) -> Any:
    u = x * x
    return jnp.fft.irfft(lax.complex(jnp.zeros(3), jnp.arange(3.0)) * jnp.fft.rfft(u), 5)


def _rooted(w: Any, v: Any) -> Any:
    return (v * jnp.sqrt(w**2 + 1)) @ v.T


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "eigenvalues": lambda x: jnp.linalg.eigvalsh(_symmetric(x))[:, None] * x,
    "eigenvectors": lambda x: jnp.abs(jnp.linalg.eigh(_symmetric(x))[1]) @ x[:3],
    "eigenvalues and eigenvectors": lambda x: jnp.linalg.eigh(_symmetric(jnp.exp(x)))[0] * jnp.sin(x[:3]),
    "eigenvalues of a large matrix": lambda x: jnp.linalg.eigvalsh(_large(x)) * x[0],
    "singular values": lambda x: jnp.linalg.svd(_tall(x), full_matrices=False)[1] * x[:2],
    "singular values alone": lambda x: jnp.linalg.svd(_tall(x), compute_uv=False) * x[:2],
    "pseudo-inverse": lambda x: jnp.linalg.pinv(_tall(x)) @ x[:4],
    "least squares": lambda x: jnp.linalg.lstsq(_tall(x), jnp.sin(x[:4]))[0],
    "largest singular value": lambda x: jnp.linalg.norm(_tall(x), 2) * x,
    "matrix square root": lambda x: _rooted(*jnp.linalg.eigh(_symmetric(x))),
    "fourier amplitudes": lambda x: jnp.abs(jnp.fft.fft(jnp.sin(x))) ** 2 * x,
    "real and imaginary parts": lambda x: (lambda z: jnp.real(z) * jnp.imag(z) + x)(jnp.fft.fft(x * x)),
    "spectral derivative": lambda x: _spectral(x) * x + jnp.cos(x),
    "convolution by fourier": lambda x: jnp.fft.ifft(jnp.fft.fft(x * x) * jnp.fft.fft(jnp.sin(x))).real * x,
    "phases": lambda x: jnp.angle(jnp.fft.rfft(jnp.exp(x))) * x[:3],
    "complex arithmetic": lambda x: jnp.abs(lax.complex(x, jnp.sin(x)) ** 2 / lax.complex(x, 2 + x)) * x,
    "complex exponential": lambda x: jnp.real(jnp.exp(lax.complex(x, x)) * lax.complex(x, 2 * x)) * jnp.tanh(x),
    "newton's method": lambda x: jnp.sin(_newton(jnp.exp(x))) * jnp.linalg.eigvalsh(_symmetric(x))[0],
    "newton's method, implicit": lambda x: jnp.sin(_implicit(jnp.exp(x))) * x,
    "custom root": lambda x: _root(jnp.exp(x)) * jnp.sin(x),
    "conjugate gradients": lambda x: _conjugate_gradients(x) * x,
    "after one another": lambda x: jnp.linalg.eigvalsh(_symmetric(_root(x))) * jnp.sum(x),
    "side by side": lambda x: jnp.linalg.eigvalsh(_symmetric(x)) * jnp.abs(jnp.fft.fft(x))[:3],
    "one inside of another": lambda x: jnp.abs(jnp.fft.fft(jnp.linalg.eigvalsh(_symmetric(x)))) * x[:3],
    "a derivative of cotangents only": lambda x: _clipped(jnp.sin(x)) * jnp.exp(x) + jnp.cos(x) * x,
    "a callback": lambda x: _called(x * x) * x + jnp.exp(x) * jnp.cos(x),
    "random numbers": lambda x: jax.random.normal(jax.random.key(3), (5,)) * x**2,
    "twice the same": lambda x: jnp.linalg.eigvalsh(_symmetric(x)) - jnp.linalg.eigvalsh(_symmetric(x * 2)) * x[:3],
    "operands that are one": lambda x: jnp.abs(jnp.fft.fft(jnp.stack([x[0], x[0], x[1], 1.0]))) * x[:4],
    "a result nobody reads": lambda x: jnp.linalg.eigh(_symmetric(x))[0] * 0.5 + x[:3] ** 3,
    "eigenvalues of a shifted matrix": lambda x: jnp.linalg.eigvalsh(_symmetric(x) + jnp.eye(3) * jnp.sum(x)) ** 2,
}


def _reference(f: Callable[..., Any], x: Any) -> Any:
    try:
        return jax.jacfwd(f)(x)
    except TypeError:
        return jax.jacrev(f)(x)


@pytest.fixture(autouse=True)
def _all_regions_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(road.estimate, "regions_obstacle", lambda regions: None)
    monkeypatch.setattr(road.estimate, "regions_late_obstacle", lambda jacobian: None)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_jacobian_is_that_of_jax(name: str) -> None:
    f = FUNCTIONS[name]
    batch = jnp.stack([jnp.asarray(X), jnp.asarray(X[::-1].copy()) * 0.9])
    found = jax.jit(jax.vmap(ccjac.jacobian(f)))(batch)
    for k in range(2):
        wanted = _reference(f, batch[k])
        np.testing.assert_allclose(found[k], wanted, rtol=1e-9, atol=1e-9 * float(jnp.abs(wanted).max()))


def test_plans_list_their_regions() -> None:
    plan = ccjac.plan(FUNCTIONS["after one another"], jnp.asarray(X))
    labels = [region.operation.label for region in plan.regions]
    assert [label.split(" at ")[0] for label in labels] == ["custom_root", "eigh"] or len(labels) == 2
    assert plan.executor == "kernel"
    text = str(plan)
    assert text.count("region  ") == len(labels)
    assert "by the framework" in text
    with pytest.raises(ccjac.UnsupportedError, match="part of the function"):
        plan.to_c()


def test_the_rule_of_a_small_decomposition_is_expanded_and_a_large_one_is_pushed_through() -> None:
    small = ccjac.plan(FUNCTIONS["eigenvalues"], jnp.asarray(X)).regions
    large = ccjac.plan(FUNCTIONS["eigenvalues of a large matrix"], jnp.asarray(X)).regions
    assert [r.derivative for r in small] == ["none"]
    assert [r.derivative for r in large] == ["pushed"]
    fourier = ccjac.plan(FUNCTIONS["fourier amplitudes"], jnp.asarray(X)).regions
    assert [r.derivative for r in fourier] == ["block"]


def test_complex_numbers_between_two_transforms_are_one_region() -> None:
    (region,) = ccjac.plan(FUNCTIONS["convolution by fourier"], jnp.asarray(X)).regions
    assert region.operation.operations > 3
    assert [r.spec.dtype for r in region.results] == ["float64"]


def test_values_auxiliary_results_containers_and_integers() -> None:
    def f(p: Any, n: Any) -> Any:
        w = jnp.linalg.eigvalsh(_symmetric(p["x"] * n))
        return {"w": w * p["x"][:3], "k": jnp.argmax(w)}, w

    p = {"x": jnp.asarray(X)}
    (value, aux), jacobian = ccjac.value_and_jacobian(f, has_aux=True)(p, 2)
    wanted, other = jax.jacfwd(f, has_aux=True)(p, 2)
    np.testing.assert_allclose(jacobian["w"]["x"], wanted["w"]["x"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(aux, other)
    np.testing.assert_allclose(value["w"], f(p, 2)[0]["w"])


def test_several_arguments() -> None:
    def f(a: Any, b: Any) -> Any:
        return jnp.linalg.eigvalsh(_symmetric(a) * b[0]) * jnp.abs(jnp.fft.fft(b))[:3]

    args = jnp.asarray(X), jnp.asarray(X[:4])
    for mine, theirs in zip(ccjac.jacobian(f, argnums=(0, 1))(*args), jax.jacfwd(f, (0, 1))(*args), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def test_single_precision() -> None:
    x = jnp.asarray(X, jnp.float32)
    for name in ("eigenvalues", "fourier amplitudes"):
        found, wanted = ccjac.jacobian(FUNCTIONS[name])(x), jax.jacfwd(FUNCTIONS[name])(x)
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-4)


def test_derivatives_of_the_jacobian_are_those_of_jax() -> None:
    f, x = FUNCTIONS["eigenvalues"], jnp.asarray(X)
    mine = jax.grad(lambda x: jnp.sum(ccjac.jacobian(f)(x) ** 2))(x)
    theirs = jax.grad(lambda x: jnp.sum(jax.jacfwd(f)(x) ** 2))(x)
    np.testing.assert_allclose(mine, theirs, rtol=1e-9)


def test_random_keys_as_integers() -> None:
    def f(x: Any, seed: Any) -> Any:
        return x**2 * jax.random.normal(jax.random.wrap_key_data(seed), (5,)) + jnp.sin(x)

    seed = jax.random.key_data(jax.random.key(7))
    np.testing.assert_allclose(ccjac.jacobian(f)(jnp.asarray(X), seed), jax.jacfwd(f)(jnp.asarray(X), seed), rtol=1e-12)


def test_repeated_eigenvalues_are_as_in_jax() -> None:
    def f(x: Any) -> Any:
        return jnp.linalg.eigh(jnp.diag(jnp.stack([x[0], x[0], x[1]])))[1][:, 0] * jnp.sin(x[0])

    x = jnp.array([1.0, 2.0])
    np.testing.assert_array_equal(np.isnan(ccjac.jacobian(f)(x)), np.isnan(jax.jacfwd(f)(x)))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("operands that are one", "around what the framework computes there are only"),
        ("complex exponential", "acts on every entry alone"),
        ("conjugate gradients", "partials, too many for"),
        ("eigenvalues", "infinite where the numbers that it finds coincide"),
    ],
)
def test_what_gains_nothing_is_left_whole(monkeypatch: pytest.MonkeyPatch, name: str, reason: str) -> None:
    assert ccjac.plan(FUNCTIONS[name], jnp.asarray(X)).regions
    monkeypatch.setattr(road.estimate, "regions_obstacle", regions_obstacle)
    monkeypatch.setattr(road.estimate, "regions_late_obstacle", regions_late_obstacle)
    plan = ccjac.plan(FUNCTIONS[name], jnp.asarray(X))
    assert plan.source == "fallback"
    assert reason in plan.reason


def test_side_effects_are_left_to_jax() -> None:
    def f(x: Any) -> Any:
        jax.debug.callback(lambda _: None, x)
        return jnp.linalg.eigvalsh(_symmetric(x)) * x[:3]

    plan = ccjac.plan(f, jnp.asarray(X))
    assert plan.source == "fallback"
    assert "side effects" in plan.reason
