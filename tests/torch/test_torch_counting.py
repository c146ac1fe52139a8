"""What is counted in a function of tensors before it is expanded, and what is decided by it."""

from __future__ import annotations

import random

import pytest
import torch

import ccjac
from ccjac.backends.protocol import Request
from ccjac.estimate import Features
from ccjac_torch import tracing
from ccjac_torch.arguments import prepare

MATRIX = torch.linspace(-1.0, 1.0, 42).reshape(6, 7)
INDEX = torch.tensor([3, 0, 0, 5])


def count(fun, *args) -> Features:
    features = tracing.trace(prepare(Request(fun, 0, has_aux=False, with_value=False), args, {})).features
    assert features is not None
    return features


def written(x):
    y = torch.zeros(6, dtype=x.dtype)
    y[1:4] = x[:3] * x[1]
    y[4:].add_(x[5])
    return y


PATTERNS = {
    "diagonal": lambda x: torch.sin(x) * x,
    "stencil": lambda x: torch.diff(x**2),
    "dense": lambda x: x / torch.sqrt((x**2).sum()),
    "matrix": lambda x: MATRIX @ torch.exp(x),
    "batched": lambda x: torch.einsum("ij,j,i->i", MATRIX, x, x[:6]),
    "in place": written,
    "indexed": lambda x: torch.exp(x)[INDEX],
    "running": lambda x: torch.cumsum(torch.exp(x), 0),
    "joined": lambda x: torch.stack([x[0] * x[1], x[2].sin(), x[3] + x[4]]),
    "rows": lambda x: (torch.outer(x, x) ** 2).sum(1),
    "where": lambda x: torch.where(x > 0.5, x**2, torch.exp(x)),
    "sorted": lambda x: torch.sort(x * 2)[0],
    "looked up": lambda x: x[torch.argmax(x)] * x,
    "solved": lambda x: torch.linalg.solve(torch.outer(x[:2], x[2:4]) + torch.eye(2), x[4:6]),
    "softmax": lambda x: torch.softmax(x, 0),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_entries_of_the_jacobian(name):
    x = torch.linspace(0.3, 0.9, 7)
    found = count(PATTERNS[name], x)
    expected = int((torch.func.jacrev(PATTERNS[name])(x) != 0).sum())
    # Whatever may be read or compared counts.
    expected = {"sorted": 49, "looked up": 49}.get(name, expected)
    assert found.entries == expected
    assert found.inputs == 7
    assert found.operations > 0
    assert not found.obstacle


def test_a_function_that_is_too_large_is_never_expanded(monkeypatch):
    expanded = []
    monkeypatch.setattr(tracing, "_expand", lambda traced: expanded.append(traced) or (None, "it was expanded"))
    wide = torch.ones(300, 300) / 7

    def network(x):
        return wide @ torch.tanh(wide @ x)

    x = torch.linspace(0.0, 1.0, 300)
    plan = ccjac.plan(network, x)
    assert plan.executor == "reverse"
    assert "operations" in plan.reason
    assert "loops" not in plan.reason
    torch.testing.assert_close(ccjac.jacobian(network)(x), torch.func.jacrev(network)(x))
    assert not expanded


def test_what_is_traced_at_every_call_is_not_expanded_to_be_recognised(monkeypatch):
    expanded, expand = [], tracing._expand
    monkeypatch.setattr(tracing, "_expand", lambda traced: expanded.append(traced) or expand(traced))
    wide, drawn = torch.ones(300, 300) / 7, random.Random(0)

    def network(x):
        # What may be drawn at the next call cannot be guarded.
        drawn.getstate()
        return wide @ torch.tanh(wide @ x)

    x = torch.linspace(0.0, 1.0, 300)
    jacobian = ccjac.jacobian(network)
    for _ in range(2):
        torch.testing.assert_close(jacobian(x), torch.func.jacrev(network)(x))
    assert not expanded


def test_a_choice_of_the_users_is_not_questioned():
    x = torch.linspace(0.1, 0.9, 30)

    def fun(x):
        return (x[:, None] * x[None, :]).sin().sum(1)

    assert ccjac.plan(fun, x, executor="kernel").executor == "kernel"


def test_the_mode_is_the_cheaper_one():
    kernel = torch.linspace(-1.0, 1.0, 5).reshape(1, 1, 5)

    def convolved(x):
        return torch.nn.functional.conv1d(x[None, None], kernel)[0, 0]

    def long(x):
        for _ in range(1500):
            x = x + 0.001 * torch.stack([x[1] * x[2], x[0] - x[1], x[0]])
        return x

    assert ccjac.plan(convolved, torch.ones(500)).executor == "forward"
    plan = ccjac.plan(long, torch.ones(3))
    assert plan.executor == "reverse"
    assert "operators" in plan.reason


def test_numbers_are_not_looked_at_when_enough_is_counted():
    wide = torch.ones(300, 300) / 7

    def fun(x):
        y = wide @ torch.tanh(wide @ x)
        return y * 2 if y.sum() > 1e9 else y * 3

    x = torch.linspace(0.0, 1.0, 300)
    torch.testing.assert_close(ccjac.jacobian(fun)(x), torch.func.jacrev(fun)(x))
