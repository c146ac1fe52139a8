"""Primitives that no table of ccjac knows: evaluated by JAX's own definition of them, or left to JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, mlir

import ccjac
from ccjac.elimination import forward_order
from ccjac.program.evaluate import evaluate
from ccjac_jax import lowered
from ccjac_jax.xla.register import interface
from oracles import numpy_jacobian


def primitive(name, function, *, implemented=False, slope=None):
    """A new primitive that is lowered to ``function``; with ``implemented`` its implementation is traceable too."""
    p = Primitive(name)

    def types(*avals, **params):
        shape = jax.eval_shape(
            lambda *a: function(*a, **params), *(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in avals)
        )
        return avals[0].update(shape=shape.shape, dtype=shape.dtype, weak_type=False)

    p.def_abstract_eval(types)
    mlir.register_lowering(p, mlir.lower_fun(function, multiple_results=False))
    if implemented:
        p.def_impl(function)
    else:
        p.def_impl(lambda *a, **params: jax.jit(lambda *b: p.bind(*b, **params))(*a))
    if slope is not None:
        ad.defjvp(p, lambda g, x, **params: g * slope(x, **params))
    return p


def check(f, x, executor="kernel"):
    plan = ccjac.plan(f, x, zoo=False)
    assert plan.source != "fallback", plan.reason
    if not isinstance(interface(), str):
        assert plan.executor == executor, plan.reason
    np.testing.assert_allclose(ccjac.jacobian(f, zoo=False)(x), jax.jacfwd(f)(x), rtol=1e-12, atol=1e-13)


def expanded(f, x):
    """The Jacobian by the expansion alone: JAX's own modes want batching rules, which most of these primitives lack."""
    return numpy_jacobian(f, (x,), forward_order)[0]


SOFT = primitive(
    "soft_step",
    lambda x, *, width: jnp.where(
        x > width, jnp.tanh(x / width), lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN) ** 2 + 1
    ),
    slope=lambda x, *, width: SLOPE.bind(x, width=width),
)
SLOPE = primitive("soft_slope", lambda x, *, width: jnp.where(x > width, jnp.cosh(x / width) ** -2 / width, x * 0.0))
X = jnp.array([0.3, -0.7, 1.9, 2.5])


def test_a_primitive_is_evaluated_by_what_jax_lowers_it_to():
    check(lambda x: jnp.sin(SOFT.bind(x, width=0.5)) * x[::-1], X)
    check(lambda x: SOFT.bind(x.reshape(2, 2) ** 2, width=1.5).sum(0), X)


def test_its_implementation_is_expanded_in_its_place():
    body = primitive("body", lambda x: jnp.cumsum(jnp.exp(x)), implemented=True)
    p = primitive("outer", lambda x: x, slope=None)
    ad.primitive_jvps[p] = lambda values, tangents: (p.bind(*values), tangents[0] * body.bind(*values))
    check(lambda x: p.bind(x) * x, X)
    # Cumulative sums do not act on every entry alone: without an implementation this is left to JAX.
    plan = ccjac.plan(lambda x: hidden.bind(lax.stop_gradient(x)) * x, X, zoo=False)
    assert plan.source == "fallback"
    assert "hidden_sum" in plan.reason


hidden = primitive("hidden_sum", lambda x: jnp.cumsum(jnp.exp(x)))


def test_tangents_go_through_an_implementation_and_through_what_is_lowered():
    twice = primitive("twice", lambda x: jnp.concatenate([x, x]), implemented=True)
    p = primitive("outer_twice", lambda x: jnp.concatenate([x, x]), implemented=True)
    ad.primitive_jvps[p] = lambda values, tangents: (p.bind(*values), twice.bind(*tangents))
    block = np.diag(2 * np.sin(X) * np.cos(X))
    np.testing.assert_allclose(expanded(lambda x: p.bind(jnp.sin(x)) ** 2, X), np.vstack([block, block]), rtol=1e-14)
    weighted = primitive("weighted", lambda x, y: (x - y) / (1 + y * y) * 3.0)
    q = primitive("outer_weighted", lambda x: x)
    ad.primitive_jvps[q] = lambda values, tangents: (q.bind(*values), weighted.bind(tangents[0], tangents[0] * 2))
    with pytest.raises(AssertionError, match=r"divides by a tangent|multiplies two tangents"):
        expanded(lambda x: q.bind(jnp.sin(x)), X)
    scaled = primitive("scaled", lambda t, y: jnp.where(y > 0, 3.0 * t, -t) / (1 + y * y))
    r = primitive("outer_scaled", jnp.sin)
    ad.primitive_jvps[r] = lambda values, tangents: (r.bind(*values), scaled.bind(tangents[0], values[0]))
    ours = expanded(lambda x: r.bind(x) * x, X)
    slope = np.where(X > 0, 3.0, -1.0) / (1 + X * X)
    np.testing.assert_allclose(ours, np.diag(slope * X + np.sin(X)), rtol=1e-14)


def test_derivatives_are_the_primitive_s_own_and_not_those_of_its_implementation():
    p = primitive("clipped_gradient", jnp.exp, implemented=True, slope=lambda x: jnp.minimum(jnp.exp(x), 2.0))
    check(lambda x: p.bind(x) + p.bind(2 * x), X)
    assert np.max(ccjac.jacobian(lambda x: p.bind(x), zoo=False)(X)) == 2.0


def test_one_without_a_derivative_is_refused_as_by_jax():
    p = primitive("no_rule", lambda x: jnp.sin(x))
    with pytest.raises(NotImplementedError):
        jax.jacfwd(p.bind)(X)
    with pytest.raises(NotImplementedError):
        ccjac.jacobian(p.bind, zoo=False)(X)
    # As a value it is one operation like any other.
    check(lambda x: p.bind(lax.stop_gradient(x)) * x, X)


KNOWN = (
    "neg abs sign sqrt rsqrt cbrt exp expm1 log log1p sin cos tan tanh logistic floor ceil is_finite erf erfc".split()
)
LATER = "one_minus_square log2 exp2".split()
SPECIAL = np.array([0.0, -0.0, 0.3, -0.7, 2.5, -3.5, 17.0, np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("name", [*KNOWN, *LATER])
def test_what_is_read_from_stablehlo_is_what_the_primitive_computes(name):
    if not hasattr(lax, name):
        pytest.skip("a later release's primitive")
    (eqn,) = jax.make_jaxpr(getattr(lax, name))(SPECIAL).eqns
    program = lowered._by_signature(lowered._lower, eqn)
    (ours,) = evaluate(program, [SPECIAL])
    np.testing.assert_allclose(ours, getattr(lax, name)(SPECIAL), rtol=1e-13, atol=1e-15)


TWO = {
    "pow": lambda x, y: lax.pow(lax.abs(x), y),
    "atan2": lax.atan2,
    "rem": lax.rem,
    "max": lax.max,
    "le": lambda x, y: lax.le(x, y),
    "select": lambda x, y: lax.select(lax.lt(x, y), x, y),
    "clamp": lambda x, y: lax.clamp(-1.0, x, y),
    "bits": lambda x, y: lax.bitcast_convert_type(lax.bitcast_convert_type(x, jnp.int64) & 1023, jnp.float64) + y,
    "round": lambda x, y: lax.round(x) + lax.round(y, lax.RoundingMethod.TO_NEAREST_EVEN),
    "integer": lambda x, y: (x.astype(jnp.int32) << 2).astype(jnp.float64) + y,
}


@pytest.mark.parametrize("name", TWO)
def test_operations_on_two_operands(name):
    x, y = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
    p = primitive(f"two_{name}", TWO[name])
    (eqn,) = jax.make_jaxpr(p.bind)(x, y).eqns
    (ours,) = evaluate(lowered._by_signature(lowered._lower, eqn), [x, y])
    np.testing.assert_allclose(np.asarray(ours, float), np.asarray(p.bind(x, y), float), rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda x: x[::-1], "reverse"),
        (lambda x: jnp.sort(x), "sort"),
        (lambda x: x * np.arange(4.0), "different constants"),
        (lambda x: jnp.broadcast_to(x[:2, None], (2, 4)).reshape(8)[:4], "does not act|other axes|operations"),
    ],
)
def test_what_does_not_act_on_every_entry_alone_is_refused(function, why):
    p = primitive("whole", function)
    (eqn,) = jax.make_jaxpr(p.bind)(X).eqns
    with pytest.raises(ccjac.UnsupportedError, match=why):
        lowered._by_signature(lowered._lower, eqn)


def test_polynomials_of_later_releases():
    if not hasattr(lax, "polynomial"):
        pytest.skip("a later release's primitive")
    check(lambda x: lax.polynomial(x, [1.0, x[0], 0.5, 2.0]), X)


def test_every_function_of_the_normal_distribution_is_a_kernel():
    check(lambda x: jax.scipy.special.erf(x) * lax.erfc(x[::-1]), X)
    check(lambda x: jax.scipy.stats.norm.cdf(x) * jnp.tanh(x[::-1]), X)
    check(lambda x: jnp.arcsin(x / 4) + jnp.arctanh(x / 4) * jnp.arccos(x[::-1] / 4), X)
