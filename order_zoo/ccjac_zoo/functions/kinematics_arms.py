"""Forward kinematics of robot arms from their Denavit-Hartenberg parameters."""

from __future__ import annotations

from typing import Any

from ..namespace import add
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
    """Frame of the first link, on the base; components that are always 0 or 1 stay plain floats."""
    d, a, twist = link
    c, s = xp.cos(angle), xp.sin(angle)
    y, z = _twisted((-s, c, 0.0), (0.0, 0.0, 1.0), twist)
    return (c, s, 0.0), y, z, (a * c, a * s, d) if a else (0.0, 0.0, d)


def next_frame(xp: Any, frame: Frame, angle: Any, link: Link) -> Frame:
    """Frame of the next link: rotate by θ about z, advance d along z and a along the new x, twist by α about that x."""
    d, a, twist = link
    x, y, z, origin = frame
    c, s = xp.cos(angle), xp.sin(angle)
    new_x = tuple(_blend(c, p, s, q) for p, q in zip(x, y, strict=True))
    flat = tuple(_blend(c, q, -s, p) for p, q in zip(x, y, strict=True))
    if d:
        origin = tuple(_blend(1.0, o, d, k) for o, k in zip(origin, z, strict=True))
    if a:
        origin = tuple(_blend(1.0, o, a, k) for o, k in zip(origin, new_x, strict=True))
    new_y, new_z = _twisted(flat, z, twist)
    return new_x, new_y, new_z, origin


def _blend(c: Any, p: Any, s: Any, q: Any) -> Any:
    """c p + s q without the products and sums that plain floats 0 and 1 make idle."""
    terms = [_scaled(c, p), _scaled(s, q)]
    kept = [term for term in terms if not _is(term, 0.0)]
    return add(kept) if kept else 0.0


def _scaled(factor: Any, value: Any) -> Any:
    if _is(value, 0.0) or _is(value, 1.0):
        return factor if value else 0.0
    return value if _is(factor, 1.0) else factor * value


def _is(value: Any, constant: float) -> bool:
    # The exact type, because numpy's float64 is a subclass of float and is data.
    return type(value) is float and value == constant


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

    The product of six Denavit-Hartenberg transforms Rot_z(θ) Trans_z(d) Trans_x(a) Rot_x(α), multiplied out: joints 2
    and 3 are parallel, so their angles add, and the wrist's three axes meet.  The orientation is given by the angles
    of R = Rot_z(roll) Rot_y(pitch) Rot_x(yaw).

    Args:
        xp: Array namespace.
        t1: Joint angle (rad); and so on to t6.

    Returns:
        Position x, y, z (m); roll, pitch, yaw (rad).
    """
    (_, a2, _), (d3, a3, _), (d4, _, _), _, (d6, _, _) = PUMA[1:]
    t23 = t2 + t3
    c1, s1, c23, s23 = xp.cos(t1), xp.sin(t1), xp.cos(t23), xp.sin(t23)
    c4, s4, c5, s5, c6, s6 = xp.cos(t4), xp.sin(t4), xp.cos(t5), xp.sin(t5), xp.cos(t6), xp.sin(t6)

    def upright(u: Any, w: Any) -> Any:
        """Height of the vector (u, ·, w) of the forearm's frame."""
        return s23 * u + c23 * w

    def to_base(radial: Any, side: Any) -> tuple[Any, Any]:
        """Horizontal components of a vector in the plane of the arm, ``side`` along its normal."""
        return c1 * radial + s1 * side, s1 * radial - c1 * side

    # The tool's axes in the forearm's frame.
    c4c5, s4c5 = c4 * c5, s4 * c5
    x_u, x_v, x_w = c4c5 * c6 - s4 * s6, s4c5 * c6 + c4 * s6, s5 * c6
    y_u, y_w = -(s4 * c6 + c4c5 * s6), -(s5 * s6)
    z_u, z_v = -(c4 * s5), -(s4 * s5)
    reach_u, reach_w = d6 * z_u + a3, d6 * c5 + d4

    position = to_base(a2 * xp.cos(t2) + c23 * reach_u - s23 * reach_w, d3 - d6 * z_v)
    height = a2 * xp.sin(t2) + upright(reach_u, reach_w)
    r11, r21 = to_base(c23 * x_u - s23 * x_w, -x_v)
    r31, r32, r33 = upright(x_u, x_w), upright(y_u, y_w), upright(z_u, c5)
    return (
        *position,
        height,
        xp.arctan2(r21, r11),
        xp.arctan2(-r31, xp.sqrt(r11 * r11 + r21 * r21)),
        xp.arctan2(r32, r33),
    )
