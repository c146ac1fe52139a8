"""Derivatives of Jacobians of functions that leave derivatives out: they are torch's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import ccjac

X = torch.linspace(0.3, 1.0, 5, dtype=torch.float64)


def without_gradient(x: Any) -> Any:
    with torch.no_grad():
        factor = torch.sin(x)
    return factor * x**2


def written_without_gradient(x: Any) -> Any:
    y = x * x
    with torch.no_grad():
        y.mul_(2.0)
    return y * torch.exp(x)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "detached": lambda x: x.detach() * x**2,
    "without a gradient": without_gradient,
    "written without a gradient": written_without_gradient,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_through_the_jacobian(name: str) -> None:
    fun = FUNCTIONS[name]
    assert ccjac.plan(fun, X).executor == "kernel"

    def total(of: Callable[..., Any]) -> Callable[[Any], Any]:
        return lambda x: (of(x) ** 2).sum()

    theirs, mine = total(torch.func.jacrev(fun)), total(ccjac.jacobian(fun))
    batch = torch.stack([X, 2 * X])
    for transformed in (torch.func.grad, torch.func.jacrev, torch.func.jacfwd):
        torch.testing.assert_close(transformed(mine)(X), transformed(theirs)(X))
        torch.testing.assert_close(
            torch.func.vmap(transformed(mine))(batch), torch.func.vmap(transformed(theirs))(batch)
        )
    x, y = batch.clone().requires_grad_(), batch.clone().requires_grad_()
    (ccjac.jacobian(fun, in_dims=0)(x) ** 2).sum().backward()
    (torch.func.vmap(torch.func.jacrev(fun))(y) ** 2).sum().backward()
    torch.testing.assert_close(x.grad, y.grad)


def test_what_compositions_stop_is_no_such_number() -> None:
    x, y = X.clone().requires_grad_(), X.clone().requires_grad_()

    def fun(x: Any) -> Any:
        return torch.softmax(x, 0) * x

    mine = torch.autograd.grad((ccjac.jacobian(fun)(x) ** 2).sum(), x, create_graph=True)[0]
    theirs = torch.autograd.grad((torch.func.jacrev(fun)(y) ** 2).sum(), y)[0]
    torch.testing.assert_close(mine, theirs)
    # By a kernel, not by torch's mode, which leaves other marks.
    assert "Differentiable" in str(type(mine.grad_fn)) or "Plain" in str(type(mine.grad_fn))
