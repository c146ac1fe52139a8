"""Cameras, projective geometry and rigid motions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..namespace import add
from ..registry import catalogued
from ..sampling import box

_DOMAIN = "vision"
_HARTLEY = "R. Hartley, A. Zisserman, Multiple View Geometry in Computer Vision, 2nd ed. (2004), "


def rotate(xp: Any, w: tuple[Any, Any, Any], p: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
    """Rotate ``p`` by the vector w = θ k ≠ 0 (Rodrigues): p cos θ + (k × p) sin θ + k (k·p)(1 − cos θ)."""
    theta = xp.sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2])
    k = tuple(component / theta for component in w)
    c, s = xp.cos(theta), xp.sin(theta)
    along = (k[0] * p[0] + k[1] * p[1] + k[2] * p[2]) * (1.0 - c)
    return (
        p[0] * c + (k[1] * p[2] - k[2] * p[1]) * s + k[0] * along,
        p[1] * c + (k[2] * p[0] - k[0] * p[2]) * s + k[1] * along,
        p[2] * c + (k[0] * p[1] - k[1] * p[0]) * s + k[2] * along,
    )


@catalogued(
    "BundleAdjustment",
    domain=_DOMAIN,
    source="S. Agarwal, N. Snavely, S. M. Seitz, R. Szeliski, Bundle adjustment in the large, ECCV (2010) 29-42, "
    "camera model of section 5 and of the data set",
    sample=box(
        *[(-0.8, 0.8)] * 3, *[(-0.5, 0.5)] * 3, (500, 800), (-0.1, 0.1), (-0.05, 0.05), (-1, 1), (-1, 1), (-6, -4)
    ),
)
def bundle_adjustment(
    xp: Any,
    r1: Any,
    r2: Any,
    r3: Any,
    t1: Any,
    t2: Any,
    t3: Any,
    focal: Any,
    k1: Any,
    k2: Any,
    x: Any,
    y: Any,
    z: Any,
) -> Any:
    """Reprojection of a point through a camera with nine parameters.

    P = R X + t, p = −(P_x, P_y)/P_z, image = f (1 + k₁|p|² + k₂|p|⁴) p.

    Args:
        xp: Array namespace.
        r1: Rotation vector; r2, r3 likewise.
        t1: Translation; t2, t3 likewise.
        focal: Focal length f (pixels).
        k1: Radial distortion; k2 likewise.
        x: Point in the world; y, z likewise.

    Returns:
        Image coordinates (pixels).
    """
    p_x, p_y, p_z = rotate(xp, (r1, r2, r3), (x, y, z))
    depth = -(p_z + t3)
    u, v = (p_x + t1) / depth, (p_y + t2) / depth
    r2_image = u * u + v * v
    scale = focal * (1.0 + r2_image * (k1 + k2 * r2_image))
    return scale * u, scale * v


@catalogued(
    "PinholeBrownConrady",
    domain=_DOMAIN,
    source="D. C. Brown, Decentering distortion of lenses, Photogrammetric Engineering 32 (1966) 444-462; calibration "
    "form of Z. Zhang, IEEE Trans. PAMI 22 (2000) 1330-1334",
    sample=box(
        (-1, 1),
        (-1, 1),
        (3, 5),
        (500, 800),
        (500, 800),
        (300, 340),
        (220, 260),
        *[(-0.2, 0.2)] * 3,
        *[(-0.01, 0.01)] * 2,
    ),
)
def pinhole_brown_conrady(
    xp: Any,
    x: Any,
    y: Any,
    z: Any,
    f_x: Any,
    f_y: Any,
    c_x: Any,
    c_y: Any,
    k1: Any,
    k2: Any,
    k3: Any,
    p1: Any,
    p2: Any,
) -> Any:
    """Pinhole camera with radial and tangential distortion.

    u = a (1 + k₁r² + k₂r⁴ + k₃r⁶) + 2p₁ab + p₂(r² + 2a²), v likewise, (a, b) = (x, y)/z, r² = a² + b²; image (f_x u +
    c_x, f_y v + c_y).

    Args:
        xp: Array namespace.
        x: Point in the camera's frame; y, z likewise.
        f_x: Focal lengths (pixels); f_y likewise.
        c_x: Principal point (pixels); c_y likewise.
        k1: Radial distortion; k2, k3 likewise.
        p1: Tangential distortion; p2 likewise.

    Returns:
        Image coordinates (pixels).
    """
    a, b = x / z, y / z
    r2 = a * a + b * b
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    cross = 2.0 * a * b
    u = a * radial + p1 * cross + p2 * (r2 + 2.0 * a * a)
    v = b * radial + p2 * cross + p1 * (r2 + 2.0 * b * b)
    return f_x * u + c_x, f_y * v + c_y


@catalogued(
    "FisheyeCamera",
    domain=_DOMAIN,
    source="J. Kannala, S. S. Brandt, A generic camera model and calibration method for conventional, wide-angle, and "
    "fish-eye lenses, IEEE Trans. PAMI 28 (2006) 1335-1340, eq. 6",
    sample=box((-2, 2), (-2, 2), (0.5, 3), (200, 400), (200, 400), *[(-0.05, 0.05)] * 4),
)
def fisheye_camera(xp: Any, x: Any, y: Any, z: Any, f_x: Any, f_y: Any, k1: Any, k2: Any, k3: Any, k4: Any) -> Any:
    """Fish-eye camera whose radius is an odd polynomial of the angle to the axis.

    r(θ) = θ (1 + k₁θ² + k₂θ⁴ + k₃θ⁶ + k₄θ⁸), image = r (f_x cos φ, f_y sin φ).

    Args:
        xp: Array namespace.
        x: Point in the camera's frame; y, z likewise.
        f_x: Focal lengths (pixels); f_y likewise.
        k1: Coefficients, and so on to k4.

    Returns:
        Image coordinates relative to the principal point (pixels).
    """
    radius = xp.sqrt(x * x + y * y)
    theta = xp.arctan2(radius, z)
    t2 = theta * theta
    scale = theta * (1.0 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4)))) / radius
    return f_x * scale * x, f_y * scale * y


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
