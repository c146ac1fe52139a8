"""Indices that depend on the data, and sorting, against JAX's own values and derivatives in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import ccjac
from ccjac.elimination import forward_order
from oracles import assert_exact, assert_same, jacobian_programs

_random = np.random.default_rng(9)
X = np.array([0.3, -0.7, 1.9, 0.45, -0.2, 1.1])
TIED = np.array([0.5, -1.0, 0.5, 2.0, -1.0, 2.0])
GRID = np.cumsum(_random.random(15))
TABLE, PLANE = _random.normal(size=15), _random.normal(size=(5, 6))
QUERY = np.array([-1.0, 2.3, 4.0, 6.6, 99.0])
PLACES = np.array([0.3, 2.7, 1.1])


def whole(x: Any) -> Any:
    return jnp.floor(3 * x).astype(jnp.int32)


def _limiter(x: Any) -> Any:
    order = jnp.argsort(jnp.abs(x))
    return x[order[:3]] * x[order[-1]]


def _nearest(x: Any) -> Any:
    points = jnp.asarray(PLANE)[:, :2]
    return ((points[jnp.argmin(jnp.sum((points - x[:2]) ** 2, 1))] - x[:2]) ** 2).sum()


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = {
    "gather, clip": (lambda x: x.at[whole(x)].get(mode="clip") * x, (X,)),
    "gather, fill": (lambda x: x.at[whole(x)].get(mode="fill", fill_value=2.5) * x, (X,)),
    "gather of a known table": (lambda x: jnp.asarray(TABLE).at[whole(x)].get(mode="clip") * x, (X,)),
    "gather from a matrix": (lambda x: jnp.outer(x, x**2)[jnp.argmax(x), jnp.argmin(x)] * x, (X,)),
    "gather rows": (lambda x: jnp.outer(x[:3], x)[jnp.argsort(x[:3])], (X,)),
    "gather along": (lambda x: jnp.take_along_axis(x.reshape(2, 3), jnp.argsort(x.reshape(2, 3), 1), 1), (X,)),
    "index of one entry": (lambda x: x[:1][whole(x[:2]) * 0] * x[:2], (X,)),
    "dynamic_slice": (lambda x: lax.dynamic_slice(x, (jnp.argmax(x) - 1,), (3,)) ** 2, (X,)),
    "dynamic_slice beyond": (lambda x: lax.dynamic_slice(x, (whole(x[2]) * 7,), (2,)) ** 2, (X,)),
    "dynamic_slice of a matrix": (
        lambda x: lax.dynamic_slice(jnp.outer(x, x), (jnp.argmin(x), jnp.argmax(x)), (2, 3)),
        (X,),
    ),
    "dynamic_update_slice": (lambda x: lax.dynamic_update_slice(x, jnp.sin(x[:2]), (jnp.argmax(x),)), (X,)),
    "dynamic_update_slice of a constant": (
        lambda x: lax.dynamic_update_slice(jnp.zeros(6), jnp.sin(x[:2]), (jnp.argmax(x),)),
        (X,),
    ),
    "scatter": (lambda x: x.at[jnp.argsort(x)[:2]].set(x[2:4] ** 2), (X,)),
    "scatter of one place twice": (lambda x: x.at[jnp.array([0, 0]) + jnp.argmax(x)].set(x[2:4] ** 2), (X,)),
    "scatter, dropped": (lambda x: x.at[whole(x)].set(x**2, mode="drop"), (np.array([0.4, 5.0, 1.1, 2.5]),)),
    "scatter, clip": (lambda x: x.at[whole(x)].set(x**2, mode="clip"), (np.array([0.4, 5.0, 1.1, 0.7]),)),
    "scatter-add": (lambda x: x.at[jnp.argsort(x)[:3]].add(x[:3] ** 2), (X,)),
    "scatter-add of one place twice": (lambda x: x.at[jnp.array([0, 0]) + jnp.argmin(x)].add(x[:2] ** 2), (X,)),
    "scatter-add to a histogram": (lambda x: jnp.zeros(4).at[whole(x) % 4].add(x**2), (X,)),
    "scatter-mul": (lambda x: x.at[jnp.argmin(x)].mul(x[1]), (X,)),
    "scatter a row": (lambda x: jnp.outer(x, x).at[jnp.argmax(x)].set(jnp.sin(x)), (X,)),
    "segment_sum": (lambda x: jax.ops.segment_sum(x**2, jnp.argsort(x) % 3, 3), (X,)),
    "argmin pick": (lambda x: x[jnp.argmin(x)] * x, (X,)),
    "argmax pick with ties": (lambda x: x[jnp.argmax(x)] * x, (TIED,)),
    "nearest point": (_nearest, (X,)),
    "searchsorted": (lambda x: jnp.asarray(TABLE)[jnp.searchsorted(GRID, x)] * x, (QUERY[:3],)),
    "searchsorted, right, by comparison": (
        lambda x: x * jnp.searchsorted(GRID, x, side="right", method="compare_all").astype(x.dtype),
        (QUERY,),
    ),
    "digitize": (lambda x: x * jnp.digitize(x, GRID).astype(x.dtype), (QUERY,)),
    "interp": (lambda x: jnp.interp(x, GRID, TABLE), (QUERY,)),
    "interp at a node": (lambda x: jnp.interp(x, GRID, TABLE), (GRID[3:5],)),
    "interp of computed values": (lambda x, f: jnp.interp(x, GRID, jnp.sin(f)), (QUERY[1:3], TABLE)),
    "interp, periodic": (lambda x: jnp.interp(x, GRID[:5], TABLE[:5], period=4.0), (QUERY[:2],)),
    "map_coordinates": (
        lambda x: jax.scipy.ndimage.map_coordinates(PLANE, [x, 2 * x], order=1, mode="nearest"),
        (PLACES,),
    ),
    "map_coordinates, constant": (
        lambda x: jax.scipy.ndimage.map_coordinates(PLANE, [x, 2.5 * x], order=1),
        (PLACES,),
    ),
    "sort": (jnp.sort, (X,)),
    "sort with ties": (jnp.sort, (TIED,)),
    "sort descending": (lambda x: jnp.sort(x, descending=True) * x, (TIED,)),
    "sort along an axis": (lambda x: jnp.sort(jnp.outer(x[:3], x), axis=0), (X,)),
    "sort by two keys": (lambda x: lax.sort((jnp.round(x), x, x**2), num_keys=2)[2], (X,)),
    "sort by two keys with ties": (lambda x: lax.sort((jnp.round(x), jnp.abs(x), x**3), num_keys=2)[2], (TIED,)),
    "argsort": (lambda x: x[jnp.argsort(-x)] ** 2, (TIED,)),
    "limiter": (_limiter, (X,)),
    "top_k": (lambda x: lax.top_k(x, 3)[0] * x[:3], (X,)),
    "top_k with ties": (lambda x: x[lax.top_k(x, 3)[1]] * x[:3], (TIED,)),
    "median": (jnp.median, (X,)),
    "median with ties": (jnp.median, (TIED[:5],)),
    "median along an axis": (lambda x: jnp.median(x.reshape(2, 3), axis=1), (X,)),
    "percentile": (lambda x: jnp.percentile(x, 30.0), (X,)),
    "cummax": (lax.cummax, (X,)),
    "cummin, reversed": (lambda x: lax.cummin(x, reverse=True), (X,)),
    "sort of one": (lambda x: jnp.sort(x[:1]) * x, (X,)),
    "sort of none": (lambda x: jnp.sort(x[:0]).sum() + x, (X,)),
    "in a loop": (lambda x: lax.fori_loop(0, 4, lambda k, y: y.at[jnp.argmin(y)].add(y[k] ** 2), x), (X,)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian(name: str) -> None:
    assert_exact(*FUNCTIONS[name])


@pytest.mark.parametrize(
    "name", ["gather, fill", "scatter-add to a histogram", "interp", "map_coordinates, constant", "argsort", "top_k"]
)
def test_batches_in_the_kernel(name: str) -> None:
    """Every sample reads at places of its own."""
    fun, (x,) = FUNCTIONS[name]
    batch = np.stack([x, 1.3 * x + 0.1, -x, x[::-1]])
    values, jacobians = jax.vmap(ccjac.value_and_jacobian(fun, executor="kernel"))(batch)
    assert_same(values, jax.vmap(fun)(batch), rtol=1e-12)
    assert_same(jacobians, jax.vmap(jax.jacrev(fun))(batch), rtol=1e-12)


SPECIAL = jnp.array([0.0, np.nan, np.inf, -0.0, -np.inf, -np.nan, 1.0, np.nan])


@pytest.mark.parametrize(
    "fun",
    [
        jnp.sort,
        jnp.argsort,
        lambda x: lax.top_k(x, 8),
        lambda x: lax.top_k(x, 2),
        lambda x: jnp.median(x[2:6]),
        lambda x: jnp.searchsorted(GRID, x),
        lambda x: jnp.sort(x > 0),
        lambda x: x.at[jnp.argmax(x) + 7].get(mode="fill"),
        lambda x: whole(x[:1]).at[jnp.argmax(x) + 7].get(mode="fill"),
        lambda x: x.at[jnp.argmax(x) - 1 - 8 * (x[0] == 0).astype(jnp.int64)].get(),
    ],
)
def test_values_of_special_numbers(fun: Callable[..., Any]) -> None:
    """They are an operand that is not differentiated; zeros and NaN come out bit by bit as from JAX."""
    with_unit = lambda one, x: jax.tree.map(lambda y: y.astype(one.dtype) * one, fun(x))  # noqa: E731
    one = jnp.array(1.0)
    values, _ = ccjac.value_and_jacobian(with_unit)(one, SPECIAL)
    for actual, expected in zip(jax.tree.leaves(values), jax.tree.leaves(with_unit(one, SPECIAL)), strict=True):
        np.testing.assert_array_equal(actual, expected)
        numbers = ~np.isnan(np.asarray(expected))
        signs = [np.signbit(np.asarray(v)) & numbers for v in (actual, expected)]
        np.testing.assert_array_equal(*signs)


def test_a_choice_does_not_leak_what_it_leaves_out() -> None:
    """The square root's infinite slope at the entry that is not chosen stays away from the result."""
    jacobian = ccjac.jacobian(lambda x: jnp.sqrt(x)[jnp.argmax(x)])(np.array([0.0, 4.0]))
    np.testing.assert_array_equal(jacobian, [0.0, 0.25])


def test_a_search_considers_few_places() -> None:
    """Bisection's second step is at one of two places, not at any of the table."""
    plan = ccjac.plan(lambda x: jnp.interp(x, GRID, TABLE), QUERY[1])
    assert plan.executor == "kernel"
    _, (program,) = jacobian_programs(lambda x: jnp.interp(x, GRID, TABLE), (QUERY[1],), [forward_order])
    assert program.program.operations < 300


def test_the_road_takes_sorts_and_tables() -> None:
    for fun, at in ((jnp.median, X), (_nearest, X), (_limiter, X)):
        assert ccjac.plan(fun, at).executor == "kernel"
