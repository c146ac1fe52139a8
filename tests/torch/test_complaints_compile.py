"""Public complaints about Jacobians inside of ``torch.compile``, as scripts named as in ``test_complaints.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.func import vmap  # noqa: E402

import ccjac  # noqa: E402

f64 = torch.float64
X = torch.linspace(0.1, 1.5, 15, dtype=f64).reshape(5, 3)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def time_derivative_of_a_network(jacobian: Any) -> Any:
    weight = torch.linspace(-1.0, 1.0, 12, dtype=f64).reshape(4, 3)

    def net(t: Any, x: Any) -> Any:
        return torch.tanh(weight @ x * t)

    by_time = jacobian(net)
    return lambda: vmap(by_time)(torch.linspace(0.0, 1.0, 5, dtype=f64), X)


def undistorted(jacobian: Any) -> Any:
    """Newton's method for lens distortion, with a Jacobian in every step."""

    def distorted(p: Any) -> Any:
        r = (p**2).sum()
        return p * (1.0 + r * (0.0258 - 0.0241 * r))

    slope = jacobian(distorted)

    def step(p: Any, target: Any) -> Any:
        (a, b), (c, d) = slope(p)
        e = target - distorted(p)
        return p + torch.stack([d * e[0] - b * e[1], a * e[1] - c * e[0]]) / (a * d - b * c)

    return lambda: vmap(lambda t: step(step(t, t), t))(torch.tensor([[-1.0864, -0.6160]], dtype=f64))


def with_something_beside(jacobian: Any) -> Any:
    both = jacobian(lambda x: (torch.sin(x), torch.cos(x)), has_aux=True)
    return lambda: vmap(both)(X[:, 0])[0]


def with_one_hot_weights(jacobian: Any) -> Any:
    def fun(x: Any, idxs: Any) -> Any:
        return x.square() * (torch.arange(3) == idxs[..., None])

    whole = jacobian(fun)
    return lambda: whole(X, torch.tensor([0, 2, 1, 1, 0]))


def a_number_times_a_tensor(jacobian: Any) -> Any:
    scaled = jacobian(lambda x: 2.0 * x / 3.0)
    return lambda: scaled(X[0])


SCRIPTS: dict[str, Callable[[Any], Any]] = {
    "P151196": time_derivative_of_a_network,
    "P160508": undistorted,
    "P154036": with_something_beside,
    "P160752": with_one_hot_weights,
    "P125078": a_number_times_a_tensor,
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("where", SCRIPTS)
def test_compiled_as_eager(where: str, dynamic: bool) -> None:
    torch._dynamo.reset()
    expected = SCRIPTS[where](torch.func.jacrev)()
    run = SCRIPTS[where](ccjac.jacobian)
    torch.testing.assert_close(run(), expected)
    found = torch.compile(run, fullgraph=True, dynamic=dynamic, backend="aot_eager")()
    torch.testing.assert_close(found, expected)
