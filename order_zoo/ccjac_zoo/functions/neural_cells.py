"""Recurrent cells, normalisations and attention as stand-alone blocks."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

from ..namespace import sigmoid
from ..registry import catalogued
from ..sampling import box
from .neural_blocks import attention, cross_entropy, layer_norm

_DOMAIN = "neural_networks"
_EPSILON = 1e-6


@catalogued(
    "GRUCell",
    domain=_DOMAIN,
    source="K. Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP (2014), arXiv 1406.1078, "
    "eqs. 5 to 8",
    sample=box((-1, 1, (3,)), (-1, 1, (2,)), *[(-1, 1, (3, 2)), (-1, 1, (3, 3)), (-1, 1, (3,))] * 3),
)
def gru_cell(
    xp: Any,
    h: Any,
    x: Any,
    w_r: Any,
    u_r: Any,
    b_r: Any,
    w_z: Any,
    u_z: Any,
    b_z: Any,
    w_n: Any,
    u_n: Any,
    b_n: Any,
) -> Any:
    """Gated recurrent unit with three hidden units and two inputs.

    r = σ(W_r x + U_r h + b_r), z = σ(W_z x + U_z h + b_z), n = tanh(W_n x + U_n (r ⊙ h) + b_n), h' = z ⊙ h + (1 − z)
    ⊙ n.

    Args:
        xp: Array namespace.
        h: Hidden state ``[3]``.
        x: Input ``[2]``.
        w_r: Input weights ``[3, 2]``, recurrent weights u_r ``[3, 3]`` and biases b_r ``[3]`` of the reset gate.
        w_z: The same of the update gate, with u_z and b_z.
        w_n: The same of the candidate, with u_n and b_n.

    Returns:
        New hidden state ``[3]``.
    """
    r = sigmoid(xp, w_r @ x + u_r @ h + b_r)
    z = sigmoid(xp, w_z @ x + u_z @ h + b_z)
    n = xp.tanh(w_n @ x + u_n @ (r * h) + b_n)
    return z * h + (1.0 - z) * n


@catalogued(
    "LSTMCell",
    domain=_DOMAIN,
    source="S. Hochreiter, J. Schmidhuber, Long short-term memory, Neural Computation 9 (1997) 1735-1780; forget gate "
    "of F. A. Gers, J. Schmidhuber, F. Cummins, Neural Computation 12 (2000) 2451-2471",
    sample=box((-1, 1, (3,)), (-1, 1, (3,)), (-1, 1, (2,)), (-1, 1, (12, 2)), (-1, 1, (12, 3)), (-1, 1, (12,))),
)
def lstm_cell(xp: Any, h: Any, c: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
    """Long short-term memory cell with three hidden units and two inputs.

    (i, f, g, o) = W x + U h + b, c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g), h' = σ(o) ⊙ tanh(c').

    Args:
        xp: Array namespace.
        h: Hidden state ``[3]``.
        c: Cell state ``[3]``.
        x: Input ``[2]``.
        w: Input weights of the four gates ``[12, 2]``.
        u: Recurrent weights ``[12, 3]``.
        b: Biases ``[12]``.

    Returns:
        h' and c', each ``[3]``.
    """
    gates = w @ x + u @ h + b
    i, f, g, o = gates[0:3], gates[3:6], gates[6:9], gates[9:12]
    c_next = sigmoid(xp, f) * c + sigmoid(xp, i) * xp.tanh(g)
    return sigmoid(xp, o) * xp.tanh(c_next), c_next


@catalogued(
    "LayerNorm",
    domain=_DOMAIN,
    source="J. L. Ba, J. R. Kiros, G. E. Hinton, Layer normalization, arXiv 1607.06450 (2016), section 3",
    sample=box((-2, 2, (8,)), (0.5, 1.5, (8,)), (-1, 1, (8,))),
)
def layer_norm_8(xp: Any, x: Any, gain: Any, bias: Any) -> Any:
    """Layer norm of eight features with a gain and a bias per feature.

    y = gain ⊙ (x − mean x)/√(var x + 10⁻⁵) + bias.

    Args:
        xp: Array namespace.
        x: Features ``[8]``.
        gain: ``[8]``.
        bias: ``[8]``.

    Returns:
        Normalised features ``[8]``.
    """
    return layer_norm(xp, x, gain, bias)


@catalogued(
    "AttentionHead",
    domain=_DOMAIN,
    source="A. Vaswani et al., Attention is all you need, NeurIPS (2017), arXiv 1706.03762, eq. 1",
    sample=box((-1, 1, (3, 4)), (-1, 1, (4, 2)), (-1, 1, (4, 2)), (-1, 1, (4, 2))),
)
def attention_head(xp: Any, x: Any, wq: Any, wk: Any, wv: Any) -> Any:
    """One self-attention head of width two over three tokens of width four.

    softmax(Q Kᵀ/√2) V with Q = X W_q, K = X W_k, V = X W_v.

    Args:
        xp: Array namespace.
        x: Tokens ``[3, 4]``.
        wq: Query weights ``[4, 2]``.
        wk: Key weights ``[4, 2]``.
        wv: Value weights ``[4, 2]``.

    Returns:
        Attended values ``[3, 2]``.
    """
    return attention(xp, x, wq, wk, wv)


@catalogued(
    "SoftmaxCrossEntropy",
    domain=_DOMAIN,
    source="J. S. Bridle, Probabilistic interpretation of feedforward classification network outputs, Neurocomputing, "
    "NATO ASI F68 (1990) 227-236",
    sample=box((-2, 2, (6,)), (0.05, 1, (6,))),
)
def softmax_cross_entropy(xp: Any, logits: Any, target: Any) -> Any:
    """Cross-entropy of a softmax over six classes, −Σ t_i log(e^x_i / Σ_j e^x_j).

    Args:
        xp: Array namespace.
        logits: x ``[6]``.
        target: t ``[6]``.

    Returns:
        The loss, a scalar.
    """
    return cross_entropy(xp, logits, target)


@catalogued(
    "GatedFeedForward",
    domain=_DOMAIN,
    source="N. Shazeer, GLU variants improve transformer, arXiv 2002.05202 (2020), eq. 6 (SwiGLU); B. Zhang, R. "
    "Sennrich, Root mean square layer normalization, NeurIPS (2019), arXiv 1910.07467, eq. 4",
    sample=box((-1, 1, (4,)), (0.5, 1.5, (4,)), (-1, 1, (6, 4)), (-1, 1, (6, 4)), (-1, 1, (4, 6))),
)
def gated_feed_forward(xp: Any, x: Any, gain: Any, w: Any, v: Any, w2: Any) -> Any:
    """Gated feed-forward block of a transformer: root-mean-square norm, SwiGLU, residual.

    n = gain ⊙ x/√(mean x² + ε), y = x + W₂ (swish(W n) ⊙ V n), swish(a) = a σ(a).

    Args:
        xp: Array namespace.
        x: Features ``[4]``.
        gain: ``[4]``.
        w: Gate weights ``[6, 4]``.
        v: Value weights ``[6, 4]``.
        w2: Output weights ``[4, 6]``.

    Returns:
        Features ``[4]``.
    """
    n = gain * x / xp.sqrt(xp.sum(x * x) / 4.0 + _EPSILON)
    gate = w @ n
    return x + w2 @ (gate * sigmoid(xp, gate) * (v @ n))


@catalogued(
    "NeuralODEField",
    domain=_DOMAIN,
    source="R. T. Q. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud, Neural ordinary differential equations, NeurIPS "
    "(2018), arXiv 1806.07366; activation of D. Hendrycks, K. Gimpel, arXiv 1606.08415 (2016), section 2",
    sample=box((-1, 1, (3,)), (0, 1), (-1, 1, (8, 4)), (-1, 1, (8,)), (-1, 1, (3, 8)), (-1, 1, (3,))),
    argnums=(0, 1),
)
def neural_ode_field(xp: Any, state: Any, time: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Vector field of a neural differential equation, whose Jacobian an implicit solver needs.

    W₂ gelu(W₁ (y, t) + b₁) + b₂, gelu(a) = ½ a (1 + tanh(√(2/π) (a + 0.044715 a³))).

    Args:
        xp: Array namespace.
        state: y ``[3]``.
        time: t, a scalar.
        w1: Weights ``[8, 4]``; not differentiated, like b1 ``[8]``, w2 ``[3, 8]`` and b2 ``[3]``.

    Returns:
        Rates ``[3]``.
    """
    a = w1[:, 0:3] @ state + w1[:, 3] * time + b1
    gelu = 0.5 * a * (1.0 + xp.tanh(sqrt(2.0 / pi) * (a + 0.044715 * a * a * a)))
    return w2 @ gelu + b2
