"""One mathematics is one graph, whichever framework it is written in, so that one order serves both."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")

from graph_pairs import PAIRS  # noqa: E402

import ccjac  # noqa: E402
from ccjac.fingerprint import fingerprint  # noqa: E402

OTHERS = {
    "sinc": "JAX adds a series at zero",
    "prod": "torch's rule has one vertex, JAX multiplies in a tree",
    "cumprod": "torch multiplies one after the other, JAX in a tree",
}
"""Pairs whose graphs differ, and why."""


@pytest.fixture(autouse=True)
def double_precision():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("name", PAIRS)
def test_graphs_and_jacobians(name):
    on_torch, on_jax, argument = PAIRS[name]
    x = torch.tensor(argument)
    # Some numbers of JAX's activations are single precision, and so is what is cast.
    tolerance = 1e-6 if name in ("hardsigmoid", "hardswish", "float32 in between") else 1e-9
    ours = ccjac.jacobian(on_torch, zoo=False)(x)
    np.testing.assert_allclose(ours, torch.func.jacrev(on_torch)(x), rtol=tolerance, atol=1e-12)
    np.testing.assert_allclose(ours, jax.jacfwd(on_jax)(argument), rtol=tolerance, atol=1e-12)
    graphs = [ccjac.trace(on_torch, x), ccjac.trace(on_jax, jax.numpy.asarray(argument))]
    assert (fingerprint(graphs[0]) == fingerprint(graphs[1])) == (name not in OTHERS), graphs
