"""Equations of motion of pendulums, arms and free bodies."""

from __future__ import annotations

from typing import Any

from ..registry import catalogued
from ..sampling import box

_DOMAIN = "dynamics"
_GRAVITY = 9.81


@catalogued(
    "CartPole",
    domain=_DOMAIN,
    source="R. V. Florian, Correct equations for the dynamics of the cart-pole system, Coneural technical report "
    "(2007), eqs. 23 and 24",
    sample=box((-1, 1), (-1.5, 1.5), (-3, 3), (-10, 10)),
)
def cart_pole(xp: Any, speed: Any, angle: Any, rate: Any, force: Any) -> Any:
    """State derivative of a pole on a cart, without friction.

    θ̈ = (g sin θ − cos θ (F + m l θ̇² sin θ) / (M + m)) / (l (4/3 − m cos² θ / (M + m))), ẍ = (F + m l (θ̇² sin θ −
    θ̈ cos θ)) / (M + m).

    Args:
        xp: Array namespace.
        speed: Velocity of the cart (m/s).
        angle: Angle of the pole from the vertical (rad).
        rate: Its angular velocity (rad/s).
        force: Force on the cart (N).

    Returns:
        Rates of position, velocity, angle and angular velocity.
    """
    cart, pole, half = 1.0, 0.1, 0.5
    total = cart + pole
    s, c = xp.sin(angle), xp.cos(angle)
    push = (force + pole * half * rate * rate * s) / total
    turn = (_GRAVITY * s - c * push) / (half * (4.0 / 3.0 - pole * c * c / total))
    return speed, push - pole * half * turn * c / total, rate, turn


@catalogued(
    "DoublePendulum",
    domain=_DOMAIN,
    source="L. D. Landau, E. M. Lifshitz, Mechanics, 3rd ed. (1976), section 5, problem 1 (Lagrangian), accelerations "
    "solved for",
    sample=box((-2, 2), (-2, 2), (-3, 3), (-3, 3)),
)
def double_pendulum(xp: Any, a: Any, b: Any, a_rate: Any, b_rate: Any) -> Any:
    """State derivative of a planar double pendulum of two point masses.

    (m₁+m₂) l₁ ä + m₂ l₂ b̈ cos(a−b) = −m₂ l₂ ḃ² sin(a−b) − (m₁+m₂) g sin a,
    l₂ b̈ + l₁ ä cos(a−b) = l₁ ȧ² sin(a−b) − g sin b, solved by Cramer's rule.

    Args:
        xp: Array namespace.
        a: Angle of the first rod from the vertical (rad).
        b: Angle of the second rod.
        a_rate: Angular velocity of the first rod (rad/s).
        b_rate: Angular velocity of the second rod.

    Returns:
        Rates of both angles and of both angular velocities.
    """
    m1, m2, l1, l2 = 1.0, 0.7, 1.0, 0.8
    total = m1 + m2
    s, c = xp.sin(a - b), xp.cos(a - b)
    first = -m2 * l2 * b_rate * b_rate * s - total * _GRAVITY * xp.sin(a)
    second = l1 * a_rate * a_rate * s - _GRAVITY * xp.sin(b)
    inertia = total - m2 * c * c
    return (
        a_rate,
        b_rate,
        (first - m2 * c * second) / (l1 * inertia),
        (total * second - c * first) / (l2 * inertia),
    )


@catalogued(
    "RigidBody",
    domain=_DOMAIN,
    source="H. Goldstein, C. Poole, J. Safko, Classical Mechanics, 3rd ed. (2002), eq. 5.39; quaternion kinematics as "
    "in B. Wie, Space Vehicle Dynamics and Control, 2nd ed. (2008), chapter 5",
    sample=box(*[(-1, 1)] * 4, *[(-2, 2)] * 3, *[(-1, 1)] * 3),
)
def rigid_body(xp: Any, w: Any, x: Any, y: Any, z: Any, p: Any, q: Any, r: Any, t_x: Any, t_y: Any, t_z: Any) -> Any:
    """Attitude and rotation of a free rigid body in its principal axes.

    q̇ = ½ q ⊗ (0, ω), I ω̇ = τ − ω × I ω.

    Args:
        xp: Array namespace.
        w: Real part of the attitude quaternion; x, y, z: its imaginary parts.
        p: Body rates (rad/s); q, r likewise.
        t_x: Torque (N m); t_y, t_z likewise.

    Returns:
        Rates of the quaternion and of the body rates.
    """
    i1, i2, i3 = 1.0, 2.0, 2.5
    return (
        -0.5 * (x * p + y * q + z * r),
        0.5 * (w * p + y * r - z * q),
        0.5 * (w * q + z * p - x * r),
        0.5 * (w * r + x * q - y * p),
        (t_x - (i3 - i2) * q * r) / i1,
        (t_y - (i1 - i3) * r * p) / i2,
        (t_z - (i2 - i1) * p * q) / i3,
    )


@catalogued(
    "TwoLinkArmTorques",
    domain=_DOMAIN,
    source="M. W. Spong, S. Hutchinson, M. Vidyasagar, Robot Modeling and Control (2006), section 7.4 (two-link "
    "revolute arm)",
    sample=box((-2, 2), (-2, 2), (-2, 2), (-2, 2), (-4, 4), (-4, 4)),
)
def two_link_arm_torques(xp: Any, q1: Any, q2: Any, v1: Any, v2: Any, a1: Any, a2: Any) -> Any:
    """Inverse dynamics of a two-link revolute arm, M(q) q̈ + C(q, q̇) q̇ + g(q).

    With h = −m₂ l₁ c₂ sin q₂: τ₁ = d₁₁ q̈₁ + d₁₂ q̈₂ + h (2 q̇₁ q̇₂ + q̇₂²) + φ₁, τ₂ = d₁₂ q̈₁ + d₂₂ q̈₂ − h q̇₁² + φ₂.

    Args:
        xp: Array namespace.
        q1: Joint angles (rad); q2 likewise.
        v1: Joint velocities (rad/s); v2 likewise.
        a1: Joint accelerations (rad/s²); a2 likewise.

    Returns:
        Two joint torques (N m).
    """
    m1, m2, l1, c1, c2, i1, i2 = 1.5, 1.0, 0.6, 0.3, 0.25, 0.05, 0.02
    cos2 = xp.cos(q2)
    d11 = m1 * c1 * c1 + m2 * (l1 * l1 + c2 * c2 + 2.0 * l1 * c2 * cos2) + i1 + i2
    d12 = m2 * (c2 * c2 + l1 * c2 * cos2) + i2
    d22 = m2 * c2 * c2 + i2
    h = -m2 * l1 * c2 * xp.sin(q2)
    tip = m2 * c2 * _GRAVITY * xp.cos(q1 + q2)
    return (
        d11 * a1 + d12 * a2 + h * (2.0 * v1 * v2 + v2 * v2) + (m1 * c1 + m2 * l1) * _GRAVITY * xp.cos(q1) + tip,
        d12 * a1 + d22 * a2 - h * v1 * v1 + tip,
    )
