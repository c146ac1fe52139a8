"""Operators that stand for several operations: written as ``jax.nn`` and ``jax.numpy`` write them.

The functions call torch again, under the same trace; every step is an operation with vertices of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

Composition = Callable[..., Any]


def _scaled(x: Any, factor: Any) -> Any:
    return x if factor == 1 else x * factor


def addmm(bias: Any, left: Any, right: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """A matrix product and a bias."""
    return torch.mm(left, right) + bias if (beta, alpha) == (1, 1) else _mixed(bias, torch.mm(left, right), beta, alpha)


def _mixed(bias: Any, product: Any, beta: Any, alpha: Any) -> Any:
    product = _scaled(product, alpha)
    return product if beta == 0 else product + _scaled(bias, beta)


def addmv(bias: Any, matrix: Any, vector: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """A matrix times a vector, and a bias."""
    return _mixed(bias, torch.mv(matrix, vector), beta, alpha)


def baddbmm(bias: Any, left: Any, right: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Many matrix products and a bias."""
    return _mixed(bias, torch.bmm(left, right), beta, alpha)


def addbmm(bias: Any, left: Any, right: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """The sum of many matrix products, and a bias."""
    return _mixed(bias, torch.bmm(left, right).sum(0), beta, alpha)


def addr(bias: Any, left: Any, right: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """An outer product and a bias."""
    return _mixed(bias, left[:, None] * right[None, :], beta, alpha)


def addcmul(x: Any, left: Any, right: Any, *, value: Any = 1) -> Any:
    """``x + value * left * right``."""
    return x + _scaled(left, value) * right


def addcdiv(x: Any, left: Any, right: Any, *, value: Any = 1) -> Any:
    """``x + value * left / right``."""
    return x + _scaled(left, value) / right


def lerp(start: Any, end: Any, weight: Any) -> Any:
    """Linear interpolation."""
    return start + weight * (end - start)


def _count(x: Any, dim: Any) -> int:
    axes = range(x.dim()) if dim is None or dim == [] else ([dim] if isinstance(dim, int) else dim)
    return math.prod([x.shape[d] for d in axes])


def _sum(x: Any, dim: Any, keepdim: bool) -> Any:
    return x.sum() if dim is None and not keepdim else torch.sum(x, dim if dim is not None else (), keepdim=keepdim)


def mean(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """A sum divided by its length."""
    x = x if dtype is None else x.to(dtype)
    return _sum(x, dim, keepdim) / _count(x, dim)


def _squares(x: Any, dim: Any, correction: Any) -> tuple[Any, Any]:
    axes = list(range(x.dim())) if dim is None or dim == [] else ([dim] if isinstance(dim, int) else list(dim))
    return torch.square(x - mean(x, axes, True)), axes


def var(x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    """The mean square of the distance from the mean."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    less = correction if correction is not None else (0 if unbiased is False else 1)
    squares, axes = _squares(x, dim, less)
    return _sum(squares, axes, keepdim) / max(_count(x, axes) - less, 0)


def var_mean(x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    """Both moments."""
    return var(x, dim, unbiased, keepdim, correction=correction), mean(
        x, None if isinstance(dim, bool) else dim, keepdim
    )


def std_mean(x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    """Both moments."""
    whole = dim is None or isinstance(dim, bool)
    less = correction if correction is not None else (0 if unbiased is False or dim is False else 1)
    axes = None if whole else dim
    return torch.std(x, axes, correction=less, keepdim=keepdim), mean(x, axes, keepdim)


def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of vectors, ``(sum |x|^p)^(1/p)``."""
    x = x if dtype is None else x.to(dtype)
    if ord == 2:
        return torch.sqrt(_sum(torch.square(x), dim, keepdim))
    if ord == 1:
        return _sum(torch.abs(x), dim, keepdim)
    axes = () if dim is None else dim
    if ord in (math.inf, -math.inf):
        return (torch.amax if ord > 0 else torch.amin)(torch.abs(x), axes, keepdim=keepdim)
    if ord == 0:
        return _sum((x != 0).to(x.dtype), dim, keepdim)
    return _sum(torch.abs(x) ** ord, dim, keepdim) ** (1.0 / ord)


def norm(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The older name."""
    return vector_norm(x, 2 if p is None else p, dim, keepdim, dtype=dtype)


def _largest(x: Any, dim: Any) -> Any:
    return torch.amax(x.detach(), dim, keepdim=True)


def softmax(x: Any, dim: int, half_to_float: bool = False) -> Any:
    """Exponentials divided by their sum, less the largest exponent."""
    x = x.float() if half_to_float else x
    exponentials = torch.exp(x - _largest(x, dim))
    return exponentials / torch.sum(exponentials, dim, keepdim=True)


def log_softmax(x: Any, dim: int, half_to_float: bool = False) -> Any:
    """The logarithm of that."""
    x = x.float() if half_to_float else x
    shifted = x - _largest(x, dim)
    return shifted - torch.log(torch.sum(torch.exp(shifted), dim, keepdim=True))


def logsumexp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    """The logarithm of a sum of exponentials."""
    largest = _largest(x, dim)
    total = torch.sum(torch.exp(x - largest), dim, keepdim=True)
    result = torch.log(torch.abs(total)) + largest
    axes = [dim] if isinstance(dim, int) else list(dim)
    return result if keepdim else torch.squeeze(result, tuple(axes) if axes else tuple(range(x.dim())))


def native_layer_norm(x: Any, shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    """Entries less their mean, divided by their deviation."""
    axes = list(range(x.dim() - len(shape), x.dim()))
    center = mean(x, axes, True)
    deviation = torch.sqrt(mean(torch.square(x - center), axes, True) + eps)
    result = (x - center) / deviation
    result = result if weight is None else result * weight
    result = result if bias is None else result + bias
    return result, center, 1.0 / deviation


def fused_rms_norm(x: Any, shape: Any, weight: Any, eps: float | None) -> Any:
    """Entries divided by their root mean square."""
    axes = list(range(x.dim() - len(shape), x.dim()))
    small = torch.finfo(x.dtype).eps if eps is None else eps
    inverse = torch.rsqrt(mean(torch.square(x), axes, True) + small)
    result = x * inverse
    return (result if weight is None else result * weight), inverse


def silu(x: Any) -> Any:
    """``x * sigmoid(x)``."""
    return x * torch.sigmoid(x)


def gelu(x: Any, *, approximate: str = "none") -> Any:
    """By the error function, or its approximation by a hyperbolic tangent."""
    if approximate == "tanh":
        inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)
        return x * (0.5 * (1.0 + torch.tanh(inner)))
    return 0.5 * x * torch.erfc(-x * math.sqrt(0.5))


def elu(x: Any, alpha: Any = 1, scale: Any = 1, input_scale: Any = 1) -> Any:
    """``x`` or, below zero, ``alpha * (e^x - 1)``."""
    inside = torch.where(x > 0, 0.0, x)
    return _scaled(torch.where(x > 0, x, alpha * torch.expm1(_scaled(inside, input_scale))), scale)


def celu(x: Any, alpha: Any = 1.0) -> Any:
    """``x`` or, below zero, ``alpha * (e^(x / alpha) - 1)``."""
    zero = torch.zeros((), dtype=x.dtype)
    return torch.maximum(x, zero) + alpha * torch.expm1(torch.minimum(x, zero) / alpha)


def selu(x: Any) -> Any:
    """The self-normalizing unit."""
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def log_sigmoid(x: Any) -> Any:
    """``-softplus(-x)``."""
    return -torch.nn.functional.softplus(-x)


def log_sigmoid_forward(x: Any) -> Any:
    """The same, with the buffer that its derivative keeps."""
    return log_sigmoid(x), torch.zeros(0, dtype=x.dtype)


def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    """``x`` or, below zero, a part of it."""
    # At zero torch takes the slope, unlike JAX.
    return torch.where(x > 0, x, negative_slope * x)


def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))``."""
    return x * torch.tanh(torch.nn.functional.softplus(x))


def hardsigmoid(x: Any) -> Any:
    """``relu6(x + 3) / 6``."""
    return torch.nn.functional.relu6(x + 3.0) / 6.0


def hardswish(x: Any) -> Any:
    """``x * hardsigmoid(x)``."""
    return x * hardsigmoid(x)


def cumprod(x: Any, dim: int, *, dtype: Any = None) -> Any:
    """Products of every entry with all before it."""
    x = x if dtype is None else x.to(dtype)
    if x.dim() == 0:
        return x.clone()
    parts = list(torch.unbind(x, dim))
    for k in range(1, len(parts)):
        parts[k] = parts[k - 1] * parts[k]
    return torch.stack(parts, dim) if parts else x.clone()


def glu(x: Any, dim: int = -1) -> Any:
    """One half times the sigmoid of the other."""
    left, right = torch.chunk(x, 2, dim)
    return left * torch.sigmoid(right)


def sinc(x: Any) -> Any:
    """``sin(pi x) / (pi x)``."""
    angle = math.pi * x
    inside = torch.where(angle == 0.0, 1.0, angle)
    return torch.where(angle == 0.0, 1.0, torch.sin(inside) / inside)


def log2(x: Any) -> Any:
    """A multiple of the natural logarithm."""
    return torch.log(x) / math.log(2.0)


def log10(x: Any) -> Any:
    """A multiple of the natural logarithm."""
    return torch.log(x) * (1.0 / math.log(10.0))


def deg2rad(x: Any) -> Any:
    """A multiple."""
    return x * (math.pi / 180.0)


def rad2deg(x: Any) -> Any:
    """A multiple."""
    return x * (180.0 / math.pi)


def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    """A choice."""
    return torch.where(mask, value, x)


def mse_loss(x: Any, target: Any, reduction: int = 1) -> Any:
    """The square of a difference."""
    return _reduced(torch.square(x - target), reduction)


def smooth_l1_loss(x: Any, target: Any, reduction: int = 1, beta: float = 1.0) -> Any:
    """A square near zero, an absolute value elsewhere."""
    distance = torch.abs(x - target)
    return _reduced(torch.where(distance < beta, 0.5 * torch.square(distance) / beta, distance - 0.5 * beta), reduction)


def huber_loss(x: Any, target: Any, reduction: int = 1, delta: float = 1.0) -> Any:
    """The same, of another scale."""
    distance = torch.abs(x - target)
    far = delta * (distance - 0.5 * delta)
    return _reduced(torch.where(distance <= delta, 0.5 * torch.square(distance), far), reduction)


def _reduced(losses: Any, reduction: int) -> Any:
    return losses if reduction == 0 else mean(losses) if reduction == 1 else losses.sum()


def cross(x: Any, other: Any, *, dim: int = -1) -> Any:
    """The cross product of vectors of three entries."""
    a, b = torch.movedim(x, dim, -1), torch.movedim(other, dim, -1)
    turned = a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]
    return torch.movedim(turned, -1, dim)


COMPOSITIONS: dict[str, Composition] = {
    "addmm": addmm,
    "addmv": addmv,
    "baddbmm": baddbmm,
    "addbmm": addbmm,
    "addr": addr,
    "addcmul": addcmul,
    "addcdiv": addcdiv,
    "lerp": lerp,
    "mean": mean,
    "var": var,
    "var_mean": var_mean,
    "std_mean": std_mean,
    "linalg_vector_norm": vector_norm,
    "norm": norm,
    "_softmax": softmax,
    "_log_softmax": log_softmax,
    "logsumexp": logsumexp,
    "native_layer_norm": native_layer_norm,
    "_fused_rms_norm": fused_rms_norm,
    "silu": silu,
    "gelu": gelu,
    "elu": elu,
    "celu": celu,
    "selu": selu,
    "log_sigmoid": log_sigmoid,
    "log_sigmoid_forward": log_sigmoid_forward,
    "leaky_relu": leaky_relu,
    "mish": mish,
    "hardsigmoid": hardsigmoid,
    "hardswish": hardswish,
    "cumprod": cumprod,
    "glu": glu,
    "sinc": sinc,
    "log2": log2,
    "log10": log10,
    "deg2rad": deg2rad,
    "rad2deg": rad2deg,
    "masked_fill": masked_fill,
    "mse_loss": mse_loss,
    "smooth_l1_loss": smooth_l1_loss,
    "huber_loss": huber_loss,
    "linalg_cross": cross,
}
"""Operator -> the same by other operators."""
