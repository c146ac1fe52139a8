"""The same mathematics written for torch and for JAX."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

x3 = np.array([0.3, 0.7, 1.2])
m23 = np.array([[0.3, 0.7, 1.2], [0.5, 0.1, 0.9]])
W = np.linspace(0.1, 0.6, 6).reshape(2, 3)
t64 = torch.float64


class Pair(NamedTuple):
    """One function twice."""

    on_torch: Callable[[Any], Any]
    on_jax: Callable[[Any], Any]
    argument: np.ndarray


PAIRS: dict[str, Pair] = {}


def shared(name: str, function: Callable[[Any, Any], Any], argument: np.ndarray = x3) -> None:
    """Spelled the same in both."""
    PAIRS[name] = Pair(functools.partial(function, torch), functools.partial(function, jnp), argument)


def pair(name: str, on_torch: Any, on_jax: Any, argument: np.ndarray = x3) -> None:
    """Spelled differently."""
    PAIRS[name] = Pair(on_torch, on_jax, argument)


UNARY = "sin cos tan sinh cosh tanh exp exp2 expm1 log log2 log10 log1p sqrt abs square reciprocal floor ceil sign"
for unary in UNARY.split():
    shared(unary, lambda xp, x, n=unary: getattr(xp, n)(x) * x)
for ours, theirs in (("asin", "arcsin"), ("acos", "arccos"), ("atan", "arctan"), ("asinh", "arcsinh")):
    pair(ours, lambda x, n=ours: getattr(torch, n)(x * 0.5), lambda x, n=theirs: getattr(jnp, n)(x * 0.5))
pair("acosh", lambda x: torch.acosh(x + 1.0), lambda x: jnp.arccosh(x + 1.0))
pair("atanh", lambda x: torch.atanh(x * 0.5), lambda x: jnp.arctanh(x * 0.5))
pair("rsqrt", torch.rsqrt, jax.lax.rsqrt)
pair("erf", torch.erf, jax.scipy.special.erf)
pair("erfc", torch.erfc, jax.scipy.special.erfc)
pair("erfinv", lambda x: torch.erfinv(x * 0.5), lambda x: jax.scipy.special.erfinv(x * 0.5))
pair("lgamma", torch.lgamma, jax.scipy.special.gammaln)

for power in (2, 3, -1, -2, 2.5, 0.5, 1):
    shared(f"x**{power}", lambda xp, x, p=power: x**p)
shared("2**x", lambda xp, x: 2.0**x)
shared("x**x", lambda xp, x: x**x)
for name, function in {
    "1/x": lambda x: 1.0 / x,
    "2/x": lambda x: 2.0 / x,
    "x/2": lambda x: x / 2.0,
    "1-x": lambda x: 1.0 - x,
    "-x": lambda x: -x,
    "x+1": lambda x: x + 1.0,
    "3x": lambda x: 3.0 * x,
    "x*x": lambda x: x * x,
    "x/y": lambda x: x[0] / x[1:],
    "x-y": lambda x: x[0] - x[1:] * x[0],
    "polynomial": lambda x: 1.0 + x * (2.0 + x * (3.0 - x)),
    "slices": lambda x: x[:2] * x[1:],
    "new axis": lambda x: x[None] * x[:, None],
    "ellipsis": lambda x: x[..., 1] * x,
    "loop": lambda x: functools.reduce(lambda a, b: a * b + x[0], [x[1], x[2], x[0]]),
    "in-place name": lambda x: _accumulated(x),
}.items():
    shared(name, lambda xp, x, f=function: f(x))


def _accumulated(x: Any) -> Any:
    total = x[0] * 0.5
    for k in range(1, 3):
        total = total * x[k] + x[0]
    return total


pair("1/sqrt", lambda x: 1.0 / torch.sqrt(x), lambda x: 1.0 / jnp.sqrt(x))
pair("2*reciprocal", lambda x: 2.0 * torch.reciprocal(x), lambda x: 2.0 * jnp.reciprocal(x))
shared("maximum", lambda xp, x: xp.maximum(x, xp.flip(x, (0,)) * 2.0))
shared("minimum", lambda xp, x: xp.minimum(x, xp.flip(x, (0,)) * 2.0))
shared("maximum with a number", lambda xp, x: xp.maximum(x * x, xp.ones_like(x)))
pair("clamp", lambda x: torch.clamp(x, 0.0, 1.0), lambda x: jnp.clip(x, 0.0, 1.0))
pair("clamp from below", lambda x: x.clamp(min=0.5), lambda x: jnp.clip(x, 0.5))
pair("atan2", lambda x: torch.atan2(x, x.flip(0) * 2.0), lambda x: jnp.arctan2(x, x[::-1] * 2.0))
shared("logaddexp", lambda xp, x: xp.logaddexp(x, x * x))
pair("lerp", lambda x: torch.lerp(x, x * x, 0.3), lambda x: x + 0.3 * (x * x - x))
pair("addcmul", lambda x: torch.addcmul(x, x, x * x, value=0.5), lambda x: x + 0.5 * x * (x * x))
pair("addcdiv", lambda x: torch.addcdiv(x, x, x * x + 1.0), lambda x: x + x / (x * x + 1.0))
pair("rsub", lambda x: torch.rsub(x, 2.0), lambda x: 2.0 - x)
pair("add alpha", lambda x: torch.add(x, x * x, alpha=2.0), lambda x: x + 2.0 * (x * x))
pair("fmod free", lambda x: torch.true_divide(x, x + 1.0), lambda x: x / (x + 1.0))
pair("deg2rad", torch.deg2rad, jnp.deg2rad)

ACTIVATIONS = {
    "relu": (F.relu, jax.nn.relu),
    "relu6": (F.relu6, jax.nn.relu6),
    "sigmoid": (torch.sigmoid, jax.nn.sigmoid),
    "silu": (F.silu, jax.nn.silu),
    "gelu": (F.gelu, lambda x: jax.nn.gelu(x, approximate=False)),
    "gelu tanh": (lambda x: F.gelu(x, approximate="tanh"), jax.nn.gelu),
    "softplus": (F.softplus, jax.nn.softplus),
    "logsigmoid": (F.logsigmoid, jax.nn.log_sigmoid),
    "elu": (F.elu, jax.nn.elu),
    "celu": (F.celu, jax.nn.celu),
    "selu": (F.selu, jax.nn.selu),
    "leaky_relu": (F.leaky_relu, jax.nn.leaky_relu),
    "hardtanh": (F.hardtanh, jax.nn.hard_tanh),
    "hardsigmoid": (F.hardsigmoid, jax.nn.hard_sigmoid),
    "hardswish": (F.hardswish, jax.nn.hard_swish),
    "mish": (F.mish, jax.nn.mish),
    "softsign": (F.softsign, jax.nn.soft_sign),
    "tanhshrink": (F.tanhshrink, lambda x: x - jnp.tanh(x)),
    "softmax": (lambda x: F.softmax(x, 0), jax.nn.softmax),
    "log_softmax": (lambda x: F.log_softmax(x, 0), jax.nn.log_softmax),
    "softmin": (lambda x: F.softmin(x, 0), lambda x: jax.nn.softmax(-x)),
    "sinc": (torch.sinc, jnp.sinc),
}
for name, (a, b) in ACTIVATIONS.items():
    pair(name, a, b)
pair("softmax of rows", lambda m: F.softmax(m, 1), lambda m: jax.nn.softmax(m, 1), m23)
pair("glu", lambda x: F.glu(torch.cat([x, x * x])), lambda x: jax.nn.glu(jnp.concatenate([x, x * x])))

shared("sum", lambda xp, x: xp.sum(x * x))
shared("mean", lambda xp, x: xp.mean(x * x))
shared("prod", lambda xp, x: xp.prod(x))
shared("amax", lambda xp, x: xp.amax(x * x))
shared("amin", lambda xp, x: xp.amin(x * x))
pair("var", lambda x: torch.var(x, correction=0), jnp.var)
pair("std", lambda x: torch.std(x, correction=0), jnp.std)
pair("var of a sample", torch.var, lambda x: jnp.var(x, ddof=1))
pair("std of a sample", torch.std, lambda x: jnp.std(x, ddof=1))
pair("logsumexp", lambda x: torch.logsumexp(x, 0), jax.nn.logsumexp)
pair("norm", torch.linalg.norm, jnp.linalg.norm)
pair("norm 1", lambda x: torch.linalg.norm(x, 1), lambda x: jnp.linalg.norm(x, 1))
pair("norm of rows", lambda m: torch.linalg.norm(m, dim=1), lambda m: jnp.linalg.norm(m, axis=1), m23)
pair("sum of rows", lambda m: (m * m).sum(1), lambda m: (m * m).sum(1), m23)
pair("mean of columns", lambda m: (m * m).mean(0), lambda m: (m * m).mean(0), m23)
pair("mean keeps", lambda m: m - m.mean(1, keepdim=True), lambda m: m - m.mean(1, keepdims=True), m23)
pair("cumsum", lambda x: torch.cumsum(x * x, 0), lambda x: jnp.cumsum(x * x))
pair("cumprod", lambda x: torch.cumprod(x, 0), jnp.cumprod)
pair("diff", lambda x: torch.diff(x * x), lambda x: jnp.diff(x * x))
shared("trapezoid", lambda xp, x: xp.trapezoid(x * x))
pair(
    "layer_norm",
    lambda x: F.layer_norm(x, (3,)),
    lambda x: (x - (mu := x.mean())) / jnp.sqrt(jnp.mean(jnp.square(x - mu)) + 1e-5),
)
pair("normalize", lambda x: x / torch.linalg.norm(x), lambda x: x / jnp.linalg.norm(x))
pair("mse_loss", lambda x: F.mse_loss(x, x[0] * x), lambda x: jnp.mean(jnp.square(x - x[0] * x)))

pair("matvec", lambda x: torch.tensor(W) @ x, lambda x: jnp.asarray(W) @ x)
pair("matvec of the inputs", lambda m: m @ m[0], lambda m: m @ m[0], m23)
pair("matmat", lambda m: m @ m.T, lambda m: m @ m.T, m23)
pair("dot", lambda x: torch.dot(x, x * x), lambda x: jnp.dot(x, x * x))
shared("outer", lambda xp, x: xp.outer(x, x))
shared("kron", lambda xp, x: xp.kron(x, x))
shared("einsum ij,kj", lambda xp, m: xp.einsum("ij,kj->ik", m, m), m23)
shared("einsum ij,j", lambda xp, m: xp.einsum("ij,j->i", m, m[0]), m23)
shared("einsum trace", lambda xp, m: xp.einsum("ij,ij->", m, m), m23)
pair("tensordot", lambda m: torch.tensordot(m, m, ([1], [1])), lambda m: jnp.tensordot(m, m, ([1], [1])), m23)
pair("linear", lambda x: F.linear(x, torch.tensor(W), torch.ones(2, dtype=t64)), lambda x: jnp.asarray(W) @ x + 1.0)
pair("bilinear form", lambda x: x @ (torch.eye(3, dtype=t64) * 2.0) @ x, lambda x: x @ (jnp.eye(3) * 2.0) @ x)
pair("cross", lambda x: torch.linalg.cross(x, x * x), lambda x: jnp.cross(x, x * x))
pair("trace", lambda m: torch.trace(m @ m.T), lambda m: jnp.trace(m @ m.T), m23)
pair("diagonal", lambda m: torch.diagonal(m @ m.T) * 2.0, lambda m: jnp.diagonal(m @ m.T) * 2.0, m23)
pair(
    "batched products",
    lambda m: torch.bmm(m[:, :, None], m[:, None]),
    lambda m: jnp.matmul(m[:, :, None], m[:, None]),
    m23,
)

shared("stack", lambda xp, x: xp.stack([x[0] * x[1], x[2]]))
pair("cat", lambda x: torch.cat([x * x, x[1:]]), lambda x: jnp.concatenate([x * x, x[1:]]))
shared("reshape", lambda xp, m: xp.reshape(m * m, (3, 2)) * 2.0, m23)
pair("permute", lambda m: (m * m).permute(1, 0) * m.T, lambda m: jnp.transpose(m * m) * m.T, m23)
pair("flip", lambda x: x.flip(0) * x, lambda x: jnp.flip(x) * x)
pair("roll", lambda x: torch.roll(x, 1) * x, lambda x: jnp.roll(x, 1) * x)
pair("repeat", lambda x: x.repeat(2) * 2.0, lambda x: jnp.tile(x, 2) * 2.0)
pair("repeat_interleave", lambda x: torch.repeat_interleave(x, 2) ** 2, lambda x: jnp.repeat(x, 2) ** 2)
shared("triu", lambda xp, m: xp.triu(m * m), m23)
shared("tril", lambda xp, m: xp.tril(m * m), m23)
pair("pad", lambda x: F.pad(x * x, (1, 1)), lambda x: jnp.pad(x * x, 1))
pair("gather", lambda x: torch.gather(x * x, 0, torch.tensor([2, 0])), lambda x: (x * x)[np.array([2, 0])])
pair(
    "take_along_dim",
    lambda x: torch.take_along_dim(x * x, torch.tensor([2, 0])),
    lambda x: jnp.take_along_axis(x * x, np.array([2, 0]), 0),
)
pair("index_select", lambda m: m.index_select(1, torch.tensor([2, 0])) ** 2, lambda m: m[:, np.array([2, 0])] ** 2, m23)
pair(
    "tril_indices", lambda m: (m @ m.T)[torch.tril_indices(2, 2).unbind()], lambda m: (m @ m.T)[np.tril_indices(2)], m23
)
pair(
    "meshgrid",
    lambda x: torch.meshgrid(x, x * x, indexing="ij")[0] ** 2,
    lambda x: jnp.meshgrid(x, x * x, indexing="ij")[0] ** 2,
)
pair(
    "chunk",
    lambda x: torch.chunk(torch.cat([x, x * x]), 2)[1] * 2.0,
    lambda x: jnp.split(jnp.concatenate([x, x * x]), 2)[1] * 2.0,
)
pair("unbind", lambda m: torch.unbind(m)[0] * torch.unbind(m)[1], lambda m: m[0] * m[1], m23)
pair("expand", lambda x: x[:, None].expand(3, 2) * 2.0, lambda x: jnp.broadcast_to(x[:, None], (3, 2)) * 2.0)
pair("squeeze", lambda x: (x[None] * 2.0).squeeze(0) * x, lambda x: jnp.squeeze(x[None] * 2.0, 0) * x)
pair("movedim", lambda m: torch.movedim(m, 0, 1) ** 2, lambda m: jnp.moveaxis(m, 0, 1) ** 2, m23)
pair("diag", lambda x: torch.diag(x * x), lambda x: jnp.diag(x * x))
pair(
    "block",
    lambda x: torch.block_diag(x[:1, None] * 2.0, x[1:, None] ** 2),
    lambda x: jax.scipy.linalg.block_diag(x[:1, None] * 2.0, x[1:, None] ** 2),
)

shared("where", lambda xp, x: xp.where(x > 0.5, x * x, xp.exp(x)))
shared("where of one value", lambda xp, x: xp.where(x > 0.5, x + 1.0, x))
shared("where of a number", lambda xp, x: xp.where(x > 0.5, x * x, xp.zeros_like(x)))
pair(
    "masked_fill",
    lambda x: (x * x).masked_fill(torch.tensor([True, False, False]), 0.0),
    lambda x: jnp.where(np.array([True, False, False]), 0.0, x * x),
)
pair("heaviside by comparison", lambda x: (x > 0.5).to(x.dtype) * x, lambda x: (x > 0.5).astype(x.dtype) * x)
pair("detach", lambda x: x * x.detach(), lambda x: x * jax.lax.stop_gradient(x))
pair(
    "float32 in between",
    lambda x: (x.float() * 2.0).double() * x,
    lambda x: (x.astype("float32") * 2.0).astype("float64") * x,
)
pair(
    "vmap inside",
    lambda x: torch.func.vmap(lambda v: torch.sin(v) * x[0])(x),
    lambda x: jax.vmap(lambda v: jnp.sin(v) * x[0])(x),
)
pair(
    "grad inside",
    lambda x: torch.func.grad(lambda v: torch.sum(torch.sin(v)))(x),
    lambda x: jax.grad(lambda v: jnp.sum(jnp.sin(v)))(x),
)


def _written(x: Any) -> Any:
    y = torch.zeros(3, dtype=x.dtype)
    y[0] = x[0]
    y[1:] = x[1:] * 2.0
    y.mul_(x)
    return y


def _views(x: Any) -> Any:
    y = (x * x).clone()
    y[:2].add_(x[1:])
    return y


pair("in place", _written, lambda x: jnp.zeros(3).at[0].set(x[0]).at[1:].set(x[1:] * 2.0) * x)
pair("in place through a view", _views, lambda x: (x * x).at[:2].add(x[1:]))
pair(
    "index_put accumulates",
    lambda x: torch.zeros(4, dtype=x.dtype).index_put((torch.tensor([0, 2, 0]),), x, accumulate=True) * 2.0,
    lambda x: jnp.zeros(4).at[np.array([0, 2, 0])].add(x) * 2.0,
)
pair(
    "scatter_add",
    lambda x: torch.zeros(4, dtype=x.dtype).scatter_add(0, torch.tensor([0, 2, 0]), x * x),
    lambda x: jnp.zeros(4).at[np.array([0, 2, 0])].add(x * x),
)
pair(
    "conv1d",
    lambda m: F.conv1d(m[None], torch.full((1, 2, 2), 0.5, dtype=t64)),
    lambda m: jax.lax.conv(m[None], jnp.full((1, 2, 2), 0.5), (1,), "VALID"),
    m23,
)
