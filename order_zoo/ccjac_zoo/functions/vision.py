"""Cameras."""

from __future__ import annotations

from typing import Any

from ..registry import catalogued
from ..sampling import box

_DOMAIN = "vision"


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
    "camera model of the data set",
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
