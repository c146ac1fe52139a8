"""At kinks, ties, poles and zeros the derivative is torch's own."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402, N812

import ccjac  # noqa: E402

KINKS = torch.tensor([-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, float("inf")], dtype=torch.float64)

FUNCTIONS: dict[str, Any] = {
    "abs": torch.abs,
    "relu": F.relu,
    "relu6": F.relu6,
    "hardtanh": F.hardtanh,
    "hardsigmoid": lambda x: F.hardsigmoid(6.0 * x - 3.0),
    "clamp": lambda x: torch.clamp(x, 0.0, 1.0),
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "minimum of itself": lambda x: torch.minimum(x, x * 1.0),
    "sqrt": torch.sqrt,
    "power": lambda x: x**1.5,
    "square root by power": lambda x: x[3:] ** 0.5,
    "integer power": lambda x: x**3,
    "zeroth power": lambda x: x**0,
    "sign": torch.sign,
    "round": torch.round,
    "floor": torch.floor,
    "trunc": torch.trunc,
    "frac": torch.frac,
    "remainder": lambda x: torch.remainder(x, 2.0),
    "fmod": lambda x: torch.fmod(x, 2.0),
    "where": lambda x: torch.where(x > 0.5, x * x, -x),
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "softplus": F.softplus,
    "sinc": lambda x: torch.sinc(x[:8]),
    "xlogy": lambda x: torch.xlogy(x[:8], x[:8] + 3.0),
    "atan2": lambda x: torch.atan2(x[4:8], x[:4]),
    "logaddexp": lambda x: torch.logaddexp(x[:8], -x[:8]),
    "softshrink": F.softshrink,
    "threshold": lambda x: F.threshold(x, 0.5, 2.0),
    "hypot": lambda x: torch.hypot(x[4:8], x[3:7]),
    "nan_to_num": torch.nan_to_num,
    "copysign": lambda x: torch.copysign(x[4:8], x[:4]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_at_special_points(name):
    fun = FUNCTIONS[name]
    y = fun(KINKS)
    ours = ccjac.jacobian(fun)(KINKS)
    # Entry by entry: a matrix of zeros times infinity is torch's, not the function's.
    theirs = torch.stack(
        [torch.autograd.grad(fun(z := KINKS.clone().requires_grad_())[k], z)[0] for k in range(len(y))]
    )
    ours, theirs = (torch.where(theirs.isnan() & (ours == 0.0), 0.0, m) for m in (ours, theirs))
    # A sixth is a single-precision number in torch's own rule.
    tolerance = 1e-7 if name == "hardsigmoid" else 1e-12
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=1e-14, equal_nan=True)


REDUCTIONS: dict[str, Any] = {
    "norm at zero": (torch.linalg.norm, torch.zeros(3).double()),
    "norm of order one": (lambda x: torch.linalg.norm(x, 1), torch.tensor([0.0, -1.0, 2.0]).double()),
    "amax with ties": (torch.amax, torch.tensor([1.0, 2.0, 2.0]).double()),
    "max with ties": (torch.max, torch.tensor([1.0, 2.0, 2.0]).double()),
    "max along an axis": (lambda x: torch.max(x.reshape(1, 3), 1).values, torch.tensor([1.0, 2.0, 2.0]).double()),
    "prod with one zero": (torch.prod, torch.tensor([1.0, 0.0, 2.0]).double()),
    "prod with two zeros": (torch.prod, torch.tensor([0.0, 0.0, 2.0]).double()),
    "cumprod with a zero": (lambda x: torch.cumprod(x, 0), torch.tensor([1.0, 0.0, 2.0]).double()),
    "median": (torch.median, torch.tensor([1.0, 3.0, 2.0]).double()),
    "sort": (lambda x: torch.sort(x).values, torch.tensor([1.0, 3.0, 2.0]).double()),
    "std of equal numbers": (torch.std, torch.ones(3).double()),
    "logsumexp far out": (lambda x: torch.logsumexp(x, 0), torch.tensor([1000.0, -1000.0, 999.0]).double()),
    "softmax far out": (lambda x: F.softmax(x, 0), torch.tensor([1000.0, -1000.0, 999.0]).double()),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_at_special_points(name):
    fun, x = REDUCTIONS[name]
    ours, theirs = ccjac.jacobian(fun)(x), torch.func.jacrev(fun)(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-14, equal_nan=True)
