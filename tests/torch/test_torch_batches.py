"""Whole batches at once: ``in_dims``."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ccjac  # noqa: E402


def fun(x: Any, p: Any) -> Any:
    return {"a": torch.tanh(p @ x), "b": x.sum()}


X = torch.rand(7, 3, dtype=torch.float64)
p = torch.rand(2, 3, dtype=torch.float64)


SHAPES: dict[str, tuple[int, ...]] = {"a": (2,), "b": ()}


def close(a: Any, b: Any) -> None:
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)


def expected(in_dims: Any, *args: Any, argnums: Any = 0) -> Any:
    return torch.func.vmap(torch.func.jacrev(fun, argnums), in_dims=in_dims)(*args)


@pytest.mark.parametrize("argnums", [0, 1, (0, 1)])
def test_axes_of_arguments(argnums: Any) -> None:
    for in_dims, args in {
        (0, None): (X, p),
        (1, None): (X.T, p),
        (-1, None): (X.T, p),
        (0, 2): (X, p.expand(7, 2, 3).permute(1, 2, 0)),
        (None, 0): (X[0], p.expand(7, 2, 3) * 2.0),
        0: (X, p.expand(7, 2, 3)),
    }.items():
        ours = ccjac.jacobian(fun, argnums=argnums, in_dims=in_dims)
        for _ in range(2):
            close(ours(*args), expected(in_dims, *args, argnums=argnums))


def test_batch_sizes_share_a_program_and_may_be_empty() -> None:
    ours = ccjac.jacobian(fun, in_dims=(0, None))
    for n in (7, 1, 3, 0):
        close(
            ours(X[:n], p),
            expected((0, None), X[:n], p)
            if n
            else {"a": torch.zeros(0, 2, 3).double(), "b": torch.zeros(0, 3).double()},
        )
    with pytest.raises(ccjac.InputError, match="different sizes"):
        ccjac.jacobian(fun, in_dims=0)(X, p)


def test_numbers_containers_and_parameters() -> None:
    layer = torch.nn.Linear(3, 2).double()
    inner = lambda d, t: torch.sin(layer(d["x"])) * t  # noqa: E731
    ours = ccjac.jacobian(inner, in_dims=(0, None))
    for t in (0.5, 2.0):
        close(ours({"x": X}, t), torch.func.vmap(torch.func.jacrev(inner), in_dims=(0, None))({"x": X}, t))
    grads = []
    for f in (ours, torch.func.vmap(torch.func.jacrev(inner), in_dims=(0, None))):
        layer.zero_grad()
        f({"x": X}, 1.0)["x"].square().sum().backward()
        grads.append(layer.weight.grad.clone())
    close(*grads)


def test_what_does_not_expand_and_what_looks_at_numbers() -> None:
    determinant = lambda x: torch.linalg.eigvalsh(torch.outer(x, x))  # noqa: E731
    close(ccjac.jacobian(determinant, in_dims=0)(X), torch.func.vmap(torch.func.jacrev(determinant))(X))


def test_gradients_values_and_hessians_of_batches() -> None:
    f = lambda x: torch.sin(x).prod()  # noqa: E731
    close(ccjac.hessian(f, in_dims=0)(X), torch.func.vmap(torch.func.hessian(f))(X))
    value, jacobian = ccjac.value_and_jacobian(f, in_dims=0)(X)
    close((value, jacobian), (torch.func.vmap(f)(X), torch.func.vmap(torch.func.jacrev(f))(X)))
    results = []
    for g in (ccjac.jacobian(f, in_dims=0), torch.func.vmap(torch.func.jacrev(f))):
        y = X.clone().requires_grad_()
        (first,) = torch.autograd.grad(g(y).square().sum(), y, create_graph=True)
        results.append((first.detach(), torch.autograd.grad(first.sum(), y)[0]))
    close(*results)


def test_inside_of_vmap_and_compile() -> None:
    ours = ccjac.jacobian(lambda x: torch.sin(x) * x[0], in_dims=0)
    theirs = torch.func.vmap(torch.func.jacrev(lambda x: torch.sin(x) * x[0]))
    batches = X.expand(4, 7, 3)
    close(torch.func.vmap(ours)(batches), torch.func.vmap(theirs)(batches))
    compiled = torch.compile(lambda x: ours(x) + 1.0, fullgraph=True, backend="aot_eager", dynamic=True)
    for n in (7, 4):
        close(compiled(X[:n]), theirs(X[:n]) + 1.0)
