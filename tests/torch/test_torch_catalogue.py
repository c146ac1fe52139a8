"""Every catalogue function: the graph that JAX gives, and the Jacobians of torch's own modes."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import ccjac  # noqa: E402
import ccjac_zoo  # noqa: E402
from ccjac.fingerprint import fingerprint  # noqa: E402

TASKS = [task for tasks in ccjac_zoo.domains().values() for task in tasks]


def leaves(tree):
    return [np.asarray(t.detach()) for t in torch.utils._pytree.tree_leaves(tree)]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_graph_and_jacobians(task):
    args = [torch.tensor(a) for a in task.example()]
    fun, argnums = task.bind("torch"), task.argnums
    plan = ccjac.plan(fun, *args, argnums=argnums, zoo=False, order="reverse")
    assert plan.source != "fallback", plan.reason
    if (expected := shipped(task)) is not None:
        assert plan.fingerprint == expected, "torch and JAX give different graphs"
    ours = leaves(ccjac.jacobian(fun, argnums=argnums, zoo=False, order="reverse")(*args))
    theirs = leaves(torch.func.jacrev(fun, argnums=argnums)(*args))
    size = max([float(np.abs(b).max(initial=0.0)) for b in theirs], default=0.0) or 1.0
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0.0, atol=1e-10 * size)


def shipped(task):
    """The fingerprint under which the catalogue's orders are filed: that of the function as JAX traces it."""
    try:
        import jax
    except ImportError:
        return None
    from ccjac_zoo.build import graph_of

    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        return fingerprint(graph_of(task))
