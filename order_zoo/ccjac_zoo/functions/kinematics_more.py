"""Kinematics of further mechanisms, and of rotations."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

from ..namespace import add
from ..registry import catalogued
from ..sampling import box
from .kinematics_arms import Link, forward_kinematics

_DOMAIN = "kinematics"
_SPONG = "M. W. Spong, S. Hutchinson, M. Vidyasagar, Robot Modeling and Control (2006), "

UR5: tuple[Link, ...] = (
    (0.089159, 0.0, 1),
    (0.0, -0.425, 0),
    (0.0, -0.39225, 0),
    (0.10915, 0.0, 1),
    (0.09465, 0.0, -1),
    (0.0823, 0.0, 0),
)
"""Universal Robots UR5 (metres)."""


@catalogued(
    "UR5Pose",
    domain=_DOMAIN,
    source="K. P. Hawkins, Analytic inverse kinematics for the Universal Robots UR-5/UR-10 arms, Georgia Tech "
    "technical report (2013), table 1; " + _SPONG + "eq. 3.10",
    sample=box(*[(-1.5, 1.5)] * 6),
)
def ur5_pose(xp: Any, t1: Any, t2: Any, t3: Any, t4: Any, t5: Any, t6: Any) -> Any:
    """Tool pose of a UR5 arm as a position and a rotation matrix.

    The product of six Denavit-Hartenberg transforms; three parallel joints in the middle, no spherical wrist.

    Args:
        xp: Array namespace.
        t1: Joint angle (rad); and so on to t6.

    Returns:
        Position x, y, z (m), then the nine entries of the rotation matrix, column by column.
    """
    x, y, z, origin = forward_kinematics(xp, (t1, t2, t3, t4, t5, t6), UR5)
    return (*origin, *x, *y, *z)


@catalogued(
    "SCARA",
    domain=_DOMAIN,
    source=_SPONG + "chapter 3",
    sample=box((-2, 2), (-2, 2), (0.0, 0.2), (-2, 2)),
)
def scara(xp: Any, t1: Any, t2: Any, d3: Any, t4: Any) -> Any:
    """Pose of a SCARA robot: two parallel revolute joints, a vertical slide, and a turning tool.

    x = a₁ cos θ₁ + a₂ cos(θ₁ + θ₂), y likewise with sines, z = −d₃ − d₄, heading θ₁ + θ₂ − θ₄.

    Args:
        xp: Array namespace.
        t1: Shoulder angle θ₁ (rad).
        t2: Elbow angle θ₂ (rad).
        d3: Slide (m).
        t4: Tool angle θ₄ (rad).

    Returns:
        x, y, z (m) and the heading's cosine and sine.
    """
    a1, a2, d4 = 0.325, 0.275, 0.1
    t12 = t1 + t2
    heading = t12 - t4
    return (
        a1 * xp.cos(t1) + a2 * xp.cos(t12),
        a1 * xp.sin(t1) + a2 * xp.sin(t12),
        -d3 - d4,
        xp.cos(heading),
        xp.sin(heading),
    )


@catalogued(
    "PlanarArm_3R",
    domain=_DOMAIN,
    source="B. Siciliano, L. Sciavicco, L. Villani, G. Oriolo, Robotics: Modelling, Planning and Control (2009), "
    "section 2.9; manipulability of T. Yoshikawa, Int. J. Robotics Research 4 (1985) 3-9",
    sample=box((-1, 1), (0.3, 1.2), (0.3, 1.2)),
)
def planar_arm_3r(xp: Any, q1: Any, q2: Any, q3: Any) -> Any:
    """Position and manipulability of a planar arm with three revolute joints and unit links.

    Manipulability is √det(J Jᵀ) of the 2×3 position Jacobian, so its derivative is what keeps the arm away from
    singularities.

    Args:
        xp: Array namespace.
        q1: Joint angles (rad); q2, q3 likewise.

    Returns:
        x, y, orientation, manipulability.
    """
    a, b, c = q1, q1 + q2, q1 + q2 + q3
    x3, y3 = xp.cos(c), xp.sin(c)
    x2, y2 = xp.cos(b) + x3, xp.sin(b) + y3
    x1, y1 = xp.cos(a) + x2, xp.sin(a) + y2
    # The columns of J are (−y_k, x_k); det(J Jᵀ) is the sum of its squared 2×2 minors (Cauchy-Binet).
    minors = (x1 * y2 - x2 * y1, x1 * y3 - x3 * y1, x2 * y3 - x3 * y2)
    return x1, y1, c, xp.sqrt(add([m * m for m in minors]))


def _hexagon(radius: float, half_angle: float, offset: float) -> tuple[tuple[float, float], ...]:
    angles = [offset + 2.0 * pi * k / 3.0 + s * half_angle for k in range(3) for s in (-1, 1)]
    return tuple((radius * cos(a), radius * sin(a)) for a in angles)


_BASE = _hexagon(1.0, 0.25, 0.0)
_PLATFORM = tuple(_hexagon(0.6, 0.25, pi / 3.0)[i] for i in (5, 0, 1, 2, 3, 4))


def rotation_from_euler(xp: Any, roll: Any, pitch: Any, yaw: Any) -> tuple[tuple[Any, Any, Any], ...]:
    """Rows of Rot_z(yaw) Rot_y(pitch) Rot_x(roll)."""
    cr, sr, cp, sp, cy, sy = xp.cos(roll), xp.sin(roll), xp.cos(pitch), xp.sin(pitch), xp.cos(yaw), xp.sin(yaw)
    return (
        (cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr),
        (sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr),
        (-sp, cp * sr, cp * cr),
    )


@catalogued(
    "StewartPlatform",
    domain=_DOMAIN,
    source="D. Stewart, A platform with six degrees of freedom, Proc. Inst. Mech. Eng. 180 (1965) 371-386; J.-P. "
    "Merlet, Parallel Robots, 2nd ed. (2006), section 3.2",
    sample=box((-0.2, 0.2), (-0.2, 0.2), (0.8, 1.2), (-0.3, 0.3), (-0.3, 0.3), (-0.3, 0.3)),
)
def stewart_platform(xp: Any, x: Any, y: Any, z: Any, roll: Any, pitch: Any, yaw: Any) -> Any:
    """Leg lengths of a Stewart platform, its inverse kinematics.

    ℓ_k = |t + R p_k − b_k| with the platform's joints p_k and the base's joints b_k.

    Args:
        xp: Array namespace.
        x: Position of the platform (base radii); y, z likewise.
        roll: Orientation (rad); pitch, yaw likewise.

    Returns:
        Six leg lengths.
    """
    rows = rotation_from_euler(xp, roll, pitch, yaw)
    legs = []
    for (px, py), (bx, by) in zip(_PLATFORM, _BASE, strict=True):
        leg_x, leg_y, leg_z = (
            t + row[0] * px + row[1] * py - b for t, row, b in zip((x, y, z), rows, (bx, by, 0.0), strict=True)
        )
        legs.append(xp.sqrt(leg_x * leg_x + leg_y * leg_y + leg_z * leg_z))
    return tuple(legs)


@catalogued(
    "QuaternionRotation",
    domain=_DOMAIN,
    source="J. B. Kuipers, Quaternions and Rotation Sequences (1999), section 5.14; J. Diebel, Representing attitude, "
    "Stanford technical report (2006)",
    sample=box((0.3, 1), (-1, 1), (-1, 1), (-1, 1), (-2, 2), (-2, 2), (-2, 2)),
)
def quaternion_rotation(xp: Any, w: Any, x: Any, y: Any, z: Any, v1: Any, v2: Any, v3: Any) -> Any:
    """A vector rotated by a quaternion that need not be normalised.

    v' = v + 2 (w (q × v) + q × (q × v)) / (w² + |q|²), q = (x, y, z).

    Args:
        xp: Array namespace.
        w: Real part of the quaternion.
        x: Imaginary parts; y, z likewise.
        v1: Vector; v2, v3 likewise.

    Returns:
        The rotated vector.
    """
    scale = 2.0 / (w * w + x * x + y * y + z * z)
    c1, c2, c3 = y * v3 - z * v2, z * v1 - x * v3, x * v2 - y * v1
    return (
        v1 + scale * (w * c1 + y * c3 - z * c2),
        v2 + scale * (w * c2 + z * c1 - x * c3),
        v3 + scale * (w * c3 + x * c2 - y * c1),
    )


@catalogued(
    "DeltaRobotConstraints",
    domain=_DOMAIN,
    source="R. Clavel, DELTA, a fast robot with parallel geometry, Int. Symp. Industrial Robots (1988) 91-100; J.-P. "
    "Merlet, Parallel Robots, 2nd ed. (2006)",
    sample=box((-0.1, 0.1), (-0.1, 0.1), (-0.6, -0.4), (0.0, 0.8), (0.0, 0.8), (0.0, 0.8)),
)
def delta_robot_constraints(xp: Any, x: Any, y: Any, z: Any, q1: Any, q2: Any, q3: Any) -> Any:
    """Closure equations of a Delta robot, whose root is the pose for given motor angles.

    For each arm at angle φ_k: |P − E_k|² = ℓ², with the elbow E_k = (r + a cos q_k) (cos φ_k, sin φ_k, 0) − (0, 0, a
    sin q_k).

    Args:
        xp: Array namespace.
        x: Platform position (m); y, z likewise.
        q1: Motor angles (rad); q2, q3 likewise.

    Returns:
        Three residuals (m²).
    """
    offset, upper, lower = 0.1, 0.2, 0.5
    residuals = []
    for k, q in enumerate((q1, q2, q3)):
        phi = 2.0 * pi * k / 3.0
        reach = offset + upper * xp.cos(q)
        e1, e2, e3 = x - reach * cos(phi), y - reach * sin(phi), z + upper * xp.sin(q)
        residuals.append(e1 * e1 + e2 * e2 + e3 * e3 - lower * lower)
    return tuple(residuals)
