"""Kernels on CUDA devices behind torch's dispatcher, with a driver that runs them on the processor's memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch.func import grad, jacfwd, jacrev, vmap

import block_shim
import ccjac
import fake_cuda
from ccjac.errors import BackendError
from ccjac.kernels import probe
from ccjac.kernels.gpu import kernel as gpu
from ccjac.kernels.gpu.source import THREADS
from ccjac_torch import device
from ccjac_torch.boxed import register
from ccjac_torch.tracing import TorchTraced

pytestmark = pytest.mark.skipif(block_shim.COMPILER is None, reason="no C++ compiler")


@contextmanager
def on_the_fake_stream(where: torch.device) -> Iterator[int]:
    assert where.type == "cpu"
    yield fake_cuda.STREAM


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fake_cuda.Fake]:
    """Tensors on the CPU count as the device's."""
    with pytest.MonkeyPatch.context() as patch:
        yield_me = fake_cuda.install(patch, tmp_path_factory.mktemp("cuda"))
        patch.setattr(device, "_current", on_the_fake_stream)
        patch.setattr(device, "DEVICE", "cpu")
        patch.setattr(device, "_has_devices", lambda: True)
        patch.setattr(register, "CUDA", "CPU")
        patch.setattr(TorchTraced, "platform", "cuda")
        device._tried.cache_clear()
        assert device.obstacle() is None
        yield yield_me
    device._tried.cache_clear()
    fake_cuda.remove()


def f(x):
    return torch.sin(x) * torch.exp(x.flip(0)) + x.prod() * torch.tanh(x)


J = ccjac.jacobian(f, executor="kernel", zoo=False)


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-12)


def test_a_batch_is_one_launch_on_the_current_stream(driver: fake_cuda.Fake) -> None:
    for batch in (3, THREADS, THREADS + 1, 1000):
        x = torch.randn(batch, 4, dtype=torch.float64)
        vmap(J)(x[:2])
        before = driver.launches
        close(vmap(J)(x), vmap(jacfwd(f))(x))
        assert driver.launches == before + 1
        last = driver.last
        assert (last.grid, last.block) == (-(-batch // THREADS), THREADS)
        assert (last.shared, last.stream) == (0, fake_cuda.STREAM)


def test_strides_axes_and_empty_batches(driver: fake_cuda.Fake) -> None:
    x = torch.randn(4, 7, 5, dtype=torch.float64)
    close(vmap(vmap(J, 1, 2), 2, 0)(x), vmap(vmap(jacfwd(f), 1, 2), 2, 0)(x))
    close(J(x[:, 2, 1]), jacfwd(f)(x[:, 2, 1]))
    before = driver.launches
    assert vmap(J)(torch.empty(0, 4, dtype=torch.float64)).shape == (0, 4, 4)
    assert driver.launches == before


def test_what_all_samples_share_is_not_copied(driver: fake_cuda.Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    def g(x, p):
        return p[0] * torch.sin(x) + p[1] * x.flip(0) ** 2

    seen = []
    original = gpu.source_of
    monkeypatch.setattr(gpu, "source_of", lambda p, layout: seen.append(layout) or original(p, layout))
    ours = ccjac.jacobian(g, argnums=(0, 1), executor="kernel", zoo=False)
    x, p = torch.randn(300, 3, dtype=torch.float64), torch.randn(2, dtype=torch.float64)
    for a, b in zip(vmap(ours, (0, None))(x, p), vmap(jacfwd(g, (0, 1)), (0, None))(x, p), strict=True):
        close(a, b)
    assert [o.batched for o in seen[-1].operands] == [True, False]


def test_derivatives_are_kernels_too(driver: fake_cuda.Fake) -> None:
    x = torch.randn(20, 4, dtype=torch.float64)
    before = driver.launches
    ours = vmap(grad(lambda x: (J(x) ** 2).sum()))(x)
    assert driver.launches >= before + 2
    close(ours, vmap(grad(lambda x: (jacrev(f)(x) ** 2).sum()))(x))
    leaf = x[0].clone().requires_grad_()
    (J(leaf) ** 2).sum().backward()
    close(leaf.grad, ours[0])
    close(torch.func.jvp(J, (x[0],), (x[1],))[1], torch.func.jvp(jacfwd(f), (x[0],), (x[1],))[1])


def test_in_compiled_functions(driver: fake_cuda.Fake) -> None:
    compiled = torch.compile(lambda x: vmap(J)(x) + 1.0, fullgraph=True, backend="aot_eager")
    x = torch.randn(6, 4, dtype=torch.float64)
    before = driver.launches
    close(compiled(x), vmap(jacfwd(f))(x) + 1.0)
    assert driver.launches == before + 1


def test_a_launch_that_fails_names_the_driver_s_error(driver: fake_cuda.Fake) -> None:
    x = torch.ones(4, dtype=torch.float64)
    J(x)
    driver.set("failure", 719)
    try:
        with pytest.raises(BackendError, match=r"cannot be launched: CUDA_ERROR_LAUNCH_FAILED \(719\)"):
            J(x)
    finally:
        driver.set("failure", 0)
    close(J(x), jacfwd(f)(x))


def test_the_device_is_asked_for_one_result_before_it_is_relied_on(
    driver: fake_cuda.Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    device._tried.cache_clear()
    before = driver.launches
    plan = ccjac.plan(f, torch.ones(4), zoo=False)
    assert plan.executor == "ops"
    assert 'executor="kernel" asks' in plan.reason
    assert driver.launches == before
    for _ in range(2):
        asked = ccjac.plan(f, torch.ones(4), executor="kernel", zoo=False)
        assert (asked.executor, asked.reason) == ("kernel", "")
    assert driver.launches == before + 1
    device._tried.cache_clear()
    monkeypatch.setattr(probe, "difference", lambda found: "result 0 differs")
    with pytest.raises(BackendError, match="wrong results on the device"):
        ccjac.plan(f, torch.ones(4), executor="kernel", zoo=False)
    device._tried.cache_clear()


@pytest.mark.parametrize("case", ["hip", "none", "compiler"])
def test_the_plan_says_what_is_missing(case: str, driver: fake_cuda.Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu.obstacle.cache_clear()
    if case == "hip":
        monkeypatch.setattr(torch.version, "hip", "6.4")
    elif case == "none":
        monkeypatch.setattr(device, "_has_devices", lambda: False)
    else:
        monkeypatch.setattr(gpu.nvrtc, "is_available", lambda: False)
    message = {"hip": "AMD", "none": "no CUDA device", "compiler": "no compiler for CUDA"}[case]
    try:
        assert message in ccjac.plan(f, torch.ones(4), zoo=False).reason
        with pytest.raises(BackendError, match=message):
            J(torch.ones(5))
    finally:
        gpu.obstacle.cache_clear()


def test_operands_that_do_not_fit_are_refused(driver: fake_cuda.Fake) -> None:
    program, layout = probe.program()
    run = device.implementation(program, register.Signature(layout, ((3,), (1,), (1,)), ((2,), (1,))))
    rows, common, counts = (torch.from_numpy(x) for x in probe.operands(8))
    with pytest.raises(RuntimeError, match="type or shape"):
        run(rows, common, counts)
    with pytest.raises(RuntimeError, match="type or device"):
        run(rows.double(), common.expand(8, 1), counts)
    found = run(rows, common.expand(8, 1), counts)
    assert probe.difference([x.numpy() for x in found]) is None
    assert found[0].dtype is torch.float32
    np.testing.assert_array_equal(run(*(x[0] for x in (rows, common.expand(8, 1), counts)))[0], found[0][0])
