"""Operators that torch's derivative rules are made of, in terms of others.

Torch has definitions of its own in Python, but their first use loads much of its compiler, which takes a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def tanh_backward(g: Any, y: Any) -> Any:
    """By the result ``y``: ``1 - y^2``."""
    return g * (1.0 - y * y)


def sigmoid_backward(g: Any, y: Any) -> Any:
    """By the result ``y``: ``y (1 - y)``."""
    return g * (y * (1.0 - y))


def threshold_backward(g: Any, x: Any, threshold: Any) -> Any:
    """One above the threshold."""
    return torch.where(x <= threshold, 0.0, g)


def hardtanh_backward(g: Any, x: Any, low: Any, high: Any) -> Any:
    """One between the bounds."""
    return torch.where(torch.logical_or(x <= low, x >= high), 0.0, g)


def softplus_backward(g: Any, x: Any, beta: Any, threshold: Any) -> Any:
    """A logistic function, and one above the threshold."""
    grown = torch.exp(x * beta)
    return torch.where(x * beta > threshold, g, g * grown / (grown + 1.0))


BACKWARD: dict[str, Callable[..., Any]] = {
    "tanh_backward": tanh_backward,
    "sigmoid_backward": sigmoid_backward,
    "threshold_backward": threshold_backward,
    "hardtanh_backward": hardtanh_backward,
    "softplus_backward": softplus_backward,
}
"""Operator -> the same by other operators."""
