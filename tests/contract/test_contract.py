"""What every backend promises: the frameworks' own results, under their transformations, by every road."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scenarios import SCENARIOS

import ccjac
from ccjac.fingerprint import fingerprint


class OnJax:
    """JAX, as the suite sees it."""

    name = "jax"

    def __init__(self) -> None:
        self.jax = pytest.importorskip("jax")
        self.xp = self.jax.numpy
        self.vmap, self.jacrev, self.jacfwd = self.jax.vmap, self.jax.jacrev, self.jax.jacfwd

    def leaves(self, tree: Any) -> tuple[list[np.ndarray], Any]:
        leaves, structure = self.jax.tree.flatten(tree)
        return [np.asarray(leaf) for leaf in leaves], structure

    def arrays(self, tree: Any) -> Any:
        return self.jax.tree.map(self.xp.asarray, tree)

    def batched(self, tree: Any, n: int) -> Any:
        return self.jax.tree.map(lambda a: self.xp.stack([a * (1.0 + 0.1 * k) for k in range(n)]), tree)


class OnTorch:
    """torch, as the suite sees it."""

    name = "torch"

    def __init__(self) -> None:
        torch = self.xp = pytest.importorskip("torch")
        self.vmap, self.jacrev, self.jacfwd = torch.func.vmap, torch.func.jacrev, torch.func.jacfwd

    def leaves(self, tree: Any) -> tuple[list[np.ndarray], Any]:
        leaves, structure = self.xp.utils._pytree.tree_flatten(tree)
        return [leaf.detach().numpy() for leaf in leaves], str(structure)

    def arrays(self, tree: Any) -> Any:
        return self.xp.utils._pytree.tree_map(self.xp.tensor, tree)

    def batched(self, tree: Any, n: int) -> Any:
        stacked = lambda a: self.xp.stack([a * (1.0 + 0.1 * k) for k in range(n)])  # noqa: E731
        return self.xp.utils._pytree.tree_map(stacked, tree)


@pytest.fixture(params=[OnJax, OnTorch], ids=["jax", "torch"])
def framework(request):
    found = request.param()
    if found.name == "jax":
        before = found.jax.config.jax_enable_x64
        found.jax.config.update("jax_enable_x64", True)
        yield found
        found.jax.config.update("jax_enable_x64", before)
    else:
        yield found


def same(framework: Any, ours: Any, theirs: Any) -> None:
    (left, tree), (right, other) = framework.leaves(ours), framework.leaves(theirs)
    assert tree == other
    for a, b in zip(left, right, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def bound(framework: Any, name: str) -> tuple[Any, Any, Any]:
    scenario = SCENARIOS[name]
    return lambda *args: scenario.function(framework.xp, *args), framework.arrays(scenario.args), scenario.argnums


@pytest.mark.parametrize("name", SCENARIOS)
def test_jacobians(framework, name):
    fun, args, argnums = bound(framework, name)
    for _ in range(2):
        same(framework, ccjac.jacobian(fun, argnums=argnums)(*args), framework.jacrev(fun, argnums)(*args))
    value, jacobian = ccjac.value_and_jacobian(fun, argnums=argnums)(*args)
    # torch's forward mode gives zeros for an argument counted from the end.
    counted = argnums % len(args) if isinstance(argnums, int) else argnums
    same(framework, (value, jacobian), (fun(*args), framework.jacfwd(fun, counted)(*args)))


@pytest.mark.parametrize("name", SCENARIOS)
def test_batches(framework, name):
    fun, args, argnums = bound(framework, name)
    args = framework.batched(args, 3)
    theirs = framework.vmap(framework.jacrev(fun, argnums))(*args)
    same(framework, framework.vmap(ccjac.jacobian(fun, argnums=argnums))(*args), theirs)
    same(framework, ccjac.jacobian(fun, argnums=argnums, in_dims=0)(*args), theirs)


@pytest.mark.parametrize("name", ["vector", "choice", "norm", "a loop", "matrix"])
def test_derivatives_of_the_jacobian(framework, name):
    fun, args, argnums = bound(framework, name)
    ours, theirs = ccjac.jacobian(fun, argnums=argnums), framework.jacrev(fun, argnums)
    for outer in (framework.jacrev, framework.jacfwd, ccjac.jacobian):
        reference = framework.jacfwd if outer is ccjac.jacobian else outer
        same(framework, outer(ours)(*args), reference(theirs)(*args))


@pytest.mark.parametrize("name", SCENARIOS)
def test_one_mathematics_is_one_graph(name):
    graphs = []
    for kind in (OnJax, OnTorch):
        framework = kind()
        fun, args, argnums = bound(framework, name)
        graphs.append(fingerprint(ccjac.trace(fun, *args, argnums=argnums, backend=framework.name)))
    assert graphs[0] == graphs[1]
