"""Derivatives of Jacobians: exact for the whole catalogue, by kernels, whatever is differentiated and however often."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
import ccjac_zoo

pytest.importorskip("llvmlite")
kernels = pytest.importorskip("ccjac_jax.kernel")

TASKS = ccjac_zoo.tasks()
SEEDS = (0, 1, 2)
_QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
_HEAVY = {
    "BiggsEXP6",
    "BrownDennis",
    "KowalikOsborne",
    "Meyer",
    "MooneyRivlin",
    "Osborne1",
    "TransformerEncoder",
    "Watson",
    "random_f",
}
each_task = pytest.mark.parametrize(
    "task",
    [pytest.param(t, id=name, marks=pytest.mark.slow if name in _HEAVY else ()) for name, t in TASKS.items()],
)


def compiled(f, *args):
    return jax.jit(f).lower(*args).compile(compiler_options=_QUICK)(*args)


@each_task
def test_products_with_tangents_and_cotangents(task):
    f = task.vector("jax")
    x = jnp.stack([task.pack(*task.example(seed)) for seed in SEEDS])
    rng = np.random.default_rng(0)
    v, w = (jnp.asarray(rng.normal(size=(len(SEEDS), *s))) for s in ((task.n,), (task.m, task.n)))
    jacobian = ccjac.jacobian(f, executor="kernel")

    def products(x, v, w):
        forward = jax.jvp(jacobian, (x,), (v,))[1]
        return forward, jax.grad(lambda x: jnp.vdot(w, jacobian(x)))(x)

    forward, reverse = jax.jit(jax.vmap(products))(x, v, w)
    # All second derivatives by JAX alone: [B, m, n, n].
    second = compiled(jax.vmap(jax.jacfwd(jax.jacfwd(f))), x)
    for k in range(len(SEEDS)):
        close(forward[k], np.einsum("mij,j->mi", second[k], v[k]), np.abs(second[k]) * np.abs(v[k]), axis=0)
        close(reverse[k], np.einsum("mi,mij->j", w[k], second[k]), np.abs(second[k]) * np.abs(w[k])[..., None], axis=2)


def close(found, expected, terms, axis):
    """Both sum up ``terms``: the largest of them that shares the index ``axis`` gives the scale of rounding errors."""
    others = tuple(k for k in range(terms.ndim) if k != axis)
    scale = np.max(terms, axis=others, initial=1e-300)
    scale = scale.reshape(-1, *(1,) * (found.ndim - 1))
    np.testing.assert_allclose(found / scale, expected / scale, rtol=1e-9, atol=1e-9)


# -- whatever is differentiated ----------------------------------------------------------------------------------------


def mixed(a, b, k):
    """Two differentiable arguments and an integer one; results of which one depends on ``b`` alone."""
    return {
        "x": jnp.sin(a) * b[0] / (2.0 + a * a),
        "y": jnp.where(b > 0.5, b**3, jnp.exp(b)) * k.astype(b.dtype),
        "z": b[1] * b,
    }


A, B, K = jnp.array([0.3, -1.2, 0.8]), jnp.array([0.7, 0.4]), jnp.int32(3)


def both(differentiate, argnums=(0, 1)):
    """The same of ccjac's Jacobian and of JAX's."""
    ours = jax.jit(differentiate(ccjac.jacobian(mixed, argnums=argnums, executor="kernel")))
    theirs = jax.jit(differentiate(jax.jacfwd(mixed, argnums=argnums)))
    return ours, theirs


def same(ours, theirs, *args):
    found, expected = ours(*args), theirs(*args)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        if x.dtype != jax.dtypes.float0:
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13)


def summed(jacobian):
    return lambda *args: sum(jnp.sum(jnp.cos(leaf)) for leaf in jax.tree.leaves(jacobian(*args)))


FORMS = {
    "only the first moves": lambda j: lambda a, b, k: jax.jvp(lambda a: j(a, b, k), (a,), (a + 1.0,)),
    "only the second moves": lambda j: lambda a, b, k: jax.jvp(lambda b: j(a, b, k), (b,), (b + 1.0,)),
    "an integer without a tangent": lambda j: (
        lambda a, b, k: jax.jvp(j, (a, b, k), (a, b, np.zeros((), jax.dtypes.float0)))
    ),
    "gradient": lambda j: jax.grad(summed(j), (0, 1)),
    "gradient by one": lambda j: jax.grad(summed(j), 1),
    "tangent of the gradient": lambda j: (
        lambda a, b, k: jax.jvp(lambda a, b: jax.grad(summed(j), (0, 1))(a, b, k), (a, b), (b[0] * a, b))
    ),
    "gradient of the gradient": lambda j: (
        lambda a, b, k: jax.grad(lambda a: jnp.sum(jax.grad(summed(j), 1)(a, b, k) ** 2))(a)
    ),
    "tangent of the tangent": lambda j: (
        lambda a, b, k: jax.jvp(lambda a: jax.jvp(lambda b: j(a, b, k), (b,), (2.0 * b,))[1], (a,), (a,))
    ),
    "gradient of the tangent": lambda j: jax.grad(
        lambda a, b, k: sum(
            jnp.sum(t**2) for t in jax.tree.leaves(jax.jvp(lambda a: j(a, b, k), (a,), (b[0] * a,))[1])
        ),
        (0, 1),
    ),
    "forward over reverse": lambda j: jax.jacfwd(jax.jacrev(j, (0, 1)), (0, 1)),
    "reverse over forward": lambda j: jax.jacrev(jax.jacfwd(j, (0, 1)), (0, 1)),
    "transposed": lambda j: (
        lambda a, b, k: jax.linear_transpose(jax.linearize(lambda a, b: j(a, b, k), a, b)[1], a, b)(j(a, b, k))
    ),
    "transposed twice": lambda j: (
        lambda a, b, k: jax.linear_transpose(jax.vjp(lambda a, b: j(a, b, k), a, b)[1], j(a, b, k))((a, b))
    ),
    "rematerialised": lambda j: jax.grad(jax.checkpoint(summed(j)), (0, 1)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_way_to_differentiate(form):
    same(*both(FORMS[form]), A, B, K)


@pytest.mark.parametrize("form", ["gradient", "tangent of the gradient", "transposed", "forward over reverse"])
@pytest.mark.parametrize("axes", [(0, 0, None), (0, None, None), (None, 0, None), (0, 0, 0)])
def test_batches(form, axes):
    def batched(jacobian):
        return jax.vmap(FORMS[form](jacobian), axes)

    args = [jnp.stack([x, x + 1, 2 * x]) if axis == 0 else x for x, axis in zip((A, B, K), axes, strict=True)]
    same(*both(batched), *args)


@pytest.mark.parametrize("axes", [(0, None, None), (None, 0, None), (0, 0, None)])
def test_cotangents_of_what_all_samples_share_add_up(axes):
    def over_the_batch(jacobian):
        return jax.grad(summed(jax.vmap(jacobian, axes)), (0, 1))

    args = [jnp.stack([x, x + 1, 2 * x]) if axis == 0 else x for x, axis in zip((A, B, K), axes, strict=True)]
    same(*both(over_the_batch), *args)


def test_without_jit():
    jacobian = ccjac.jacobian(mixed, argnums=(0, 1), executor="kernel")
    expected = jax.grad(summed(jax.jacfwd(mixed, (0, 1))))(A, B, K)
    np.testing.assert_allclose(jax.grad(summed(jacobian))(A, B, K), expected, rtol=1e-12)


def test_across_devices_in_shard_map():
    mesh = jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("i")

    def sharded(jacobian):
        # What all devices share is marked as varying, and its cotangents are summed over the devices.
        batch = jax.vmap(jacobian, (0, None, None))
        return jax.shard_map(
            lambda a, b: jax.grad(lambda a, b: summed(batch)(a, b, K), (0, 1))(a, b),
            mesh=mesh,
            in_specs=(spec, jax.sharding.PartitionSpec()),
            out_specs=(spec, jax.sharding.PartitionSpec()),
        )

    same(*both(sharded), jnp.stack([A, A + 1]), B)


# -- what runs ---------------------------------------------------------------------------------------------------------


def lowered(f, *args, platforms=("cpu",)):
    return jax.jit(f).trace(*args).lower(lowering_platforms=platforms).as_text()


@pytest.mark.parametrize("form", ["gradient", "tangent of the gradient", "only the first moves"])
def test_derivatives_are_calls_of_kernels(form):
    task = TASKS["RoeFlux_1d"]
    f = task.vector("jax")
    x = jnp.asarray(task.pack(*task.example(0)))
    jacobian = ccjac.jacobian(f)
    derivative = FORMS[form](lambda a, b, k: jacobian(a))
    text = lowered(derivative, x, B, K)
    assert "ccjac_kernel" in text
    assert text.count("\n") < 200


def test_a_product_that_reads_no_operand_still_knows_its_batch():
    jacobian = ccjac.jacobian(lambda x: jnp.stack([x[0] * x[1], x[1] * x[1]]), executor="kernel")
    x = jnp.arange(10.0).reshape(5, 2)
    gradient = jax.jit(jax.vmap(jax.grad(lambda x: jacobian(x).sum())))(x)
    np.testing.assert_array_equal(gradient, np.tile([1.0, 3.0], (5, 1)))


def test_integer_and_empty_results():
    def f(x):
        return (x**3, x[:0]), jnp.argmax(x)

    def derivative(jacobian):
        return lambda x: jax.jvp(jacobian, (x,), (x,))

    ours = derivative(ccjac.value_and_jacobian(f, has_aux=True, executor="kernel"))(B)
    (value, aux), jacobian = ours[1]
    np.testing.assert_allclose(jacobian[0], np.diag(6.0 * B * B), rtol=1e-14)
    np.testing.assert_allclose(value[0], 3.0 * B**3, rtol=1e-14)
    assert aux.dtype == jax.dtypes.float0
    assert jacobian[1].shape == (0, 2)


@pytest.mark.parametrize("limit", ["differentiated_operations", "plain_operations"])
@pytest.mark.parametrize("executor", ["ops", "kernel"])
def test_long_programs_are_differentiated_by_the_framework_where_there_is_no_kernel(monkeypatch, limit, executor):
    monkeypatch.setattr(ccjac.config, limit, 3)
    c = jnp.array([1.0, 2.0, 3.0])

    def derivatives(mode):
        def f(a, b):
            return jnp.outer(jnp.sin(a), jnp.tile(b, 60)) * c[:, None], (b, jnp.argmax(a))

        jacobian = mode(f, argnums=(0, 1), has_aux=True)
        return lambda a, b: jax.jvp(lambda b: jacobian(a, b), (b,), (b,))

    def ours(f, **options):
        return ccjac.jacobian(f, executor=executor, **options)

    expected = derivatives(jax.jacfwd)(A, B)
    for x, y in zip(jax.tree.leaves(jax.jit(derivatives(ours))(A, B)), jax.tree.leaves(expected), strict=True):
        if x.dtype != jax.dtypes.float0:
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13)
    if executor == "kernel":
        # Another platform gets few operations as well, and no kernel.
        text = lowered(derivatives(ours), A, B, platforms=("cuda",))
        assert "ccjac_kernel" not in text
        assert limit == "differentiated_operations" or text.count("\n") < 300


def test_values_of_an_enclosing_trace_reach_the_framework(monkeypatch):
    monkeypatch.setattr(ccjac.config, "differentiated_operations", 0)

    def derivative(mode):
        return lambda a, s: jax.grad(lambda a, s: mode(lambda x: jnp.sin(s * x))(a).sum(), (0, 1))(a, s)

    same(jax.jit(derivative(lambda f: ccjac.jacobian(f, executor="ops"))), jax.jit(derivative(jax.jacfwd)), A, B[0])


def test_derivatives_too_long_for_a_kernel_are_those_of_plain_operations(monkeypatch):
    monkeypatch.setattr(ccjac.config, "derivative_operations", 0)
    same(*both(FORMS["tangent of the gradient"]), A, B, K)


def test_a_jacobian_of_a_derivative_of_a_jacobian():
    def outer(mode):
        inner = mode(lambda x: jnp.stack([jnp.sin(x[0]) * x[1], x[1] ** 3]))
        return mode(lambda x: jax.grad(lambda x: jnp.sum(inner(x) ** 2))(x))

    np.testing.assert_allclose(outer(ccjac.jacobian)(B), outer(jax.jacfwd)(B), rtol=1e-12)
