"""Likelihoods, scores and filters."""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

from ..namespace import add, sigmoid
from ..registry import catalogued
from ..sampling import box

_DOMAIN = "statistics"
_MURPHY = "K. P. Murphy, Machine Learning: A Probabilistic Perspective (2012), "
_LOG_2PI = log(2.0 * pi)


@catalogued(
    "GaussianLogLikelihood",
    domain=_DOMAIN,
    source="T. W. Anderson, An Introduction to Multivariate Statistical Analysis, 3rd ed. (2003), section 2.3; "
    "Cholesky form of J. C. Pinheiro, D. M. Bates, Statistics and Computing 6 (1996) 289-296",
    sample=box(*[(-1, 1)] * 9, *[(-2, 2)] * 3),
)
def gaussian_log_likelihood(
    xp: Any,
    m1: Any,
    m2: Any,
    m3: Any,
    s1: Any,
    s2: Any,
    s3: Any,
    l21: Any,
    l31: Any,
    l32: Any,
    x1: Any,
    x2: Any,
    x3: Any,
) -> Any:
    """Log-density of a three-dimensional normal distribution, covariance given by its log-Cholesky factor.

    −½ |z|² − Σ s_i − (3/2) ln 2π, L z = x − m, L_ii = e^(s_i).

    Args:
        xp: Array namespace.
        m1: Mean; m2, m3 likewise.
        s1: Logarithms of the factor's diagonal; s2, s3 likewise.
        l21: Factor below the diagonal; l31, l32 likewise.
        x1: Observation; x2, x3 likewise.

    Returns:
        The log-density.
    """
    z1 = (x1 - m1) * xp.exp(-s1)
    z2 = (x2 - m2 - l21 * z1) * xp.exp(-s2)
    z3 = (x3 - m3 - l31 * z1 - l32 * z2) * xp.exp(-s3)
    return -0.5 * (z1 * z1 + z2 * z2 + z3 * z3) - (s1 + s2 + s3) - 1.5 * _LOG_2PI


@catalogued(
    "GaussianMixture",
    domain=_DOMAIN,
    source=_MURPHY + "section 11.2.1",
    sample=box(*[(-1, 1)] * 3, (-3, -1), (-0.5, 0.5), (1, 3), *[(-0.5, 0.5)] * 3, (-3, 3)),
)
def gaussian_mixture(
    xp: Any, a1: Any, a2: Any, a3: Any, m1: Any, m2: Any, m3: Any, s1: Any, s2: Any, s3: Any, x: Any
) -> Any:
    """Log-likelihood of one observation under a mixture of three normal distributions, and the responsibilities.

    ln Σ_k π_k N(x | m_k, e^(2s_k)), π = softmax(a).

    Args:
        xp: Array namespace.
        a1: Logits of the weights; a2, a3 likewise.
        m1: Means; m2, m3 likewise.
        s1: Logarithms of the standard deviations; s2, s3 likewise.
        x: Observation.

    Returns:
        Log-likelihood and three responsibilities.
    """
    weights = [xp.exp(a) for a in (a1, a2, a3)]
    parts = []
    for w, m, s in zip(weights, (m1, m2, m3), (s1, s2, s3), strict=True):
        z = (x - m) * xp.exp(-s)
        parts.append(w * xp.exp(-0.5 * z * z - s))
    density = add(parts)
    return xp.log(density / add(weights)) - 0.5 * _LOG_2PI, *(p / density for p in parts)


def _regression(rng: np.random.Generator) -> tuple[Any, ...]:
    x = rng.uniform(-1, 1, (6, 3))
    return rng.uniform(-1, 1, 3), x, (rng.uniform(size=6) < 0.5).astype(float)


@catalogued(
    "LogisticRegressionGradient",
    domain=_DOMAIN,
    source=_MURPHY + "sections 8.3.1 and 8.3.6; J. Berkson, J. American Statistical Association 39 (1944) 357-365",
    sample=_regression,
    argnums=(0,),
)
def logistic_regression_gradient(xp: Any, w: Any, x: Any, y: Any) -> Any:
    """Gradient of the regularised logistic loss, whose Jacobian is the Hessian of Newton's method.

    Xᵀ (σ(X w) − y) + λ w, λ = 0.1.

    Args:
        xp: Array namespace.
        w: Weights ``[3]``.
        x: Samples ``[6, 3]``; not differentiated.
        y: Labels 0 or 1 ``[6]``; not differentiated.

    Returns:
        Gradient ``[3]``.
    """
    return x.T @ (sigmoid(xp, x @ w) - y) + 0.1 * w


def _counts(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.uniform(-0.5, 0.5, 3), rng.uniform(-1, 1, (5, 3)), rng.poisson(2.0, 5).astype(float)


@catalogued(
    "PoissonRegressionScore",
    domain=_DOMAIN,
    source="P. McCullagh, J. A. Nelder, Generalized Linear Models, 2nd ed. (1989), sections 2.5 and 6.2",
    sample=_counts,
    argnums=(0,),
)
def poisson_regression_score(xp: Any, w: Any, x: Any, y: Any) -> Any:
    """Score of a Poisson regression with a logarithmic link, Xᵀ (y − e^(X w)).

    Args:
        xp: Array namespace.
        w: Coefficients ``[3]``.
        x: Covariates ``[5, 3]``; not differentiated.
        y: Counts ``[5]``; not differentiated.

    Returns:
        Score ``[3]``.
    """
    return x.T @ (y - xp.exp(x @ w))


@catalogued(
    "WeibullScore",
    domain=_DOMAIN,
    source="J. F. Lawless, Statistical Models and Methods for Lifetime Data, 2nd ed. (2003), section 5.2",
    sample=box((0.8, 3.0), (0.5, 2.0), (0.3, 3.0), (0.3, 3.0)),
)
def weibull_score(xp: Any, shape: Any, scale: Any, failed: Any, censored: Any) -> Any:
    """Score of a Weibull lifetime model for one failure and one censored observation.

    Gradient of ln k − ln λ + (k − 1) ln(t/λ) − (t/λ)^k − (c/λ)^k in k and λ.

    Args:
        xp: Array namespace.
        shape: k.
        scale: λ.
        failed: Time t of the failure.
        censored: Time c up to which the other was seen.

    Returns:
        Derivatives of the log-likelihood with respect to k and λ.
    """
    log_t, log_c = xp.log(failed / scale), xp.log(censored / scale)
    hazard_t, hazard_c = xp.exp(shape * log_t), xp.exp(shape * log_c)
    by_shape = 1.0 / shape + log_t - hazard_t * log_t - hazard_c * log_c
    return by_shape, shape / scale * (hazard_t + hazard_c - 1.0)


@catalogued(
    "KalmanStep",
    domain=_DOMAIN,
    source="R. E. Kalman, J. Basic Engineering 82 (1960) 35-45; as in Y. Bar-Shalom, X. R. Li, T. Kirubarajan, "
    "Estimation with Applications to Tracking and Navigation (2001), sections 5.2 and 6.2",
    sample=box((-2, 2), (-1, 1), (0.5, 2.0), (-0.3, 0.3), (0.5, 2.0), (-2, 2), (0.05, 0.5), (0.1, 1.0), (0.1, 1.0)),
)
def kalman_step(
    xp: Any,
    position: Any,
    velocity: Any,
    p11: Any,
    p12: Any,
    p22: Any,
    measured: Any,
    step: Any,
    process: Any,
    noise: Any,
) -> Any:
    """Prediction and update of a Kalman filter for constant velocity with white acceleration.

    x⁻ = F x, P⁻ = F P Fᵀ + Q, S = P⁻₁₁ + R, K = P⁻ Hᵀ/S, x⁺ = x⁻ + K (z − x⁻₁), P⁺ = (I − K H) P⁻.

    Args:
        xp: Array namespace.
        position: Estimate of the position.
        velocity: Estimate of the velocity.
        p11: Covariance; p12, p22 likewise.
        measured: Measured position z.
        step: Time step.
        process: Intensity of the acceleration.
        noise: Variance R of the measurement.

    Returns:
        Position, velocity, the three covariances after the update, and the log-likelihood of the measurement.
    """
    q2 = process * step * step
    x = position + step * velocity
    a12 = p12 + step * p22
    a11 = p11 + step * (p12 + a12) + q2 * step / 3.0
    a12, a22 = a12 + 0.5 * q2, p22 + process * step
    innovation, spread = measured - x, a11 + noise
    k1, k2 = a11 / spread, a12 / spread
    return (
        x + k1 * innovation,
        velocity + k2 * innovation,
        (1.0 - k1) * a11,
        (1.0 - k1) * a12,
        a22 - k2 * a12,
        -0.5 * (innovation * innovation / spread + xp.log(spread) + _LOG_2PI),
    )


@catalogued(
    "GaussianProcessEvidence",
    domain=_DOMAIN,
    source="C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (2006), eq. 2.30 and "
    "algorithm 2.1",
    sample=box((-2.0, -1.2), (-0.4, 0.4), (1.2, 2.0), *[(-1, 1)] * 3, (-0.5, 0.5), (-0.3, 0.3), (-1.5, -0.5)),
)
def gaussian_process_evidence(
    xp: Any, x1: Any, x2: Any, x3: Any, y1: Any, y2: Any, y3: Any, log_length: Any, log_amplitude: Any, log_noise: Any
) -> Any:
    """Log marginal likelihood of three observations under a Gaussian process with a squared-exponential kernel.

    −½ yᵀ K⁻¹ y − ½ ln|K| − (3/2) ln 2π, K_ij = a² e^(−(x_i − x_j)²/(2ℓ²)) + s² δ_ij, by an unrolled Cholesky
    factorisation.

    Args:
        xp: Array namespace.
        x1: Inputs; x2, x3 likewise.
        y1: Observations; y2, y3 likewise.
        log_length: ln ℓ.
        log_amplitude: ln a.
        log_noise: ln s.

    Returns:
        The log marginal likelihood.
    """
    variance = xp.exp(2.0 * log_amplitude)
    diagonal = variance + xp.exp(2.0 * log_noise)
    decay = -0.5 * xp.exp(-2.0 * log_length)

    def kernel(a: Any, b: Any) -> Any:
        gap = a - b
        return variance * xp.exp(decay * gap * gap)

    l11 = xp.sqrt(diagonal)
    l21, l31 = kernel(x2, x1) / l11, kernel(x3, x1) / l11
    l22 = xp.sqrt(diagonal - l21 * l21)
    l32 = (kernel(x3, x2) - l31 * l21) / l22
    l33 = xp.sqrt(diagonal - l31 * l31 - l32 * l32)
    z1 = y1 / l11
    z2 = (y2 - l21 * z1) / l22
    z3 = (y3 - l31 * z1 - l32 * z2) / l33
    return -0.5 * (z1 * z1 + z2 * z2 + z3 * z3) - xp.log(l11 * l22 * l33) - 1.5 * _LOG_2PI
