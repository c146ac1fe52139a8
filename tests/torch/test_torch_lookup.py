"""Sorting, and reading and writing at places that depend on the arguments: one program for all of them."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ccjac  # noqa: E402

f64 = torch.float64
M = torch.linspace(0.1, 1.2, 12, dtype=f64).reshape(3, 4)
zeros = torch.zeros(4, dtype=f64)
POINTS = [torch.tensor(v, dtype=f64) for v in ([0.3, 1.7, 0.9, -0.4], [-0.2, -0.9, 0.6, 1.1], [2.0, 0.7, 0.4, 0.2])]

FUNCTIONS: dict[str, Any] = {
    "sort": lambda x: torch.sort(x * x).values,
    "sort rows from the largest": lambda x: (M * x).sort(1, descending=True)[0],
    "sort columns": lambda x: torch.sort(M * x, dim=0, stable=True).values,
    "argsort": lambda x: x[torch.argsort(x)] * x,
    "msort": lambda x: torch.msort(x * x),
    "topk": lambda x: torch.topk(x, 2).values,
    "topk smallest": lambda x: torch.topk(M * x, 2, dim=1, largest=False).values,
    "kthvalue": lambda x: torch.kthvalue(M * x, 2, 1, keepdim=True).values,
    "quantile": lambda x: torch.quantile(x, 0.3),
    "gather": lambda x: torch.gather(M * x, 1, torch.argsort(M * x, 1)[:, :2]),
    "the largest by its index": lambda x: x[x.argmax()] * x,
    "an index from the end": lambda x: x[x.argmax() - 4],
    "index_select": lambda x: (M * x).index_select(1, x.argsort()[:2]),
    "index_select of a table": lambda x: M.index_select(1, x.argmin()[None]) * x[0],
    "take_along_dim": lambda x: torch.take_along_dim(x * x, torch.argsort(x), 0),
    "advanced": lambda x: (M * x)[[0, 2], x.argsort()[:2]],
    "advanced, apart": lambda x: (M[None] * x[:, None, None])[x.argsort(), :, x.argmax()[None]],
    "selected by comparison": lambda x: x[(x > 0.5).long()],
    "embedding": lambda x: torch.nn.functional.embedding((x > 0.5).long(), M * x[0]),
    "searchsorted": lambda x: x * torch.searchsorted(M[0], x),
    "searchsorted, right": lambda x: x * torch.searchsorted(M[0], x, right=True),
    "bucketize": lambda x: x * torch.bucketize(x, M[0]),
    "a table, interpolated": lambda x: M[0][torch.searchsorted(M[0], x).clamp(0, 3)] * x,
    "scatter": lambda x: zeros.scatter(0, x.argmax()[None], x[:1]),
    "scatter a number": lambda x: (x * x).scatter(0, x.argmax()[None], 2.0),
    "scatter_add": lambda x: zeros.scatter_add(0, (x > 0.5).long(), x * x),
    "index_put": lambda x: (x * x).index_put((x.argmin()[None],), x[:1] * 2.0),
    "index_put, added": lambda x: zeros.index_put(((x > 0.5).long(),), x * x, accumulate=True),
    "integers with a rest": lambda x: (
        x * (torch.argsort(x) % 3) + x * (torch.argsort(x) - 2).div(2, rounding_mode="floor")
    ),
    "masked_fill": lambda x: (x * x).masked_fill(x > 0.5, 3.0),
    "polygamma": lambda x: torch.polygamma(1, x.abs()) * torch.polygamma(2, x.abs() + 1.0),
    "digamma": lambda x: torch.digamma(x.abs()) * torch.lgamma(x.abs()),
    "max pooling": lambda x: torch.nn.functional.max_pool1d(x[None, None], 2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_expanded_and_right(name: str) -> None:
    fun = FUNCTIONS[name]
    assert (plan := ccjac.plan(fun, POINTS[0], zoo=False)).source != "fallback", plan.reason
    jacobian = ccjac.value_and_jacobian(fun, zoo=False)
    for x in POINTS:
        value, found = jacobian(x)
        # Torch's own function of order 1 has ten digits.
        near = 1e-8 if name == "polygamma" else 1e-12
        torch.testing.assert_close(value, fun(x), rtol=near, atol=near)
        torch.testing.assert_close(found, torch.func.jacrev(fun)(x), rtol=1e-9, atol=1e-9)


def test_ties_keep_their_order() -> None:
    x = torch.tensor([1.0, 0.5, 1.0, 0.5], dtype=f64)
    for fun in (lambda x: torch.sort(x, stable=True).values, lambda x: torch.sort(x, descending=True, stable=True)[0]):
        torch.testing.assert_close(ccjac.jacobian(fun)(x), torch.func.jacrev(fun)(x))


def test_what_is_no_number_comes_last() -> None:
    x = torch.tensor([1.0, float("nan"), 0.5], dtype=f64)
    value, _ = ccjac.value_and_jacobian(torch.msort)(x)
    torch.testing.assert_close(value, torch.msort(x), equal_nan=True)
    counts = lambda x: x.nan_to_num(0.0) + torch.searchsorted(M[0], x)  # noqa: E731
    torch.testing.assert_close(ccjac.value_and_jacobian(counts)(x)[0], counts(x))


def test_places_outside() -> None:
    """Torch raises an error; nothing here can be mistaken for a result."""
    read = lambda x: M[0][torch.searchsorted(M[0], x)] * x  # noqa: E731
    beyond = POINTS[0]
    with pytest.raises((RuntimeError, IndexError)):
        read(beyond)
    found = ccjac.jacobian(read)(beyond)
    assert found[1, 1].isnan()
    assert found[0, 0].isfinite()
    write = lambda x: zeros.index_put((torch.searchsorted(M[0], x)[:1],), x[:1])  # noqa: E731
    assert "outside" in ccjac.plan(write, beyond).reason


def test_in_batches() -> None:
    batch = torch.stack(POINTS)
    fun = FUNCTIONS["advanced"]
    torch.testing.assert_close(
        ccjac.jacobian(fun, in_dims=0)(batch), torch.stack([torch.func.jacrev(fun)(x) for x in POINTS])
    )
