"""What a function reads besides its arguments: parameters, buffers, globals, settings.  Never a stale number."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import ccjac  # noqa: E402

x = torch.tensor([0.3, 0.7, 1.2], dtype=torch.float64)
scale = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
number = 2.0


def close(a: Any, b: Any) -> None:
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def checked(jacobian: Any, fun: Any, *args: Any) -> None:
    close(jacobian(*args), torch.func.jacrev(fun)(*args))


@pytest.fixture
def traces(monkeypatch):
    """How often something was traced."""
    from ccjac_torch import tracing

    count = [0]
    original = tracing._walked

    def counted(*args: Any) -> Any:
        count[0] += 1
        return original(*args)

    monkeypatch.setattr(tracing, "_walked", counted)
    return count


def test_an_optimiser_s_step_is_seen_without_tracing_again(traces):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
    fun = lambda x: model(x)  # noqa: E731
    jacobian = ccjac.jacobian(fun)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    assert ccjac.plan(fun, x).executor == "kernel"
    counts = []
    for _ in range(4):
        checked(jacobian, fun, x)
        counts.append(traces[0])
        optimiser.zero_grad()
        jacobian(x).square().sum().backward()
        optimiser.step()
    assert counts[0] == counts[-1], "the first call alone traces"


def test_gradients_flow_to_parameters():
    torch.manual_seed(1)
    model = torch.nn.Linear(3, 2).double()
    grads = []
    for differentiate in (ccjac.jacobian, torch.func.jacrev):
        model.zero_grad()
        y = x.clone().requires_grad_()
        (differentiate(lambda z: torch.tanh(model(z)))(y)).square().sum().backward()
        grads.append((y.grad, model.weight.grad.clone(), model.bias.grad.clone()))
    close(*grads)


def test_modules_themselves_and_functional_call():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Softplus(), torch.nn.Linear(4, 2)).double()
    checked(ccjac.jacobian(model), model, x)
    with torch.no_grad():
        model[0].weight.mul_(1.5)
    checked(ccjac.jacobian(model), model, x)
    parameters = dict(model.named_parameters())
    fun = lambda p, x: torch.func.functional_call(model, p, (x,))  # noqa: E731
    close(ccjac.jacobian(fun, argnums=(0, 1))(parameters, x), torch.func.jacrev(fun, argnums=(0, 1))(parameters, x))


class Mine(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 3).double()
        self.register_buffer("offset", torch.zeros(3, dtype=torch.float64))
        self.factor = 1.0

    def forward(self, x: Any) -> Any:
        y = self.layer(x) * self.factor * number + self.offset * x
        return y if self.training else y * 2.0


def test_everything_a_module_reads_is_watched():
    global number
    model = Mine()
    fun = lambda x: model(x)  # noqa: E731
    jacobian = ccjac.jacobian(fun)
    checked(jacobian, fun, x)
    model.factor = 3.0
    checked(jacobian, fun, x)
    model.eval()
    checked(jacobian, fun, x)
    model.offset.fill_(0.5)
    checked(jacobian, fun, x)
    model.offset = torch.ones(3, dtype=torch.float64)
    checked(jacobian, fun, x)
    model.layer = torch.nn.Linear(3, 3, bias=False).double()
    checked(jacobian, fun, x)
    model.layer.weight.data.mul_(2.0)
    checked(jacobian, fun, x)
    number = 5.0
    checked(jacobian, fun, x)
    model.layer.register_forward_hook(lambda module, args, out: out * 7.0)
    checked(jacobian, fun, x)


def test_constants_that_change_in_place_in_any_way():
    global scale
    fun = lambda x: scale * x  # noqa: E731
    jacobian = ccjac.jacobian(fun)
    checked(jacobian, fun, x)
    scale.mul_(2.0)
    checked(jacobian, fun, x)
    scale.data[0] = 9.0
    checked(jacobian, fun, x)
    array = np.ones(3)
    scale = torch.from_numpy(array)
    checked(jacobian, fun, x)
    array[1] = 4.0
    checked(jacobian, fun, x)
    scale = torch.eye(3, dtype=torch.float64)[0]
    checked(jacobian, fun, x)


def test_zeros_of_constant_matrices_prune_the_graph():
    matrix = torch.diag(torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64))
    graph = ccjac.trace(lambda x: matrix @ x, x)
    assert len(graph.edges) == 3
    assert len(graph.unit_edges) >= 2


def test_large_tensors_are_operands_not_constants():
    table = torch.rand(40, 40, dtype=torch.float64)
    fun = lambda x: table[:3, :3] @ x  # noqa: E731
    jacobian = ccjac.jacobian(fun)
    checked(jacobian, fun, x)
    table.mul_(3.0)
    checked(jacobian, fun, x)


def test_index_tables_are_constants():
    index = torch.tensor([2, 0])
    fun = lambda x: x[index] * 2.0  # noqa: E731
    jacobian = ccjac.jacobian(fun)
    checked(jacobian, fun, x)
    index[0] = 1
    checked(jacobian, fun, x)


def test_tensors_out_of_the_guard_s_sight_are_read_at_each_call():
    hidden = [torch.ones(3, dtype=torch.float64)]

    class Sly:
        def __getattr__(self, name: str) -> Any:
            return hidden[0]

    sly = Sly()
    fun = lambda x: x * sly.anything  # noqa: E731
    jacobian = ccjac.jacobian(fun)
    for k in range(3):
        hidden[0] = torch.full((3,), float(k), dtype=torch.float64)
        checked(jacobian, fun, x)


def test_default_type_and_autocast_belong_to_the_call():
    fun = lambda x: x * torch.ones(3)  # noqa: E731
    jacobian = ccjac.jacobian(fun)
    y = x.float()
    before = torch.get_default_dtype()
    try:
        for kind in (torch.float32, torch.float64, torch.float32):
            torch.set_default_dtype(kind)
            assert jacobian(y).dtype == torch.func.jacrev(fun)(y).dtype
    finally:
        torch.set_default_dtype(before)
    product = lambda x: torch.outer(x, x) @ x  # noqa: E731
    mixed = ccjac.jacobian(product)
    torch.testing.assert_close(mixed(y), torch.func.jacrev(product)(y))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(mixed(y), torch.func.jacrev(product)(y), rtol=3e-2, atol=3e-2)


def test_batch_norm_in_training_never_loses_its_statistics():
    norm = torch.nn.BatchNorm1d(3).double()
    fun = lambda x: norm(x[None].repeat(2, 1))  # noqa: E731
    before = norm.running_mean.clone()
    with pytest.raises(RuntimeError, match=r"in-place|inplace|not possible"):
        torch.func.jacrev(fun)(x)
    with pytest.raises(RuntimeError, match=r"in-place|inplace|not possible"):
        ccjac.jacobian(fun)(x)
    close(norm.running_mean, before)
    norm.eval()
    checked(ccjac.jacobian(fun), fun, x)


def test_nothing_of_the_user_s_is_kept_alive():
    import gc
    import weakref

    def used() -> Any:
        model = torch.nn.Linear(3, 2).double()
        ccjac.jacobian(lambda x: model(x))(x)
        return weakref.ref(model)

    reference = used()
    gc.collect()
    assert reference() is None


def test_a_captured_tensor_that_is_no_longer_trained(caplog):
    weight = torch.ones(3, dtype=torch.float64, requires_grad=True)
    fun = lambda x: x * weight  # noqa: E731
    jacobian = ccjac.jacobian(fun)
    checked(jacobian, fun, x)
    weight.requires_grad_(False)
    with caplog.at_level(logging.WARNING):
        checked(jacobian, fun, x)
        weight.mul_(2.0)
        checked(jacobian, fun, x)
