"""What is counted in a jaxpr, against Jacobians that JAX computes and programs that come out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import ccjac
from ccjac.estimate import Features
from ccjac_jax import tracing
from ccjac_jax.features import features

MATRIX = jnp.asarray(np.random.default_rng(0).normal(size=(7, 5)) * (np.arange(35).reshape(7, 5) % 3 == 0))


@jax.custom_jvp
def clipped(x):
    """The identity, with another derivative."""
    return x


clipped.defjvp(lambda primals, tangents: (primals[0], jnp.where(primals[0] > 0, tangents[0], 0.0)))


def count(f, *args, n_differentiated: int = 1) -> Features:
    closed = jax.make_jaxpr(f)(*args)
    return features(closed, n_differentiated, len(closed.out_avals))


def step(carry, x):
    return jnp.stack([carry[1], carry[0] * x]), carry[0]


PATTERNS = {
    "diagonal": lambda x: jnp.sin(x) * x,
    "stencil": lambda x: jnp.diff(x**2),
    "dense": lambda x: x / jnp.sqrt(jnp.sum(x**2)),
    "sparse matrix": lambda x: MATRIX @ jnp.exp(x),
    "sparse matrix from the right": lambda x: jnp.exp(x) @ MATRIX.T,
    "outer product": lambda x: jnp.outer(x[:2], x[2:]) @ x[2:],
    "running sum": lambda x: jnp.cumsum(x**2),
    "running sum from the end": lambda x: lax.cumsum(x**2, reverse=True),
    "gather": lambda x: x[jnp.array([0, 4, 4])] * x[1],
    "scatter": lambda x: jnp.zeros(6).at[jnp.array([1, 3])].add(x[:2] ** 2),
    "known choice": lambda x: jnp.where(jnp.arange(5) > 2, x**2, 3.0),
    "choice": lambda x: jnp.where(x > 0, x**2, x[0]),
    "constant and unused": lambda x: jnp.stack([x[0] ** 2, 3.0]),
    "loop": lambda x: lax.scan(step, x[:2], x[2:])[1],
    "branches": lambda x: lax.cond(x[0] > 0, lambda: x[1:3] ** 2, lambda: x[3:]),
    "padded and reversed": lambda x: jnp.pad(x[::-1], 2)[1:6] ** 3,
    "maximum": lambda x: jnp.max(x.reshape(5, 1) * x[:2], axis=0),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_entries_of_the_jacobian(name):
    f, x = PATTERNS[name], jnp.linspace(0.5, 1.3, 5)
    traced = ccjac.trace(f, x)
    # What depends on what: paths in the graph, which is exact.
    reach = [{k} for k in range(traced.n_inputs)] + [set() for _ in range(traced.size - traced.n_inputs)]
    for a, b in sorted(traced.edges, key=lambda edge: edge[1]):
        reach[b] |= reach[a]
    assert count(f, x).entries == sum(len(reach[v]) for v in traced.outputs)


def test_columns_are_sampled_beyond_a_word():
    assert count(lambda x: jnp.sin(x), jnp.ones(1000)).entries == pytest.approx(1000)
    assert count(lambda x: x / jnp.sum(x), jnp.ones(300)).entries == pytest.approx(90_000)


@pytest.mark.parametrize(
    ("f", "affine"),
    [
        (lambda x: MATRIX @ x + 1, True),
        (lambda x: jnp.cumsum(x)[::-1] * 2 - x, True),
        (lambda x: jnp.diff(x, 2) / 3, True),
        (lambda x: x * x, False),
        (lambda x: jnp.where(x > 0, x, 2 * x), False),
        (lambda x: MATRIX @ jnp.sin(x), False),
        (lambda x: 2.0 / x, False),
        (lambda x: x / x[0], False),
        (lambda x: jnp.convolve(x, x), False),
        (lambda x: jax.scipy.linalg.solve_triangular(jnp.eye(5) + jnp.diag(x), jnp.ones(5)), False),
        (lambda x: jax.scipy.linalg.solve_triangular(jnp.eye(5), x, lower=True), True),
        (lambda x: jnp.cumprod(x), False),
        (lambda x: lax.cond(x[0] > 0, lambda: x, lambda: 2 * x), False),
        (lambda x: clipped(x), False),
        (lambda x: jnp.where(jnp.arange(5) > 2, x, 2 * x), True),
        (lambda x: x.astype(jnp.int32).astype(float) + x, True),
    ],
)
def test_constant_jacobians(f, affine):
    assert count(f, jnp.ones(5)).affine is affine


def test_a_map_whose_matrix_is_an_argument_is_not_constant():
    assert not count(lambda x, a: a @ x, jnp.ones(5), MATRIX).affine


def test_the_length_of_programs():
    for f, x in (
        (lambda x: jnp.sin(x) * x, jnp.ones(40)),
        (lambda x: jnp.exp(-jnp.cumsum(x**2)), jnp.ones(12)),
        (lambda x: lax.fori_loop(0, 20, lambda _, y: y + 0.1 * jnp.stack([y[1], -jnp.sin(y[0])]), x), jnp.ones(2)),
    ):
        traced = tracing.trace(ccjac.backends.discovery.answers("ccjac_backend")[0].prepare(request(f), (x,), {}))
        estimated = traced.features.program
        actual = ccjac.plan(f, x, executor="kernel")
        total = len(traced.linearization.builder) + actual.multiplications + actual.additions
        assert 0.3 * total < estimated < 2 * total


def request(f):
    return ccjac.backends.protocol.Request(f, 0, has_aux=False, with_value=False)


def test_the_body_of_a_loop_counts_once_among_equations_and_as_often_as_it_runs_among_operations():
    short, long = (count(lambda x, n=n: lax.fori_loop(0, n, lambda _, y: jnp.sin(y), x), 1.0) for n in (10, 5000))
    assert short.equations == long.equations
    assert long.operations == pytest.approx(500 * short.operations, rel=0.01)


def test_refusing_expands_nothing(monkeypatch):
    def expand(*args: object) -> None:
        raise AssertionError("expanded")

    monkeypatch.setattr(tracing, "_linearize", expand)
    matrix = jnp.ones((500, 500))
    plan = ccjac.plan(lambda x: jnp.tanh(matrix @ x), jnp.ones(500))
    assert plan.source == "fallback"
    assert "operations" in plan.reason


def test_what_the_user_chose_is_not_questioned():
    def f(x):
        return jnp.sin(x) * x

    x = jnp.ones(1500)
    assert ccjac.plan(f, x).source == "fallback"
    assert ccjac.plan(f, x, executor="kernel").executor == "kernel"
    assert ccjac.plan(f, x, order="reverse").executor == "kernel"
