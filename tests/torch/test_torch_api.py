"""The public functions on torch: drop-ins for ``torch.func.jacrev`` and ``torch.func.jacfwd``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ccjac  # noqa: E402


def close(ours: Any, theirs: Any, tolerance: float = 1e-12) -> None:
    """The same containers, shapes and types, and equal numbers."""
    left, right = (torch.utils._pytree.tree_flatten(t) for t in (ours, theirs))
    assert left[1] == right[1]
    for a, b in zip(left[0], right[0], strict=True):
        if isinstance(b, torch.Tensor):
            torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
        else:
            assert a == b


def reference(fun: Callable[..., Any], *args: Any, argnums: Any = 0, **kwargs: Any) -> Any:
    return torch.func.jacrev(lambda *a: fun(*a, **kwargs), argnums)(*args)


x3 = torch.tensor([0.3, 0.7, 1.2], dtype=torch.float64)
m23 = torch.tensor([[0.3, 0.7, 1.2], [0.5, 0.1, 0.9]], dtype=torch.float64)


def on_kernel(fun: Callable[..., Any], *args: Any, **options: Any) -> None:
    """It expands; no fallback hides what is wrong."""
    plan = ccjac.plan(fun, *args, **options)
    assert plan.source != "fallback", plan.reason


SCENARIOS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Any]] = {
    "vector": (lambda x: torch.sin(x) * x.flip(0), (x3,), 0),
    "matrix": (lambda m: m @ m.T, (m23,), 0),
    "scalar output": (lambda x: (x**3).sum(), (x3,), 0),
    "scalar input": (lambda x: torch.stack([x, x * x]), (x3[0],), 0),
    "two arguments": (lambda x, m: m @ x, (x3, m23), (0, 1)),
    "second argument": (lambda x, m: m @ x, (x3, m23), 1),
    "last argument": (lambda x, m: m @ x, (x3, m23), -1),
    "a tuple of one": (lambda x: x * x, (x3,), (0,)),
    "dictionary in": (lambda d: d["a"] * d["b"][0], ({"a": x3, "b": [x3 + 1.0]},), 0),
    "dictionary out": (lambda x: {"s": x.sum(), "p": (x * x, x[1:])}, (x3,), 0),
    "containers everywhere": (lambda d, y: [d["a"] * y, {"z": y.sum()}], ({"a": x3}, x3), (0, 1)),
    "identity": (lambda x: x, (x3,), 0),
    "constant": (lambda x: torch.ones(2, dtype=x.dtype), (x3,), 0),
    "linear": (lambda x: x[[2, 0]] * 3.0 - 1.0, (x3,), 0),
    "unused argument": (lambda x, y: x * 2.0, (x3, x3), (0, 1)),
    "three axes": (lambda x: x[None, :, None] * torch.ones(2, 1, 4, dtype=x.dtype), (x3,), 0),
    "empty output": (lambda x: x[:0] * 2.0, (x3,), 0),
    "keyword free": (lambda x, *, scale=2.0: x * scale, (x3,), 0),
    "one output twice": (lambda x: (x * x,) * 2, (x3,), 0),
    "mixed types": (lambda x, y: x.double() * y, (x3.float(), x3), (0, 1)),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_results_are_those_of_jacrev(name: str) -> None:
    fun, args, argnums = SCENARIOS[name]
    on_kernel(fun, *args, argnums=argnums)
    close(
        ccjac.jacobian(fun, argnums=argnums)(*args),
        reference(fun, *args, argnums=argnums),
        1e-6 if "mixed" in name else 1e-12,
    )


@pytest.mark.parametrize("executor", ["kernel", "ops"])
def test_executors_agree(executor: str) -> None:
    fun = SCENARIOS["vector"][0]
    close(ccjac.jacobian(fun, executor=executor)(x3), reference(fun, x3))


def test_value_and_jacobian_and_aux() -> None:
    fun = lambda x: (x * x, {"s": x.sum(), "n": x * 2.0})  # noqa: E731
    jacobian, aux = ccjac.jacobian(fun, has_aux=True)(x3)
    close((jacobian, aux), torch.func.jacrev(fun, has_aux=True)(x3))
    (value, aux2), jacobian2 = ccjac.value_and_jacobian(fun, has_aux=True)(x3)
    close((value, aux2, jacobian2), (x3 * x3, aux, jacobian))
    value, jacobian = ccjac.value_and_jacobian(torch.sin)(x3)
    close((value, jacobian), (torch.sin(x3), torch.diag(torch.cos(x3))))


def test_hessian() -> None:
    fun = lambda x: (torch.sin(x) * x.prod()).sum()  # noqa: E731
    close(ccjac.hessian(fun)(x3), torch.func.hessian(fun)(x3))


def test_keywords_and_numbers() -> None:
    def fun(x: Any, t: float, *, power: int, scale: Any) -> Any:
        return x**power * t * scale

    jacobian = ccjac.jacobian(fun)
    for t, power in ((0.5, 2), (1.5, 2), (0.5, 3)):
        close(jacobian(x3, t, power=power, scale=x3), reference(fun, x3, t, power=power, scale=x3))


def test_numbers_that_steer_python() -> None:
    jacobian = ccjac.jacobian(lambda x, t: x * 2.0 if t > 0 else x * 3.0)
    for t in (1.0, -1.0, 2.0, -2.0):
        close(jacobian(x3, t), torch.eye(3, dtype=torch.float64) * (2.0 if t > 0 else 3.0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_types_are_torch_s(dtype: torch.dtype) -> None:
    fun = lambda x: torch.stack([x.sum(), (x * x).mean()])  # noqa: E731
    x = x3.to(dtype)
    ours, theirs = ccjac.jacobian(fun)(x), torch.func.jacrev(fun)(x)
    assert ours.dtype == theirs.dtype
    torch.testing.assert_close(ours, theirs)


def test_python_control_flow_on_numbers_uses_torch_s_own_mode() -> None:
    fun = lambda x: x * 2.0 if x[0] > 0 else x * 3.0  # noqa: E731
    jacobian = ccjac.jacobian(fun)
    close(jacobian(x3), reference(fun, x3))
    close(jacobian(-x3), reference(fun, -x3))


def test_every_shape_and_type_is_a_program_of_its_own() -> None:
    jacobian = ccjac.jacobian(lambda x: x * x)
    for n in (1, 2, 3, 2):
        for dtype in (torch.float32, torch.float64):
            close(jacobian(torch.ones(n, dtype=dtype)), 2.0 * torch.eye(n, dtype=dtype))


def test_plan_and_trace() -> None:
    fun = lambda x: torch.exp(torch.sin(x))  # noqa: E731
    plan = ccjac.plan(fun, x3)
    assert plan.executor == "kernel"
    graph = ccjac.trace(fun, x3)
    assert (graph.n_inputs, len(graph.outputs)) == (3, 3)
    assert any("sin at test_torch_api.py" in label for label in graph.labels)
