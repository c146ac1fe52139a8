"""Functions lowered for CUDA devices where there is none: a kernel that was asked for is exactly one custom call."""

from __future__ import annotations

import re

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

import ccjac


def f(x):
    return jnp.sin(x) * jnp.exp(x[::-1]) + jnp.prod(x) * jnp.tanh(x)


J = ccjac.jacobian(f, executor="kernel", zoo=False)
POINT, BATCH = jnp.arange(1.0, 5.0) / 4, jnp.ones((16, 4))


def calls(fun, *args, platform="cuda") -> list[str]:
    text = jax.jit(fun).trace(*args).lower(lowering_platforms=(platform,)).as_text()
    return re.findall(r"custom_call @(ccjac_\w+)", text)


def in_a_loop(x):
    return jax.lax.scan(lambda x, _: (x - 0.1 * J(x) @ x, None), x, None, length=5)[0]


def over_a_mesh(x):
    mesh = jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
    return jax.shard_map(jax.vmap(J), mesh=mesh, in_specs=P("i"), out_specs=P("i"))(x)


def gradient(x):
    return jax.grad(lambda x: J(x).sum())(x)


def tangent(x):
    return jax.jvp(J, (x,), (x,))[1]


FUNCTIONS = {
    "plain": (J, POINT),
    "batch": (jax.vmap(J), BATCH),
    "two batch axes": (jax.vmap(jax.vmap(J)), BATCH.reshape(4, 4, 4)),
    "loop": (in_a_loop, POINT),
    "loop over a batch": (jax.vmap(in_a_loop), BATCH),
    "mesh": (over_a_mesh, BATCH),
    # The Jacobian itself is not needed for its derivative, so its own call goes away.
    "gradient": (jax.vmap(gradient), BATCH),
    "tangent": (jax.vmap(tangent), BATCH),
    "values": (jax.vmap(ccjac.value_and_jacobian(f, executor="kernel", zoo=False)), BATCH),
    "second derivative": (
        jax.vmap(ccjac.hessian(lambda x: (f(x) ** 2).sum(), executor="kernel", zoo=False)),
        BATCH,
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_kernel_that_was_asked_for_is_one_custom_call(name: str) -> None:
    found = calls(*FUNCTIONS[name])
    assert len(found) == 1, found
    assert found[0].startswith("ccjac_cuda_kernel_")
    assert len(calls(*FUNCTIONS[name], platform="cpu")) == 1


def test_a_kernel_that_was_not_asked_for_is_plain_operations() -> None:
    assert calls(jax.vmap(ccjac.jacobian(f, zoo=False)), BATCH) == []
    assert calls(jax.vmap(J), BATCH, platform="tpu") == []
    assert calls(jax.vmap(J), BATCH, platform="rocm") == []


def test_one_export_serves_both_platforms() -> None:
    checks = [
        jax.export.DisabledSafetyCheck.custom_call(t)
        for t in (calls(jax.vmap(J), BATCH, platform=p)[0] for p in ("cpu", "cuda"))
    ]
    exported = jax.export.export(jax.jit(jax.vmap(J)), platforms=["cpu", "cuda"], disabled_checks=checks)(BATCH)
    assert len(set(re.findall(r"custom_call @(ccjac_\w+)", exported.mlir_module()))) == 2
    np.testing.assert_allclose(exported.call(BATCH), jax.vmap(jax.jacfwd(f))(BATCH), rtol=1e-12)


def test_names_are_made_from_the_source_alone() -> None:
    def scaled(factor):
        jacobian = ccjac.jacobian(lambda x: jnp.sin(x) * jnp.exp(factor * x[::-1]), executor="kernel", zoo=False)
        return calls(jax.vmap(jacobian), BATCH)

    # Numbers are operands, so another number is the same kernel.
    assert scaled(0.3) == scaled(0.7)
    assert scaled(0.3) != calls(jax.vmap(J), BATCH)
