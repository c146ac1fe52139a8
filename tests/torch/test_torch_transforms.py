"""The Jacobian function under torch's transformations, and its derivatives."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ccjac  # noqa: E402


def fun(x: Any) -> Any:
    return torch.stack([torch.sin(x[0]) * x[1], x[1] / x[2], torch.exp(x[0] * x[2])])


def two(x: Any, p: Any) -> Any:
    return torch.tanh(p @ x)


J = ccjac.jacobian(fun)
R = torch.func.jacrev(fun)
x = torch.tensor([0.3, 0.7, 1.2], dtype=torch.float64)
X = torch.rand(5, 3, dtype=torch.float64) + 0.2
p = torch.rand(2, 3, dtype=torch.float64)


def close(a: Any, b: Any) -> None:
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_expands() -> None:
    assert ccjac.plan(fun, x).executor == "kernel"


def test_vmap() -> None:
    close(torch.func.vmap(J)(X), torch.func.vmap(R)(X))
    close(torch.func.vmap(J, in_dims=1)(X.T), torch.func.vmap(R)(X))
    close(torch.func.vmap(J, out_dims=2)(X), torch.func.vmap(R, out_dims=2)(X))
    nested = X.expand(4, 5, 3)
    close(torch.func.vmap(torch.func.vmap(J))(nested), torch.func.vmap(torch.func.vmap(R))(nested))
    close(
        torch.func.vmap(torch.func.vmap(J), in_dims=1)(nested), torch.func.vmap(torch.func.vmap(R), in_dims=1)(nested)
    )


def test_vmap_with_unbatched_and_mixed_operands() -> None:
    ours, theirs = ccjac.jacobian(two, argnums=(0, 1)), torch.func.jacrev(two, argnums=(0, 1))
    close(torch.func.vmap(ours, in_dims=(0, None))(X, p), torch.func.vmap(theirs, in_dims=(0, None))(X, p))
    close(
        torch.func.vmap(ours, in_dims=(None, 0))(x, p.expand(4, 2, 3)),
        torch.func.vmap(theirs, (None, 0))(x, p.expand(4, 2, 3)),
    )
    P = p.expand(4, 2, 3)
    both = lambda f: torch.func.vmap(torch.func.vmap(f, in_dims=(0, None)), in_dims=(None, 0))  # noqa: E731
    close(both(ours)(X, P * 1.5), both(theirs)(X, P * 1.5))


def test_backward_and_double_backward() -> None:
    weights = torch.rand(3, 3, dtype=torch.float64)
    results = []
    for f in (J, R):
        y = x.clone().requires_grad_()
        (first,) = torch.autograd.grad((f(y) * weights).sum(), y, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), y, create_graph=True)
        (third,) = torch.autograd.grad(second.sum(), y)
        results.append((first.detach(), second.detach(), third))
    close(*results)


def test_batched_backward() -> None:
    results = []
    for f in (J, R):
        y = X.clone().requires_grad_()
        torch.func.vmap(f)(y).square().sum().backward()
        results.append(y.grad)
    close(*results)


@pytest.mark.parametrize("outer", [torch.func.jacrev, torch.func.jacfwd], ids=["jacrev", "jacfwd"])
def test_jacobians_of_the_jacobian(outer: Any) -> None:
    close(outer(J)(x), outer(R)(x))
    close(torch.func.vmap(outer(J))(X), torch.func.vmap(outer(R))(X))
    close(outer(torch.func.vmap(J))(X), outer(torch.func.vmap(R))(X))


def test_jvp_and_vjp() -> None:
    v, g = torch.rand(3, dtype=torch.float64), torch.rand(3, 3, dtype=torch.float64)
    close(torch.func.jvp(J, (x,), (v,)), torch.func.jvp(R, (x,), (v,)))
    close(torch.func.vjp(J, x)[1](g), torch.func.vjp(R, x)[1](g))
    close(torch.func.hessian(lambda y: J(y).sum())(x), torch.func.hessian(lambda y: R(y).sum())(x))


def test_plain_forward_mode() -> None:
    from torch.autograd import forward_ad

    v = torch.rand(3, dtype=torch.float64)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(J(forward_ad.make_dual(x, v))).tangent
    close(tangent, torch.func.jvp(R, (x,), (v,))[1])


def test_a_jacobian_inside_of_a_jacobian_is_expanded() -> None:
    inner = ccjac.jacobian(fun)
    assert ccjac.plan(lambda y: inner(y).sum(0), x).executor == "kernel"
    close(ccjac.jacobian(ccjac.jacobian(fun))(x), torch.func.jacrev(R)(x))
    close(
        ccjac.jacobian(lambda y: torch.func.vmap(inner)(y[None] * X).sum())(x),
        torch.func.jacrev(lambda y: torch.func.vmap(R)(y[None] * X).sum())(x),
    )


def test_a_gradient_inside_a_traced_function_is_not_lost() -> None:
    inner = ccjac.jacobian(fun)
    ours = lambda y: torch.func.grad(lambda z: inner(z).sum())(y)  # noqa: E731
    theirs = lambda y: torch.func.grad(lambda z: R(z).sum())(y)  # noqa: E731
    close(ccjac.jacobian(ours)(x), torch.func.jacrev(theirs)(x))


@pytest.mark.parametrize(
    "surroundings",
    [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu", dtype=torch.bfloat16)],
    ids=["no_grad", "inference_mode", "autocast"],
)
def test_a_first_call_in_other_surroundings_is_traced_rightly(surroundings: Any) -> None:
    jacobian = ccjac.jacobian(fun)
    with surroundings():
        close(jacobian(x), R(x))
    close(jacobian(x), R(x))


def test_a_first_call_inside_of_transformations() -> None:
    close(torch.func.vmap(ccjac.jacobian(fun))(X), torch.func.vmap(R)(X))
    close(torch.func.jacrev(ccjac.jacobian(fun))(x), torch.func.jacrev(R)(x))
    close(torch.func.jacfwd(torch.func.vmap(ccjac.jacobian(fun)))(X), torch.func.jacfwd(torch.func.vmap(R))(X))


def test_meta_and_fake_tensors() -> None:
    assert J(torch.empty(3, dtype=torch.float64, device="meta")).shape == (3, 3)
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode() as mode:
        out = ccjac.jacobian(fun)(mode.from_tensor(x))
        assert out.shape == (3, 3)
        assert torch.func.vmap(J)(mode.from_tensor(X)).shape == (5, 3, 3)


def test_empty_batches() -> None:
    assert torch.func.vmap(J)(X[:0]).shape == (0, 3, 3)


def test_rules_met_first_inside_of_forward_mode() -> None:
    # In a process of its own: what other tests derived is remembered.
    script = """
import torch, ccjac
fun = lambda x: torch.stack([torch.sinh(x).sum(), torch.logsumexp(x * x, 0), torch.prod(x)])
x = torch.tensor([0.3, 0.7, 1.2], dtype=torch.float64)
ours, theirs = (torch.func.jacfwd(torch.func.jacfwd(f(fun)))(x) for f in (ccjac.jacobian, torch.func.jacrev))
torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
print(ccjac.plan(fun, x).executor)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=200)
    assert done.stdout.strip() == "kernel", done.stderr[-2000:]
