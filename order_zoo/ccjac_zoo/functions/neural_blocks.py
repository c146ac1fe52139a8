"""Building blocks of neural networks, one sample at a time."""

from __future__ import annotations

from math import sqrt
from typing import Any

from ..registry import catalogued
from ..sampling import box

_EPSILON = 1e-5
_LAYER_NORM = "J. L. Ba, J. R. Kiros, G. E. Hinton, Layer normalization, arXiv 1607.06450 (2016), section 3"
_ATTENTION = "A. Vaswani et al., Attention is all you need, NeurIPS (2017), arXiv 1706.03762, eq. 1 and section 3.1"


def softmax(xp: Any, x: Any) -> Any:
    """e^x_i / Σ_j e^x_j over the last axis; not shifted by the maximum, the arguments here are of order one."""
    e = xp.exp(x)
    return e / xp.sum(e, -1)[..., None]


def layer_norm(xp: Any, x: Any, gain: Any, bias: Any) -> Any:
    """Normalise the last axis to mean 0 and variance 1, then scale and shift."""
    size = x.shape[-1]
    centred = x - (xp.sum(x, -1) / size)[..., None]
    variance = xp.sum(centred * centred, -1) / size
    return gain * centred / xp.sqrt(variance + _EPSILON)[..., None] + bias


def cross_entropy(xp: Any, logits: Any, target: Any) -> Any:
    """−Σ target · log softmax(logits), averaged over nothing: the sum over all rows."""
    return -xp.sum(target * xp.log(softmax(xp, logits)))


def attention(xp: Any, x: Any, wq: Any, wk: Any, wv: Any) -> Any:
    """Scaled dot-product self-attention of the rows of ``x`` ``[tokens, width]``: softmax(Q Kᵀ / √d) V."""
    q, k, v = x @ wq, x @ wk, x @ wv
    return softmax(xp, q @ k.T / sqrt(wk.shape[-1])) @ v


@catalogued(
    "MLP",
    domain="neural_networks",
    source=_LAYER_NORM
    + "; perceptron and softmax cross-entropy as in I. Goodfellow, Y. Bengio, A. Courville, Deep Learning (2016), "
    "chapter 6",
    sample=box(
        (-1, 1, (4,)),
        (0.05, 1, (4,)),
        (-1, 1, (8, 4)),
        (-1, 1, (8,)),
        (-1, 1, (4, 8)),
        (-1, 1, (4,)),
        (0.5, 1.5),
        (-1, 1),
    ),
)
def mlp(xp: Any, x: Any, target: Any, w1: Any, b1: Any, w2: Any, b2: Any, gain: Any, bias: Any) -> Any:
    """Loss of a two-layer perceptron 4-8-4 with layer norm and softmax cross-entropy.

    loss = −Σ target · log softmax(W₂ norm(tanh(W₁ x + b₁)) + b₂).

    Args:
        xp: Array namespace.
        x: Sample ``[4]``.
        target: Label distribution ``[4]``.
        w1: Weights ``[8, 4]``.
        b1: Biases ``[8]``.
        w2: Weights ``[4, 8]``.
        b2: Biases ``[4]``.
        gain: Scale of the layer norm, a scalar.
        bias: Shift of the layer norm, a scalar.

    Returns:
        The loss, a scalar.
    """
    hidden = layer_norm(xp, xp.tanh(w1 @ x + b1), gain, bias)
    return cross_entropy(xp, w2 @ hidden + b2, target)


@catalogued(
    "TransformerEncoder",
    domain="neural_networks",
    source=_ATTENTION + "; " + _LAYER_NORM,
    sample=box(
        (-1, 1, (4, 4)),
        *[(-1, 1, (4, 4))] * 6,
        (-1, 1, (4, 4)),
        (-1, 1, (4,)),
        (-1, 1, (4, 4)),
        (-1, 1, (4,)),
        (0.5, 1.5),
        (-1, 1),
        (0.05, 1, (4, 4)),
    ),
    argnums=range(13),
)
def transformer_encoder(
    xp: Any,
    x: Any,
    wq1: Any,
    wk1: Any,
    wv1: Any,
    wq2: Any,
    wk2: Any,
    wv2: Any,
    w1: Any,
    b1: Any,
    w2: Any,
    b2: Any,
    gain: Any,
    bias: Any,
    target: Any,
) -> Any:
    """Loss of an encoder of two transformer blocks on four tokens of width four.

    Each block: single-head self-attention, residual, layer norm, a dense layer with tanh, residual, layer norm; then
    softmax cross-entropy.

    Args:
        xp: Array namespace.
        x: Tokens ``[4, 4]``.
        wq1: Query weights of block 1 ``[4, 4]``; wk1, wv1, wq2, wk2, wv2 likewise.
        w1: Weights of the dense layer of block 1 ``[4, 4]``.
        b1: Its biases ``[4]``.
        w2: Weights of the dense layer of block 2 ``[4, 4]``.
        b2: Its biases ``[4]``.
        gain: Scale of every layer norm, a scalar.
        bias: Shift of every layer norm, a scalar.
        target: Label distributions ``[4, 4]``; not differentiated.

    Returns:
        The loss, a scalar.
    """
    for wq, wk, wv, w, b in ((wq1, wk1, wv1, w1, b1), (wq2, wk2, wv2, w2, b2)):
        x = layer_norm(xp, x + attention(xp, x, wq, wk, wv), gain, bias)
        x = layer_norm(xp, x + xp.tanh(x @ w + b), gain, bias)
    return cross_entropy(xp, x, target)
