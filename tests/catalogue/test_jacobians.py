"""Every catalogued function: all orders give JAX's Jacobian, and the prebuilt zoo knows the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from catalogue_helpers import reference

import ccjac
import ccjac_zoo
from ccjac.elimination import forward_order, reverse_order
from ccjac.ordering import greedy
from ccjac.zoo import Zoo
from ccjac_zoo.build import ORDERS, graph_of
from oracles import assert_same, eager_jacobian, numpy_jacobian, numpy_jacobian_by_each

TASKS = ccjac_zoo.tasks()
PAPER = (
    "RoeFlux_1d",
    "RoeFlux_3d",
    "RobotArm_6DOF",
    "HumanHeartDipole",
    "PropaneCombustion",
    "BlackScholes_Jacobian",
    "random_g",
)


def random_order(graph: ccjac.Graph) -> Sequence[int]:
    return np.random.default_rng(7).permutation(np.array(graph.eliminable, dtype=int)).tolist()


def prebuilt_order(graph: ccjac.Graph) -> Sequence[int]:
    hit = Zoo.default().lookup(graph)
    assert hit is not None
    return hit.order


@pytest.mark.parametrize("name", TASKS)
def test_every_order_gives_the_jacobian_of_both_modes(name: str) -> None:
    task = TASKS[name]
    fun, x = task.vector("jax"), jnp.asarray(task.pack(*task.example(1)))
    weights = np.random.default_rng(1).uniform(0.5, 1.5, task.m)
    expected = reference(name)(np.asarray(x), weights)
    # Random orders of the largest graphs fill in completely; their numbers say nothing new.
    orders = [forward_order, reverse_order, lambda g: greedy.best(g).order, prebuilt_order]
    if task.n * len(ccjac.trace(fun, x).eliminable) < 20_000:
        orders.append(random_order)
    for (actual,) in numpy_jacobian_by_each(fun, (x,), orders):
        assert_same(actual, expected.forward)
        assert_same(weights @ actual, expected.reverse, rtol=1e-9)


@pytest.mark.parametrize("name", TASKS)
def test_fresh_traces_hit_the_prebuilt_zoo(name: str) -> None:
    task = TASKS[name]
    zoo = Zoo.default()
    # Either calling form, either precision: the structure is the same.
    x = jnp.asarray(task.pack(*task.example()), jnp.float32)
    vector_form = ccjac.trace(task.vector("jax"), x)
    for graph in (graph_of(task), vector_form):
        for cost in ("multiplications", "structural"):
            hit = zoo.lookup(graph, cost)
            assert hit is not None
            assert hit.source
            assert ccjac.evaluate_order(graph, hit.order, cost) == hit.cost
            assert hit.cost <= min(
                ccjac.evaluate_order(graph, order(graph), cost) for order in (forward_order, reverse_order)
            )


def test_the_prebuilt_zoo_has_no_flaw(tmp_path: Any) -> None:
    assert Zoo(tmp_path / "none", shipped=[ORDERS]).verify() == []


@pytest.mark.parametrize("name", PAPER)
def test_transformations(name: str) -> None:
    task = TASKS[name]
    fun, batch = task.vector("jax"), jnp.asarray(np.stack([task.pack(*task.example(k)) for k in range(4)]))
    jacobian, reference = ccjac.jacobian(fun), jax.jacrev(fun)
    expected = jax.jit(jax.vmap(reference))(batch)
    assert_same(jax.jit(jax.vmap(jacobian))(batch), expected)
    nested = jax.jit(jax.vmap(jax.vmap(jacobian)))(batch.reshape(2, 2, -1))
    assert_same(nested, expected.reshape(2, 2, *expected.shape[1:]))
    scanned = jax.jit(lambda xs: jax.lax.scan(lambda c, x: (c + 1, jacobian(x)), 0, xs)[1])(batch)
    assert_same(scanned, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["RoeFlux_1d", "HumanHeartDipole", "PropaneCombustion", "BlackScholes_Jacobian"])
def test_gradient_of_the_jacobian(name: str) -> None:
    task = TASKS[name]
    fun, x = task.vector("jax"), jnp.asarray(task.pack(*task.example(2)))

    def size(mode: Any) -> Any:
        return jax.jit(jax.grad(lambda x: jnp.sum(mode(fun)(x) ** 2)))

    assert_same(size(ccjac.jacobian)(x), size(jax.jacfwd)(x))


@pytest.mark.parametrize("name", ["RoeFlux_1d", "RobotArm_6DOF", "SABR", "LSTMCell"])
def test_plain_operations_agree_with_numpy(name: str) -> None:
    if name not in TASKS:
        pytest.skip(f"{name} is not catalogued")
    task = TASKS[name]
    fun, x = task.vector("jax"), jnp.asarray(task.pack(*task.example(3)))
    assert_same(eager_jacobian(fun, (x,), reverse_order)[0], jnp.asarray(numpy_jacobian(fun, (x,), reverse_order)[0]))
