"""Jacobians of batches that are spread over devices, and of exported functions."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import ccjac
from ccjac_jax.xla import register as ffi

ROOT = Path(__file__).parents[2]
EXECUTORS = ["ops", *([] if isinstance(ffi.interface(), str) else ["kernel"])]

COMMON = """
import sys
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
import ccjac

def f(x, p, s):
    r = jnp.sqrt(x[0] ** 2 + p[1]) + jnp.arctan2(x[1], s)
    bent = jnp.where(x[0] > s, x[1] * p[0], jnp.maximum(x[1], p[0]) ** 2.5)
    return jnp.stack([jnp.sin(x[0] * x[1]) * r**3, bent, jnp.abs(x[0] - 1.0) + p[1]])

def batched(mode, argnums):
    return jax.vmap(mode(f, argnums=argnums), (0, None, None))

def same(ours, theirs):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)

def ours(f, argnums):
    return ccjac.jacobian(f, argnums=argnums, executor=sys.argv[1], zoo=False)

rng = np.random.default_rng(0)
x, p, s = jnp.asarray(rng.uniform(0.2, 2, (12, 2))), jnp.array([0.7, 1.3]), jnp.float64(0.8)
args = (x, p, s)
"""

SHARD_MAP = """
mesh = jax.make_mesh((4,), ("i",), axis_types=(AxisType.Auto,))

def shards(function, out_specs):
    return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=(P("i"), P(), P()), out_specs=out_specs))(*args)

def size(mode, argnums):
    return lambda *a: sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(batched(mode, argnums)(*a)))

# The batch is divided, the other operands are whole on every device; every combination is differentiated.
for argnums in (0, 1, (0, 1, 2)):
    same(shards(batched(ours, argnums), P("i")), jax.jit(batched(jax.jacfwd, argnums))(*args))
expected = jax.jit(jax.grad(size(jax.jacfwd, (0, 1))))(*args)
same(shards(jax.grad(size(ours, (0, 1))), P("i")), expected)

def total(mode):
    return lambda p, x, s: jax.lax.psum(size(mode, (0, 1))(x, p, s), "i")

expected = jax.jit(jax.grad(size(jax.jacfwd, (0, 1)), 1))(*args)
same(shards(lambda x, p, s: jax.grad(total(ours))(p, x, s), P()), expected)
"""

AUTOMATIC = """
# Before 0.10 JAX itself could not batch a choice between constants over an explicit axis.
kinds = (AxisType.Auto, AxisType.Explicit)[: 2 if jax.__version_info__ >= (0, 10) else 1]
for kind in kinds:
    mesh = jax.make_mesh((4,), ("i",), axis_types=(kind,))
    whole, divided = NamedSharding(mesh, P()), NamedSharding(mesh, P("i"))
    placed = [jax.device_put(a, sharding) for a, sharding in zip(args, (divided, whole, whole))]
    with jax.set_mesh(mesh):
        same(jax.jit(batched(ours, (0, 1)))(*placed), jax.jit(batched(jax.jacfwd, (0, 1)))(*args))
"""


DIVIDED = """
# Too long for XLA to take apart, with numbers that are data of a kernel elsewhere.
def g(x, p, s):
    for _ in range(2):
        x = jnp.sin(x * 0.3) * x[0] + p * jnp.exp(-x[1] * x * 0.7) / (1.1 + x[2] ** 2) + s
    return x, jnp.sum(x * p)

kinds = (AxisType.Auto, AxisType.Explicit)[: 2 if jax.__version_info__ >= (0, 10) else 1]
for kind in kinds:
    mesh = jax.make_mesh((2, 2), ("i", "j"), axis_types=(kind, kind))
    put = lambda a, *axes: jax.device_put(jnp.asarray(a), NamedSharding(mesh, P(*axes)))
    with jax.set_mesh(mesh):
        x = put(rng.uniform(0.2, 1, (8, 6, 3)), "j", "i")
        p, s = put(rng.uniform(0.2, 1, 3)), put(rng.uniform(0.2, 1, (6, 1)), "i")

        def of(mode, argnums):
            return jax.vmap(jax.vmap(mode(g, argnums=argnums), (0, None, 0)), (0, None, None))

        for argnums in (0, (0, 1, 2)):
            J, R = (of(mode, argnums) for mode in (ours, jax.jacfwd))
            got, right = jax.jit(J)(x, p, s), jax.jit(R)(x, p, s)
            same(got, right)
            for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(right), strict=True):
                assert a.sharding.is_equivalent_to(b.sharding, a.ndim), (kind, a.sharding, b.sharding)
                assert str(jax.typeof(a)) == str(jax.typeof(b))
            same(jax.jit(lambda *a: jax.tree.map(jnp.add, J(*a), R(*a)))(x, p, s), jax.tree.map(lambda a: a + a, right))
            # Outside of a compiled function too.
            same(J(x, p, s), right)
            text = jax.jit(J).lower(x, p, s).compile().as_text()
            assert "all-gather" not in text and "all-to-all" not in text and "collective-permute" not in text

        total = lambda mode: lambda *a: sum(jnp.sum(leaf ** 2) for leaf in jax.tree.leaves(of(mode, 0)(*a)))
        same(*(jax.jit(jax.grad(total(mode), (0, 1, 2)))(x, p, s) for mode in (ours, jax.jacfwd)))

# A batch that the devices cannot share evenly.
mesh = jax.make_mesh((4,), ("i",), axis_types=(AxisType.Auto,))
def uneven(x, p, s):
    x = jax.lax.with_sharding_constraint(x, NamedSharding(mesh, P("i")))
    return jax.vmap(ours(g, 0), (0, None, None))(x, p, s)
x = jnp.asarray(rng.uniform(0.2, 1, (7, 3)))
p, s = jnp.asarray(rng.uniform(0.2, 1, 3)), jnp.float64(0.4)
same(jax.jit(uneven)(x, p, s), jax.vmap(jax.jacfwd(g), (0, None, None))(x, p, s))
"""


PLACED = """
# Where arrays lie decides on the device, even if the derivative does not read them.
first, second = jax.devices()[1:3]
w = jax.device_put(jnp.arange(3.0), second)
captured = ours(lambda x: jnp.sin(x * w), 0)(jnp.ones(3))
assert captured.devices() == {second}
for mode in (lambda g: ours(g, 0), jax.jacfwd):
    try:
        mode(lambda x, p: x * 2.0 + p)(jax.device_put(jnp.ones(3), first), w)
    except ValueError:
        continue
    raise AssertionError("operands on two devices")
"""

SCRIPTS = [(script, executor) for script in ("SHARD_MAP", "AUTOMATIC", "PLACED") for executor in EXECUTORS]
SCRIPTS += [("DIVIDED", executor) for executor in EXECUTORS if executor == "kernel"]


@pytest.mark.parametrize(("script", "executor"), SCRIPTS)
def test_batches_over_several_devices(script, executor):
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("", "plugins"))
    flags = "--xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-c", COMMON + globals()[script], executor],
        env={**os.environ, "PYTHONPATH": paths, "XLA_FLAGS": flags, "JAX_NUMPY_DTYPE_PROMOTION": "standard"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # JAX's own mode would be right as well, and prove nothing.
    assert "uses the framework's own" not in done.stderr


def chain(x):
    """Too long to be taken into a surrounding fusion."""
    return jnp.stack([jnp.sin(x[k] * x[k - 1]) * x[k - 2] / (1 + x[k] ** 2 * x[k - 3]) for k in range(4)])


def test_plain_operations_are_exported_for_several_platforms_and_any_batch():
    jacobian = ccjac.jacobian(chain, executor="ops", zoo=False)
    (n,) = export.symbolic_shape("n")
    batch = jax.ShapeDtypeStruct((n, 4), jnp.float32)
    exported = export.export(jax.jit(jax.vmap(jacobian)), platforms=["cpu", "cuda"])(batch)
    x = jnp.linspace(0.5, 1.5, 12, dtype=jnp.float32).reshape(3, 4)
    np.testing.assert_allclose(exported.call(x), jax.vmap(jax.jacfwd(chain))(x), rtol=1e-5)


@pytest.mark.skipif("kernel" not in EXECUTORS, reason="no kernels with this jaxlib")
def test_the_export_of_a_kernel_names_the_way_out():
    jacobian = ccjac.jacobian(chain, executor="kernel", zoo=False)
    with pytest.raises(ValueError, match="to_export_use_executor_ops"):
        export.export(jax.jit(jacobian))(jnp.ones(4))
