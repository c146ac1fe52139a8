"""Every kind of operation that expands to scalars, one small function each, against JAX's two modes in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import ccjac
from ccjac.elimination import forward_order, reverse_order
from oracles import assert_same, by_all, eager_jacobian, numpy_jacobian_by_each

X = np.array([0.3, -0.7, 1.9, 0.45])
POSITIVE = np.array([0.3, 0.7, 1.9, 0.45])
UNIT = np.array([0.3, -0.7, 0.9, 0.45])
M = np.array([[0.3, -0.7, 1.9], [0.45, 1.2, -0.35]])
IDS = np.array([2, 0, 2])

UNARY = {
    "neg abs sin cos tan sinh cosh tanh asinh atan exp exp2 expm1 logistic": X,
    "erf erfc cbrt square sign floor ceil round": X,
    "log log1p sqrt rsqrt acosh_shifted lgamma digamma": POSITIVE,
    "asin acos atanh erf_inv": UNIT,
    "bessel_i0e bessel_i1e": X,
}


def _unary(name: str) -> Callable[[Any], Any]:
    if name == "acosh_shifted":
        return lambda x: lax.acosh(x + 1.5)
    return getattr(lax, name)


@jax.custom_jvp
def half_of_true_slope(x: Any) -> Any:
    return x**2


half_of_true_slope.defjvp(lambda p, t: (p[0] ** 2, p[0] * t[0]))


@jax.custom_vjp
def third_of_true_slope(x: Any, y: Any) -> Any:
    return x**3 * y, jnp.sum(x * y)


third_of_true_slope.defvjp(
    lambda x, y: ((x**3 * y, jnp.sum(x * y)), (x, y)),
    lambda res, ct: (ct[0] * res[0] ** 2 * res[1] + ct[1] * res[1], ct[0] * res[0] ** 3 + ct[1] * res[0]),
)


def newton_unrolled(x: Any) -> Any:
    return lax.fori_loop(0, 3, lambda _, z: z - (z**2 - x) / (2 * z), jnp.ones_like(x))


def scan_with_outputs(x: Any) -> Any:
    def step(carry: Any, row: Any) -> Any:
        new = jnp.tanh(carry * row[0] + row[1])
        return new, carry * row

    return lax.scan(step, x[0], jnp.stack([x, x**2], 1), reverse=True)


def while_with_known_count(x: Any) -> Any:
    return lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.sin(s[1])), (0, x))[1]


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = {
    name: (_unary(name), (at,)) for names, at in UNARY.items() for name in names.split()
}
FUNCTIONS |= {
    "binary arithmetic": (lambda x, y: (x + y, x - y, x * y, x / y, x**2.5 * y), (POSITIVE, X)),
    "pow of both": (lambda x, y: x**y, (POSITIVE, X)),
    "atan2": (jnp.arctan2, (X, POSITIVE)),
    "max and min": (lambda x, y: (jnp.maximum(x, y), jnp.minimum(x, y)), (X, POSITIVE)),
    "max of equals": (lambda x: jnp.maximum(x, x * 1.0), (X,)),
    "rem": (lambda x, y: lax.rem(x, y), (X, POSITIVE)),
    "integer powers": (lambda x: (x**2, x**3, x**7, x**-2, lax.integer_pow(x, 0)), (X,)),
    "clamp": (lambda x: jnp.clip(x, -0.5, 0.5), (X,)),
    "clamp by traced bounds": (lambda x: lax.clamp(jnp.full(4, x[1]), x, jnp.full(4, x[0])), (X,)),
    "igamma": (lambda x: lax.igamma(jnp.asarray(1.5), x[0]), (POSITIVE,)),
    "nextafter has no slope": (lambda x: x * jnp.nextafter(lax.stop_gradient(x), 2.0 * jnp.ones_like(x)), (X,)),
    "betainc": (lambda x: jax.scipy.special.betainc(jnp.asarray(1.5), jnp.asarray(0.5), x[0]), (POSITIVE,)),
    "polygamma": (lambda x: jax.scipy.special.polygamma(jnp.asarray(1), x[2]), (POSITIVE,)),
    "one variable twice": (lambda x: x * x + x - x * x * x, (X,)),
    "select": (lambda x: jnp.where(x > 0.0, jnp.sin(x), x**2), (X,)),
    "select by a known mask": (lambda x: jnp.where(np.array([True, False, True, False]), jnp.sin(x), 0.0), (X,)),
    "select of many": (lambda x: lax.select_n(jnp.array([0, 2, 1, 0]), x, x**2, jnp.sin(x)), (X,)),
    "select by a traced integer": (
        lambda x: lax.select_n(jnp.floor(x + 1.0).astype(jnp.int32), x, x**2, jnp.sin(x)),
        (np.array([0.3, -0.7, 0.9, 1.1]),),
    ),
    "piecewise": (lambda x: jnp.piecewise(x[0], [x[0] < 0.0, x[0] > 0.1], [jnp.sin, jnp.cos, jnp.tan]), (X,)),
    "comparisons are constant": (lambda x: (x > 0.0).astype(x.dtype) * jnp.sin(x), (X,)),
    "stop_gradient": (lambda x: lax.stop_gradient(x) * x, (X,)),
    "convert": (lambda x: x.astype(jnp.float32).astype(jnp.float64) * 2.0, (np.array([0.25, -0.5]),)),
    "reduce_precision": (lambda x: lax.reduce_precision(x, 8, 10) * x, (np.array([0.25, -0.5]),)),
    "reshape transpose": (lambda m: (jnp.sin(m).T.reshape(-1), jnp.ravel(m, order="F") * m.ravel()), (M,)),
    "broadcast": (lambda x: jnp.broadcast_to(x[:, None], (4, 3)) * jnp.arange(3.0), (X,)),
    "squeeze expand": (lambda x: jnp.expand_dims(x, (0, 2)).squeeze() ** 2, (X,)),
    "slices": (lambda x: (x[1:3] ** 2, x[::2], x[::-1] * x, x[-1]), (X,)),
    "concatenate": (lambda x, m: jnp.concatenate([x, m.ravel(), jnp.zeros(2), x]), (X, M)),
    "stack unstack": (lambda m: jnp.stack([jnp.sin(r) for r in m], axis=1), (M,)),
    "split": (lambda x: jnp.split(x**2, [1, 3]), (X,)),
    "tile repeat roll": (lambda x: (jnp.tile(x, (2, 1)), jnp.repeat(x, 2), jnp.roll(x, 1) * x), (X,)),
    "pad": (lambda x: lax.pad(x**2, x[0], [(2, 1, 1)]), (X,)),
    "negative pad": (lambda x: lax.pad(x**2, x[0], [(-1, -1, 2)]), (X,)),
    "gather": (lambda m: (m[:, IDS], m[np.array([1, 0]), np.array([2, 2])]), (M,)),
    "gather with steps": (lambda x: jnp.take(x, np.array([[3, 0], [1, 1]])) ** 2, (X,)),
    "gather outside": (lambda x: jnp.take(x, np.array([1, 9]), mode="fill", fill_value=2.5) ** 2, (X,)),
    "gather clipped": (lambda x: jnp.take(x, np.array([1, 9, -7]), mode="clip") ** 2, (X,)),
    "gather in a batch": (lambda m: jnp.take_along_axis(m, np.array([[1, 0], [2, 2]]), axis=1) ** 2, (M,)),
    "scatter": (lambda x: x.at[np.array([0, 2])].set(jnp.sin(x[1:3])), (X,)),
    "scatter add": (lambda x: x.at[np.array([0, 2, 2])].add(x[1:] ** 2), (X,)),
    "scatter mul": (lambda x: x.at[np.array([0, 2])].mul(x[1:3] ** 2, unique_indices=True), (X,)),
    "scatter outside": (lambda x: x.at[np.array([1, 9])].set(x[:2] ** 2), (X,)),
    "scatter rows": (lambda m: m.at[1, :].set(m[0] ** 2).at[:, 2].add(m[:, 1]), (M,)),
    "dynamic slice": (lambda x: lax.dynamic_slice(x**2, (jnp.asarray(9),), (2,)), (X,)),
    "dynamic update": (lambda x: lax.dynamic_update_slice(x, x[:2] ** 2, (jnp.asarray(1),)), (X,)),
    "triangles": (lambda m: (jnp.tril(m @ m.T), jnp.triu(m), jnp.diag(m @ m.T), jnp.trace(m @ m.T)), (M,)),
    "sums": (lambda m: (m.sum(), jnp.sum(m**2, 0), m.mean(1), m.var(), jnp.linalg.norm(m)), (M,)),
    "products": (lambda m: (m.prod(), jnp.prod(m, 0)), (M,)),
    "product with a zero": (lambda x: jnp.prod(x), (np.array([0.0, 2.0, 3.0]),)),
    "extremes": (lambda m: (m.max(), jnp.min(m, 0), jnp.max(m, (0, 1))), (M,)),
    "extremes of ties": (lambda x: jnp.max(x), (np.array([1.0, 2.0, 2.0]),)),
    "argmax": (lambda x: x * (jnp.argmax(x) + 3 * jnp.argmin(x)).astype(x.dtype), (X,)),
    "any and all": (lambda x: x * (jnp.any(x > 1.0) & jnp.all(x < 3.0)).astype(x.dtype), (X,)),
    "cumulative": (lambda m: (jnp.cumsum(m, 1), jnp.cumprod(m, 0)), (M,)),
    "cumulative backwards": (lambda m: lax.cumsum(m, 1, reverse=True) * m, (M,)),
    "cumulative extremes": (lambda x: (lax.cummax(x), lax.cummin(x)), (X,)),
    "cumlogsumexp": (lambda x: lax.cumlogsumexp(x), (X,)),
    "matrix product": (lambda a, b: (a @ b.T, jnp.dot(a[0], b[1]), jnp.outer(a[0], b[0])), (M, M + 1)),
    "batched product": (lambda a: jnp.einsum("bij,bkj->bik", a, a**2), (np.arange(8.0).reshape(2, 2, 2) - 3.5,)),
    "product with constants": (lambda x: np.array([[1.0, 0.0], [-1.0, 2.0]]) @ jnp.sin(x[:2]), (X,)),
    "convolution": (lambda x: jnp.convolve(x**2, np.array([1.0, -2.0, 0.5])), (X,)),
    "kron cross": (lambda m: (jnp.kron(m[0], m[1]), jnp.cross(m[0], m[1])), (M,)),
    "softmax family": (lambda x: (jax.nn.softmax(x), jax.nn.log_softmax(x), jax.nn.logsumexp(x)), (X,)),
    "activations": (
        lambda x: [f(x) for f in (jax.nn.relu, jax.nn.gelu, jax.nn.silu, jax.nn.softplus, jax.nn.elu, jax.nn.relu6)],
        (X,),
    ),
    "special jnp": (
        lambda x: (jnp.sinc(x), jnp.hypot(x[0], x[1]), jnp.logaddexp(x[0], x[1]), jnp.heaviside(x, 0.5)),
        (X,),
    ),
    "xlogy at zero": (lambda x: jax.scipy.special.xlogy(x, jnp.asarray(2.0)), (np.array([0.0, 1.0]),)),
    "nested jit": (lambda x: jax.jit(lambda y: jax.jit(jnp.sin)(y) * y)(x) + x, (X,)),
    "remat": (lambda x: jax.checkpoint(lambda y: jnp.sin(y) * y)(x), (X,)),
    "custom_jvp": (lambda x: half_of_true_slope(jnp.sin(x)) * x, (X,)),
    "cond": (lambda x: lax.cond(x[0] > 0.0, jnp.sin, lambda y: y**2, x), (X,)),
    "cond known": (lambda x: lax.cond(True, jnp.sin, lambda y: y**2, x), (X,)),
    "switch": (lambda x: lax.switch(jnp.int32(x[2]), [jnp.sin, jnp.cos, jnp.tan], x), (X,)),
    "fori_loop": (newton_unrolled, (POSITIVE,)),
    "scan": (scan_with_outputs, (X,)),
    "scan of nothing": (lambda x: lax.scan(lambda c, _: (jnp.sin(c), c), x, None, length=0), (X,)),
    "while of known length": (while_with_known_count, (X,)),
    "map": (lambda x: lax.map(lambda y: jnp.sin(y) * x[0], x), (X,)),
    "vmap inside": (lambda m: jax.vmap(lambda r: jnp.sum(r) * r)(m), (M,)),
    "gradient inside": (lambda x: jax.grad(lambda y: jnp.sum(jnp.sin(y) * y**2))(x), (X,)),
    "jvp inside": (lambda x: jax.jvp(jnp.sin, (x,), (x**2,))[1], (X,)),
    "jacobian inside": (lambda x: jax.jacrev(lambda y: y**2 * jnp.flip(y))(x), (X,)),
    "interp": (lambda x: jnp.interp(0.4, np.array([0.0, 0.5, 1.0]), x[:3]), (X,)),
    "polynomial": (lambda x: jnp.polyval(x, x[0]), (X,)),
    "norms": (lambda x: jnp.linalg.norm(x[:3] / jnp.linalg.norm(x[:3])), (X,)),
    "identity": (lambda x: x, (X,)),
    "constant": (lambda x: jnp.ones(3), (X,)),
    "output used further": (lambda x: (y := jnp.sin(x), y**2, y), (X,)),
    "input twice": (lambda x: (x, x, x[0]), (X,)),
    "dead code": (lambda x: (jnp.exp(x) * 3.0, jnp.sin(x))[1], (X,)),
    "empty": (lambda x: x**2, (np.zeros((0, 3)),)),
    "empty output": (lambda x: x[:0], (X,)),
    "empty sum": (lambda x: jnp.sum(x[:0]) + x, (X,)),
    "rank zero": (lambda x: jnp.sin(x) * x, (np.array(0.3),)),
}


BEYOND_NUMPY = ("digamma", "bessel_i0e", "bessel_i1e", "polygamma", "reduce_precision", "igamma", "betainc")
ALSO_AS_OPERATIONS = ("xlogy at zero", "remat", "custom_jvp", "switch", "scan", "interp", "norms", "empty", "rank zero")
"""XLA compiles every operation of these, one at a time."""
NO_REVERSE_MODE = ("while of known length",)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_agrees_with_both_modes(name: str) -> None:
    fun, raw = FUNCTIONS[name]
    args = tuple(map(jnp.asarray, raw))
    forward = by_all(jax.jacfwd, fun, args)
    shuffled = np.random.default_rng(0).permutation
    orders = [forward_order, reverse_order, lambda g: shuffled(np.array(g.eliminable, dtype=int)).tolist()]
    if name in BEYOND_NUMPY:
        actual = [eager_jacobian(fun, args, order) for order in orders]
    else:
        actual = numpy_jacobian_by_each(fun, args, orders)
        if name in ALSO_AS_OPERATIONS:
            actual.append(eager_jacobian(fun, args, forward_order))
    for jacobian in actual:
        assert_same(jacobian, forward)
    if name not in NO_REVERSE_MODE:
        assert_same(actual[0], by_all(jax.jacrev, fun, args))


def test_custom_vjp_is_taken_at_its_word() -> None:
    args = (jnp.asarray(X), jnp.asarray(POSITIVE))
    graph = ccjac.trace(third_of_true_slope, *args)
    assert len(graph.edges) > 0
    actual = ccjac.jacobian(third_of_true_slope, argnums=(0, 1), order="forward")(*args)
    assert_same(actual, jax.jacrev(third_of_true_slope, argnums=(0, 1))(*args))
