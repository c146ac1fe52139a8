"""Projective geometry and rigid motions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..namespace import add
from ..registry import catalogued
from ..sampling import box
from .vision import rotate

_DOMAIN = "vision"
_HARTLEY = "R. Hartley, A. Zisserman, Multiple View Geometry in Computer Vision, 2nd ed. (2004), "


@catalogued(
    "Homography",
    domain=_DOMAIN,
    source=_HARTLEY + "sections 2.3 and 4.2.3 (transfer error)",
    sample=box(
        *[(0.8, 1.2), (-0.2, 0.2), (-5, 5), (-0.2, 0.2), (0.8, 1.2), (-5, 5), (-1e-3, 1e-3), (-1e-3, 1e-3), (0.9, 1.1)],
        (-100, 100),
        (-100, 100),
    ),
)
def homography(
    xp: Any, h1: Any, h2: Any, h3: Any, h4: Any, h5: Any, h6: Any, h7: Any, h8: Any, h9: Any, x: Any, y: Any
) -> Any:
    """Image of a point under a plane projective map, (h₁x + h₂y + h₃, h₄x + h₅y + h₆)/(h₇x + h₈y + h₉).

    Args:
        xp: Array namespace.
        h1: Matrix of the map, row by row, and so on to h9.
        x: Point; y likewise.

    Returns:
        Mapped point.
    """
    w = h7 * x + h8 * y + h9
    return (h1 * x + h2 * y + h3) / w, (h4 * x + h5 * y + h6) / w


@catalogued(
    "RodriguesRotation",
    domain=_DOMAIN,
    source=_HARTLEY + "appendix A4.3.2; O. Rodrigues, J. Math. Pures Appl. 5 (1840) 380-440",
    sample=box(*[(-1.5, 1.5)] * 3),
)
def rodrigues_rotation(xp: Any, w1: Any, w2: Any, w3: Any) -> Any:
    """Rotation matrix of a rotation vector, I + (sin θ/θ) [w]ₓ + ((1 − cos θ)/θ²) [w]ₓ².

    Args:
        xp: Array namespace.
        w1: Rotation vector, not zero; w2, w3 likewise.

    Returns:
        Nine entries, row by row.
    """
    square = w1 * w1 + w2 * w2 + w3 * w3
    theta = xp.sqrt(square)
    cosine = xp.cos(theta)
    a, b = xp.sin(theta) / theta, (1.0 - cosine) / square
    xy, xz, yz = b * w1 * w2, b * w1 * w3, b * w2 * w3
    z, y, x = a * w3, a * w2, a * w1
    return (
        cosine + b * w1 * w1,
        xy - z,
        xz + y,
        xy + z,
        cosine + b * w2 * w2,
        yz - x,
        xz - y,
        yz + x,
        cosine + b * w3 * w3,
    )


@catalogued(
    "SampsonError",
    domain=_DOMAIN,
    source=_HARTLEY + "eq. 11.9; P. D. Sampson, Computer Graphics and Image Processing 18 (1982) 97-108",
    sample=box((-1, 1, (3, 3)), *[(-2, 2)] * 4),
)
def sampson_error(xp: Any, f: Any, x1: Any, y1: Any, x2: Any, y2: Any) -> Any:
    """Sampson's distance of a correspondence from the epipolar constraint, signed.

    x₂ᵀ F x₁ / √((F x₁)₁² + (F x₁)₂² + (Fᵀ x₂)₁² + (Fᵀ x₂)₂²), points in homogeneous coordinates (x, y, 1).

    Args:
        xp: Array namespace.
        f: Fundamental matrix F ``[3, 3]``.
        x1: Point in the first image; y1 likewise.
        x2: Point in the second image; y2 likewise.

    Returns:
        The distance.
    """
    a, b, c = (f[i, 0] * x1 + f[i, 1] * y1 + f[i, 2] for i in range(3))
    d, e = (f[0, j] * x2 + f[1, j] * y2 + f[2, j] for j in range(2))
    return (a * x2 + b * y2 + c) / xp.sqrt(a * a + b * b + d * d + e * e)


def _registration(rng: np.random.Generator) -> tuple[Any, ...]:
    normal = rng.normal(size=3)
    twist, point, target = rng.uniform(-0.8, 0.8, 6), rng.uniform(-2, 2, 3), rng.uniform(-2, 2, 3)
    return (*twist, point, target, normal / np.linalg.norm(normal))


@catalogued(
    "PointToPlane",
    domain=_DOMAIN,
    source="Y. Chen, G. Medioni, Object modelling by registration of multiple range images, Image and Vision "
    "Computing 10 (1992) 145-155; exponential map as in R. M. Murray, Z. Li, S. S. Sastry, A Mathematical "
    "Introduction to Robotic Manipulation (1994), eq. 2.36",
    sample=_registration,
    argnums=range(6),
)
def point_to_plane(
    xp: Any, w1: Any, w2: Any, w3: Any, v1: Any, v2: Any, v3: Any, point: Any, target: Any, normal: Any
) -> Any:
    """Registration residual of a point against a plane, under the motion exp of a twist.

    n · (R p + t − q), R = exp([w]ₓ), t = (I − R)(w × v)/|w|² + w (w·v)/|w|².

    Args:
        xp: Array namespace.
        w1: Rotation vector w; w2, w3 likewise.
        v1: Linear part v of the twist; v2, v3 likewise.
        point: p ``[3]``; not differentiated.
        target: q ``[3]``; not differentiated.
        normal: n ``[3]``; not differentiated.

    Returns:
        The signed distance, and the moved point.
    """
    w = (w1, w2, w3)
    square = w1 * w1 + w2 * w2 + w3 * w3
    cross = (w2 * v3 - w3 * v2, w3 * v1 - w1 * v3, w1 * v2 - w2 * v1)
    dot = w1 * v1 + w2 * v2 + w3 * v3
    moved = rotate(xp, w, (point[0], point[1], point[2]))
    turned = rotate(xp, w, cross)
    ends = tuple(m + (c - t + k * dot) / square for m, c, t, k in zip(moved, cross, turned, w, strict=True))
    distance = add([normal[i] * (ends[i] - target[i]) for i in range(3)])
    return (distance, *ends)
