"""Inside of ``torch.compile``, ``torch.export`` and ``make_fx``: one operator in the graph."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ccjac  # noqa: E402


def fun(x: Any) -> Any:
    return torch.stack([torch.sin(x[0]) * x[1], x[1] / x[2], torch.exp(x[0] * x[2])])


J, R = ccjac.jacobian(fun), torch.func.jacrev(fun)
x = torch.tensor([0.3, 0.7, 1.2])
X = torch.rand(16, 3) + 0.2

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def compiled(f: Any, **options: Any) -> Any:
    return torch.compile(f, fullgraph=True, backend=options.pop("backend", "aot_eager"), **options)


def close(a: Any, b: Any) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_one_graph_with_vmap_inside() -> None:
    close(compiled(lambda x: J(x) * 2.0)(x), R(x) * 2.0)
    close(compiled(lambda x: torch.func.vmap(J)(x) + 1.0)(X), torch.func.vmap(R)(X) + 1.0)


def test_the_first_call_ever_inside_a_graph() -> None:
    close(compiled(lambda x: J2(x) * 2.0)(x), R(x) * 2.0)


J2 = ccjac.jacobian(lambda x: fun(x) * 1.0)


def test_dynamic_batches() -> None:
    c = compiled(lambda x: torch.func.vmap(J)(x) + 1.0, dynamic=True)
    for n in (16, 5, 9):
        close(c(X[:n]), torch.func.vmap(R)(X[:n]) + 1.0)


@pytest.mark.parametrize("batched", [False, True])
def test_gradients(batched: bool) -> None:
    results = []
    for f, wrap in ((J, compiled), (R, lambda g: g)):
        y = (X if batched else x).clone().requires_grad_()
        wrapped = torch.func.vmap(f) if batched else f
        wrap(lambda z, w=wrapped: w(z).square().sum())(y).backward()
        results.append(y.grad)
    close(*results)


@pytest.mark.parametrize("called_before", [False, True])
def test_captured_parameters_are_asked_for_as_arguments(called_before: bool) -> None:
    model = torch.nn.Linear(3, 2)
    jacobian = ccjac.jacobian(lambda x: torch.tanh(model(x)))
    if called_before:
        jacobian(x)
    with pytest.raises(Exception, match="functional_call"):
        compiled(lambda x: jacobian(x) * 2.0)(x)

    def of_parameters(parameters: Any, x: Any) -> Any:
        return torch.tanh(torch.func.functional_call(model, parameters, (x,)))

    inside = ccjac.jacobian(of_parameters, argnums=1)
    parameters = {k: p.detach() for k, p in model.named_parameters()}
    close(compiled(lambda p, x: inside(p, x) * 2.0)(parameters, x), jacobian(x).detach() * 2.0)


def test_functions_that_nobody_compiles_leave_nothing_behind() -> None:
    script = """
import gc, ccjac, torch
from ccjac_torch import compiler
for _ in range(100):
    ccjac.jacobian(lambda x: x)
gc.collect()
assert "torch._dynamo" not in __import__("sys").modules
print(len(compiler._waiting))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=200)
    assert done.stdout.strip() in ("0", "1"), done.stderr


@pytest.mark.slow
def test_inductor() -> None:
    close(compiled(lambda x: torch.func.vmap(J)(x) + 1.0, backend="inductor")(X), torch.func.vmap(R)(X) + 1.0)


@pytest.mark.parametrize("strict", [False, True])
def test_export_with_a_dynamic_batch(strict: bool) -> None:
    class Model(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.func.vmap(J)(x)

    shapes = {"x": {0: torch.export.Dim("batch")}}
    exported = torch.export.export(Model(), (X,), dynamic_shapes=shapes, strict=strict)
    close(exported.module()(X[:9]), torch.func.vmap(R)(X[:9]))


def test_make_fx_sees_one_operator() -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    graph = make_fx(torch.func.vmap(J))(X)
    calls = [node for node in graph.graph.nodes if node.op == "call_function"]
    assert [node.target.namespace for node in calls] == ["ccjac"]
    close(graph(X), torch.func.vmap(R)(X))


def test_a_function_made_before_torch_is_loaded() -> None:
    script = """
import ccjac
J = ccjac.jacobian(lambda x: x * x)
import torch
x = torch.tensor([1.0, 2.0])
print(torch.compile(lambda x: J(x) + 1.0, fullgraph=True, backend="aot_eager")(x).tolist())
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=200)
    assert done.stdout.strip() == "[[3.0, 1.0], [1.0, 5.0]]", done.stderr


@pytest.mark.slow
def test_plain_operations_compiled_by_torch() -> None:
    assert ccjac.plan(fun, x, executor="inductor").executor == "inductor"
    close(ccjac.jacobian(fun, executor="inductor")(x), R(x))
    close(ccjac.jacobian(fun, executor="inductor", in_dims=0)(X), torch.func.vmap(R)(X))
