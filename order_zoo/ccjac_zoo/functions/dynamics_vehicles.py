"""Dynamics of cars, tyres and multirotors."""

from __future__ import annotations

from typing import Any

from ..registry import catalogued
from ..sampling import box
from .kinematics_more import rotation_from_euler

_DOMAIN = "dynamics"
_GRAVITY = 9.81
_PACEJKA = "H. B. Pacejka, Tire and Vehicle Dynamics, 3rd ed. (2012), "


def magic_formula(xp: Any, slip: Any, stiffness: float, shape: float, peak: Any, curvature: float) -> Any:
    """Pacejka's D sin(C arctan(B x − E (B x − arctan(B x))))."""
    bx = stiffness * slip
    return peak * xp.sin(shape * xp.arctan(bx - curvature * (bx - xp.arctan(bx))))


@catalogued(
    "PacejkaTyre",
    domain=_DOMAIN,
    source=_PACEJKA + "sections 4.2 (similarity method) and 4.3 (magic formula)",
    sample=box((0.02, 0.15), (-0.2, -0.03), (2500.0, 6000.0)),
)
def pacejka_tyre(xp: Any, slip: Any, angle: Any, load: Any) -> Any:
    """Forces of a tyre in combined slip.

    σ_x = κ/(1+κ), σ_y = tan α/(1+κ), F = magic formula of |σ|, shared out in the direction of σ; the friction falls
    with the load.

    Args:
        xp: Array namespace.
        slip: Longitudinal slip κ.
        angle: Slip angle α (rad).
        load: Vertical force (N).

    Returns:
        Longitudinal force, lateral force (N), aligning moment (N m).
    """
    rolling = 1.0 + slip
    s_x, s_y = slip / rolling, xp.tan(angle) / rolling
    s = xp.sqrt(s_x * s_x + s_y * s_y)
    peak = load * (1.1 - 0.1 * (load / 4000.0 - 1.0))
    force = magic_formula(xp, s, 10.0, 1.6, peak, 0.5)
    lateral = force * s_y / s
    trail = 0.03 * xp.cos(1.2 * xp.arctan(8.0 * s_y))
    return force * s_x / s, lateral, -trail * lateral


@catalogued(
    "BicycleModel",
    domain=_DOMAIN,
    source="R. Rajamani, Vehicle Dynamics and Control, 2nd ed. (2012), chapter 2; tyres: " + _PACEJKA + "section 4.3",
    sample=box((-3, 3), (8.0, 30.0), (-1.0, 1.0), (-0.4, 0.4), (-0.1, 0.1), (-2000.0, 3000.0)),
)
def bicycle_model(xp: Any, heading: Any, v_x: Any, v_y: Any, yaw_rate: Any, steering: Any, drive: Any) -> Any:
    """Dynamic single-track model of a car with magic-formula tyres.

    m (v̇_x − v_y r) = F_drive − F_f sin δ, m (v̇_y + v_x r) = F_r + F_f cos δ, I ṙ = a F_f cos δ − b F_r.

    Args:
        xp: Array namespace.
        heading: ψ (rad).
        v_x: Forward speed (m/s).
        v_y: Sideways speed (m/s).
        yaw_rate: r (rad/s).
        steering: Front steering angle δ (rad).
        drive: Drive force at the rear axle (N).

    Returns:
        Rates of x, y, ψ, v_x, v_y, r.
    """
    mass, inertia, front, rear = 1500.0, 2250.0, 1.2, 1.5
    load = mass * _GRAVITY / (front + rear)
    slip_front = steering - xp.arctan2(v_y + front * yaw_rate, v_x)
    slip_rear = -xp.arctan2(v_y - rear * yaw_rate, v_x)
    f_front = magic_formula(xp, slip_front, 10.0, 1.3, load * rear, 0.97)
    f_rear = magic_formula(xp, slip_rear, 10.0, 1.3, load * front, 0.97)
    c, s = xp.cos(heading), xp.sin(heading)
    f_lateral = f_front * xp.cos(steering)
    return (
        v_x * c - v_y * s,
        v_x * s + v_y * c,
        yaw_rate,
        (drive - f_front * xp.sin(steering)) / mass + v_y * yaw_rate,
        (f_rear + f_lateral) / mass - v_x * yaw_rate,
        (front * f_lateral - rear * f_rear) / inertia,
    )


@catalogued(
    "Quadrotor",
    domain=_DOMAIN,
    source="R. Mahony, V. Kumar, P. Corke, Multirotor aerial vehicles: modeling, estimation, and control of "
    "quadrotor, IEEE Robotics & Automation Magazine 19 (2012) 20-32, section on rigid-body dynamics",
    sample=box(*[(-0.6, 0.6)] * 3, *[(-2, 2)] * 3, *[(-3, 3)] * 3, *[(1.0, 4.0)] * 4),
)
def quadrotor(
    xp: Any,
    roll: Any,
    pitch: Any,
    yaw: Any,
    p: Any,
    q: Any,
    r: Any,
    v_x: Any,
    v_y: Any,
    v_z: Any,
    t1: Any,
    t2: Any,
    t3: Any,
    t4: Any,
) -> Any:
    """Rigid-body dynamics of a quadrotor with linear drag.

    Euler-angle kinematics, J ω̇ = τ − ω × J ω, m v̇ = R e_z Σ T_i − m g e_z − d v.

    Args:
        xp: Array namespace.
        roll: Roll (rad); pitch, yaw likewise.
        p: Body rates (rad/s); q, r likewise.
        v_x: Velocity in the world frame (m/s); v_y, v_z likewise.
        t1: Thrust of the front rotor (N); t2, t3, t4 of the left, rear and right one.

    Returns:
        Rates of roll, pitch, yaw, p, q, r, v_x, v_y, v_z.
    """
    mass, arm, yaw_ratio, drag = 1.0, 0.2, 0.016, 0.1
    j_x, j_y, j_z = 8.1e-3, 8.1e-3, 1.42e-2
    rows = rotation_from_euler(xp, roll, pitch, yaw)
    s, c, t = xp.sin(roll), xp.cos(roll), xp.tan(pitch)
    turning = q * s + r * c
    thrust = (t1 + t2 + t3 + t4) / mass
    return (
        p + turning * t,
        q * c - r * s,
        turning / xp.cos(pitch),
        (arm * (t2 - t4) - (j_z - j_y) * q * r) / j_x,
        (arm * (t3 - t1) - (j_x - j_z) * p * r) / j_y,
        (yaw_ratio * (t1 - t2 + t3 - t4) - (j_y - j_x) * p * q) / j_z,
        rows[0][2] * thrust - drag / mass * v_x,
        rows[1][2] * thrust - drag / mass * v_y,
        rows[2][2] * thrust - drag / mass * v_z - _GRAVITY,
    )
