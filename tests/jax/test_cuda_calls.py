"""Calls of kernels on CUDA devices, end to end through XLA, with a driver that runs them on the processor's memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

import block_shim
import ccjac
import fake_cuda
from ccjac.errors import BackendError
from ccjac.kernels import Layout, probe
from ccjac.kernels.gpu import kernel as gpu
from ccjac.kernels.gpu.source import THREADS
from ccjac.kernels.layout import Operand
from ccjac.program import Builder
from ccjac_jax import tracing
from ccjac_jax.kernel import kernel_call
from ccjac_jax.xla import device

pytestmark = pytest.mark.skipif(block_shim.COMPILER is None, reason="no C++ compiler")


XLA_ERRORS = (jax.errors.JaxRuntimeError, ValueError)
"""JAX has both for what a handler returns."""


@pytest.fixture(scope="module")
def module_patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def driver(module_patch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[fake_cuda.Fake]:
    directory = tmp_path_factory.mktemp("cuda")
    found = fake_cuda.install(module_patch, directory)
    fake_cuda.redirect(module_patch, directory)
    # The self-test is a launch too.
    assert device.obstacle() is None
    yield found
    fake_cuda.restore()
    module_patch.undo()
    fake_cuda.remove()


def f(x):
    return jnp.sin(x) * jnp.exp(x[::-1]) + jnp.prod(x) * jnp.tanh(x)


J = ccjac.jacobian(f, executor="kernel", zoo=False)


def test_a_batch_takes_as_many_blocks_as_it_needs(driver: fake_cuda.Fake, rng: np.random.Generator) -> None:
    compiled = jax.jit(jax.vmap(J))
    for batch in (3, THREADS, THREADS + 1, 1000):
        x = rng.normal(size=(batch, 4))
        before = driver.launches
        np.testing.assert_allclose(compiled(x), jax.vmap(jax.jacfwd(f))(x), rtol=1e-12, atol=1e-13)
        assert driver.launches == before + 1
        last = driver.last
        assert (last.grid, last.block) == (-(-batch // THREADS), THREADS)
        assert (last.shared, last.stream) == (0, fake_cuda.STREAM)


def test_an_empty_batch_launches_nothing(driver: fake_cuda.Fake) -> None:
    before = driver.launches
    assert jax.jit(jax.vmap(J))(jnp.zeros((0, 4))).shape == (0, 4, 4)
    assert driver.launches == before


def test_without_a_batch_and_with_several_axes(driver: fake_cuda.Fake, rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 5, 4))
    expected = jax.vmap(jax.vmap(jax.jacfwd(f)))(x)
    np.testing.assert_allclose(jax.jit(jax.vmap(jax.vmap(J)))(x), expected, rtol=1e-12, atol=1e-13)
    moved = jax.jit(jax.vmap(jax.vmap(J, 1, 2), 0, 3))(x.transpose(0, 2, 1))
    np.testing.assert_allclose(moved.transpose(3, 2, 0, 1), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(jax.jit(J)(x[0, 0]), expected[0, 0], rtol=1e-12, atol=1e-13)


def test_operands_without_the_batch_axis_are_read_by_all_samples(
    driver: fake_cuda.Fake, rng: np.random.Generator
) -> None:
    def g(x, p, k):
        return p[0] * jnp.sin(x) + p[1] * x[::-1] ** 2 * k.astype(x.dtype)

    ours = jax.jit(jax.vmap(ccjac.jacobian(g, argnums=(0, 1), executor="kernel", zoo=False), (0, None, 0)))
    theirs = jax.vmap(jax.jacfwd(g, argnums=(0, 1)), (0, None, 0))
    arguments = (rng.normal(size=(300, 3)), rng.normal(size=2), rng.integers(-3, 3, 300).astype(np.int32))
    for a, b in zip(ours(*arguments), theirs(*arguments), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_in_loops_meshes_and_other_functions(driver: fake_cuda.Fake, rng: np.random.Generator) -> None:
    def newton(jacobian, x):
        return jax.lax.scan(lambda x, _: (x - 0.01 * jnp.linalg.solve(jacobian(x), f(x)), None), x, None, length=4)[0]

    x = rng.normal(size=(6, 4))
    before = driver.launches
    ours = jax.jit(jax.vmap(lambda x: newton(J, x)))(x)
    assert driver.launches == before + 4
    np.testing.assert_allclose(ours, jax.vmap(lambda x: newton(jax.jacfwd(f), x))(x), rtol=1e-10)
    mesh = jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
    sharded = jax.jit(jax.shard_map(jax.vmap(J), mesh=mesh, in_specs=P("i"), out_specs=P("i")))
    np.testing.assert_allclose(sharded(x), jax.vmap(jax.jacfwd(f))(x), rtol=1e-12, atol=1e-13)


def test_derivatives_are_kernels_too(driver: fake_cuda.Fake, rng: np.random.Generator) -> None:
    x = rng.normal(size=(20, 4))
    before = driver.launches
    gradient = jax.jit(jax.vmap(jax.grad(lambda x: (J(x) ** 2).sum())))(x)
    assert driver.launches > before
    expected = jax.vmap(jax.grad(lambda x: (jax.jacfwd(f)(x) ** 2).sum()))(x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-12)
    tangent = jax.jit(jax.vmap(lambda x: jax.jvp(J, (x,), (x,))[1]))(x)
    expected = jax.vmap(lambda x: jax.jvp(jax.jacfwd(f), (x,), (x,))[1])(x)
    np.testing.assert_allclose(tangent, expected, rtol=1e-10, atol=1e-12)


def test_a_launch_that_fails_names_the_driver_s_error(driver: fake_cuda.Fake) -> None:
    compiled = jax.jit(jax.vmap(J))
    compiled(jnp.ones((5, 4)))
    for code, name in ((719, "CUDA_ERROR_LAUNCH_FAILED"), (4711, "unknown name")):
        driver.set("failure", code)
        try:
            with pytest.raises(XLA_ERRORS, match=rf"refuses to launch it.*{name} \({code}\)"):
                jax.block_until_ready(compiled(jnp.ones((5, 4))))
        finally:
            driver.set("failure", 0)
    np.testing.assert_allclose(compiled(jnp.ones((5, 4)))[0], jax.jacfwd(f)(jnp.ones(4)), rtol=1e-12)


def test_buffers_that_do_not_fit_are_refused(driver: fake_cuda.Fake) -> None:
    program, layout = probe.program()
    name = device.register(program, layout)
    rows, common, counts = probe.operands(8)
    results = [jax.ShapeDtypeStruct((8, 2), np.float32), jax.ShapeDtypeStruct((8, 1), np.float32)]
    call = jax.ffi.ffi_call(name, results)
    for wrong, message in (((rows[:7], common, counts), "type or size"), ((rows, common), "number of buffers")):
        with pytest.raises(XLA_ERRORS, match=message):
            jax.block_until_ready(jax.jit(call)(*wrong))


def test_the_device_is_asked_for_one_result_before_it_is_relied_on(
    driver: fake_cuda.Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    device._proven.cache_clear()
    before = driver.launches
    assert device.obstacle(tried=False) is None
    assert driver.launches == before
    assert device.obstacle() is None
    assert device.obstacle() is None
    assert driver.launches == before + 1
    # On JAX's name of the platform, the plan says who runs the function.
    monkeypatch.setattr(tracing, "platform_of", lambda operands: "gpu")
    asked = ccjac.plan(f, jnp.ones(4), executor="kernel", zoo=False)
    assert (asked.executor, asked.reason) == ("kernel", "")
    plan = ccjac.plan(f, jnp.ones(4), zoo=False)
    assert plan.executor == "ops"
    assert 'executor="kernel" asks' in plan.reason


@pytest.mark.parametrize("fault", ["wrong", "failing", "no code"])
def test_a_device_that_fails_the_test_gets_no_kernels(
    fault: str, driver: fake_cuda.Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, layout = probe.program()
    monkeypatch.setattr(tracing, "platform_of", lambda operands: "gpu")
    device._proven.cache_clear()
    if fault == "wrong":
        nodes = [n._replace(op="sub") if n.op == "mul" else n for n in program.nodes]
        monkeypatch.setattr(probe, "program", lambda: (dataclasses.replace(program, nodes=tuple(nodes)), layout))
    elif fault == "failing":
        driver.set("failure", 719)
    else:
        monkeypatch.setattr(gpu, "_loaded", {})
        monkeypatch.setattr(gpu.nvrtc, "compile_source", lambda *args, **options: b"nothing\0")
    message = {"wrong": "wrong results", "failing": "CUDA_ERROR_LAUNCH_FAILED", "no code": "NO_BINARY_FOR_GPU"}[fault]
    try:
        with pytest.raises(BackendError, match=message):
            ccjac.plan(f, jnp.ones(4), executor="kernel", zoo=False)
        # Where the function was traced for another platform, plain operations take over.
        fresh = ccjac.jacobian(lambda x: f(x) + 1.0, zoo=False, executor="kernel")
        monkeypatch.setattr(tracing, "platform_of", lambda operands: "cpu")
        assert "ccjac_cuda" not in jax.jit(fresh).lower(jnp.ones(4)).as_text()
    finally:
        driver.set("failure", 0)
        device._proven.cache_clear()


REASONS = {
    "old": ("version", 11_080, "serves CUDA 11.8"),
    "none": ("devices", 0, "no NVIDIA device"),
}


@pytest.mark.parametrize("case", [*REASONS, "compiler", "driver", "jax"])
def test_the_plan_says_what_is_missing(case: str, driver: fake_cuda.Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "platform_of", lambda operands: "gpu")
    for cached in fake_cuda.CACHES:
        cached.cache_clear()
    if case in REASONS:
        name, value, message = REASONS[case]
        driver.set(name, value)
    elif case == "compiler":
        monkeypatch.setattr(gpu.nvrtc, "is_available", lambda: False)
        message = "no compiler for CUDA.*pip install"
    elif case == "driver":
        monkeypatch.setattr(gpu.driver, "_library", lambda: None)
        message = "no NVIDIA driver"
    else:
        monkeypatch.setattr(device, "devices", list)
        message = "JAX has no CUDA device"
    try:
        plan = ccjac.plan(f, jnp.ones(4), zoo=False)
        assert plan.executor == "ops"
        with pytest.raises(BackendError, match=message):
            ccjac.plan(f, jnp.ones(4), executor="kernel", zoo=False)
        assert plan.reason in str(_error(lambda: ccjac.plan(f, jnp.ones(4), executor="kernel", zoo=False)))
    finally:
        driver.set("version", 13000)
        driver.set("devices", 1)
        for cached in fake_cuda.CACHES:
            cached.cache_clear()


def _error(call):
    with pytest.raises(BackendError) as caught:
        call()
    return caught.value


def test_what_c_lacks_is_left_to_plain_operations(driver: fake_cuda.Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    b = Builder()
    x, y = b.input(0, "float64"), b.input(1, "float64")
    program = b.finish([b.emit("igamma", (x, y), "float64")], 2)
    layout = Layout((Operand((0, 1), "float64"),), Layout.rows(program).results)
    call = kernel_call(program, layout, [(2,)], [(1,)], lambda x: [jax.lax.igamma(x[:1], x[1:])], accelerated=True)
    x = jnp.array([[1.5, 0.5], [2.0, 3.0], [0.5, 0.1]])
    assert "ccjac_cuda" not in jax.jit(jax.vmap(call)).lower(x).as_text()
    np.testing.assert_allclose(jax.jit(jax.vmap(call))(x)[0], jax.lax.igamma(x[:, :1], x[:, 1:]), rtol=1e-12)
