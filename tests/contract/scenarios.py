"""One list of functions for all backends, written against a framework's array namespace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

x3 = np.array([0.3, 0.7, 1.2])
m23 = np.array([[0.3, 0.7, 1.2], [0.5, 0.1, 0.9]])


class Scenario(NamedTuple):
    """A function of the namespace and the arguments, and what is differentiated."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    argnums: int | tuple[int, ...] = 0


SCENARIOS: dict[str, Scenario] = {
    "vector": Scenario(lambda xp, x: xp.sin(x) * x[0], (x3,)),
    "matrix": Scenario(lambda xp, m: m @ m.T, (m23,)),
    "scalar output": Scenario(lambda xp, x: xp.sum(x**3), (x3,)),
    "scalar input": Scenario(lambda xp, x: xp.stack([x, x * x]), (x3[0],)),
    "two arguments": Scenario(lambda xp, x, m: m @ x, (x3, m23), (0, 1)),
    "second argument": Scenario(lambda xp, x, m: m @ x, (x3, m23), 1),
    "last argument": Scenario(lambda xp, x, m: m @ x, (x3, m23), -1),
    "a tuple of one": Scenario(lambda xp, x: x * x, (x3,), (0,)),
    "containers in": Scenario(lambda xp, d: d["a"] * d["b"][0], ({"a": x3, "b": [x3 + 1.0]},)),
    "containers out": Scenario(lambda xp, x: {"s": xp.sum(x), "p": (x * x, x[1:])}, (x3,)),
    "containers everywhere": Scenario(lambda xp, d, y: [d["a"] * y, {"z": xp.sum(y)}], ({"a": x3}, x3), (0, 1)),
    "identity": Scenario(lambda xp, x: x, (x3,)),
    "linear": Scenario(lambda xp, x: x * 3.0 - 1.0, (x3,)),
    "constant": Scenario(lambda xp, x: xp.ones_like(x), (x3,)),
    "an unused argument": Scenario(lambda xp, x, y: x * 2.0, (x3, x3), (0, 1)),
    "one output twice": Scenario(lambda xp, x: (x * x,) * 2, (x3,)),
    "an input used twice": Scenario(lambda xp, x: x * x + x, (x3,)),
    "empty output": Scenario(lambda xp, x: x[:0] * 2.0, (x3,)),
    "choice": Scenario(lambda xp, x: xp.where(x > 0.5, x * x, xp.exp(x)), (x3,)),
    "norm": Scenario(lambda xp, x: x / xp.linalg.norm(x), (x3,)),
    "many axes": Scenario(lambda xp, x: x[None, :, None] * xp.ones_like(x)[:, None, None], (x3,)),
    "a loop": Scenario(lambda xp, x: _horner(x), (x3,)),
}


def _horner(x: Any) -> Any:
    total = x[0] * 0.0
    for k in range(3):
        total = total * x[1] + x[k]
    return total
