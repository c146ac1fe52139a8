"""Forward kinematics of robot arms from their Denavit-Hartenberg parameters."""

from __future__ import annotations

from typing import Any

from ..registry import catalogued
from ..sampling import box

_DH = (
    "J. Denavit, R. S. Hartenberg, A kinematic notation for lower-pair mechanisms based on matrices, J. Appl. Mech. "
    "22 (1955) 215-221; M. W. Spong, S. Hutchinson, M. Vidyasagar, Robot Modeling and Control (2006), "
)

Link = tuple[float, float, int]
"""Offset d, length a (metres), and twist α in quarter turns: -1, 0 or 1."""

Frame = tuple[tuple[Any, Any, Any], ...]
"""The axes x, y, z and the origin of a link's frame, in the base frame."""


def first_frame(xp: Any, angle: Any, link: Link) -> Frame:
    """Frame of the first link, whose predecessor is the base: no product with the identity."""
    d, a, twist = link
    c, s = xp.cos(angle), xp.sin(angle)
    zero = 0.0 * c
    one = zero + 1.0
    x, flat = (c, s, zero), (-s, c, zero)
    y, z = _twisted(flat, (zero, zero, one), twist)
    return x, y, z, (a * c, a * s, zero + d)


def next_frame(xp: Any, frame: Frame, angle: Any, link: Link) -> Frame:
    """Frame of the next link: rotate by θ about z, advance d along z and a along the new x, twist by α about that x."""
    d, a, twist = link
    x, y, z, origin = frame
    c, s = xp.cos(angle), xp.sin(angle)
    new_x = tuple(c * p + s * q for p, q in zip(x, y, strict=True))
    flat = tuple(c * q - s * p for p, q in zip(x, y, strict=True))
    if d:
        origin = tuple(o + d * k for o, k in zip(origin, z, strict=True))
    if a:
        origin = tuple(o + a * k for o, k in zip(origin, new_x, strict=True))
    new_y, new_z = _twisted(flat, z, twist)
    return new_x, new_y, new_z, origin


def forward_kinematics(xp: Any, angles: tuple[Any, ...], links: tuple[Link, ...]) -> Frame:
    """Frame of the last link."""
    frame = first_frame(xp, angles[0], links[0])
    for angle, link in zip(angles[1:], links[1:], strict=True):
        frame = next_frame(xp, frame, angle, link)
    return frame


def _twisted(y: Any, z: Any, quarter_turns: int) -> tuple[Any, Any]:
    """Rotate the axes y and z about x by quarter turns, without multiplying by sines that are 0 or ±1."""
    if quarter_turns == 1:
        return z, tuple(-k for k in y)
    if quarter_turns == -1:
        return tuple(-k for k in z), y
    return y, z


PUMA = ((0.0, 0.0, 1), (0.0, 0.4318, 0), (0.15005, 0.0203, -1), (0.4318, 0.0, 1), (0.0, 0.0, -1), (0.0563, 0.0, 0))
"""Unimation PUMA 560 (metres): an elbow manipulator with a spherical wrist."""


@catalogued(
    "RobotArm_6DOF",
    domain="kinematics",
    source=_DH + "section 3.2; link parameters of P. Corke, B. Armstrong-Helouvry, A search for consensus among model "
    "parameters reported for the PUMA 560 robot, ICRA (1994) 1608-1613",
    sample=box((-1.2, 1.2), (-1.2, 1.2), (-1.2, 1.2), (-1.2, 1.2), (0.3, 1.2), (-1.2, 1.2)),
)
def robot_arm_6dof(xp: Any, t1: Any, t2: Any, t3: Any, t4: Any, t5: Any, t6: Any) -> Any:
    """Pose of the end effector of a six-joint arm with a spherical wrist (PUMA 560).

    The product of six Denavit-Hartenberg transforms Rot_z(θ) Trans_z(d) Trans_x(a) Rot_x(α), and the roll, pitch and
    yaw angles of its rotation matrix R = Rot_z(roll) Rot_y(pitch) Rot_x(yaw).

    Args:
        xp: Array namespace.
        t1: Joint angle, radians; and so on to t6.

    Returns:
        Position x, y, z (metres); roll, pitch, yaw (radians).
    """
    x, y, z, origin = forward_kinematics(xp, (t1, t2, t3, t4, t5, t6), PUMA)
    roll = xp.arctan2(x[1], x[0])
    pitch = xp.arctan2(-x[2], xp.sqrt(x[0] * x[0] + x[1] * x[1]))
    yaw = xp.arctan2(y[2], z[2])
    return *origin, roll, pitch, yaw
