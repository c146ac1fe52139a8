"""Whole steps of applications on batches of states: fused, with ccjac's Jacobians alone, and plain JAX.

    python benchmarks/steps.py
    python benchmarks/steps.py --tasks kalman newton --batch 1000

Every step has Jacobians and small solves inside.  *Plain* is ``jit(vmap(step))`` with ``jax.jacfwd`` in it, *jacobian*
the same with ``ccjac.jacobian`` in it, *fused* ``jit(vmap(ccjac.fuse(step)))`` of that.  Compiled calls take turns as
in :mod:`ccjac.timing`; the table holds medians.  *Gain* is plain's time over that of fused.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import geometric_mean
from typing import Any

from common import arguments, bars, interleaved, microseconds, private_zoo, report

Step = Callable[..., Any]


def steps(jacobian: Callable[..., Any]) -> dict[str, tuple[Step, Callable[[Any, int], tuple[Any, ...]]]]:
    """Steps whose Jacobians ``jacobian`` takes, and from a random generator and a batch's size their arguments."""
    import jax.numpy as jnp
    import numpy as np

    def drive(s: Any) -> Any:
        """A vehicle of constant turn rate and speed (x, y, heading, speed, turn rate) a tenth of a second later."""
        x, y, heading, speed, rate = s
        turned = heading + 0.1 * rate
        return jnp.stack(
            [
                x + speed / rate * (jnp.sin(turned) - jnp.sin(heading)),
                y + speed / rate * (jnp.cos(heading) - jnp.cos(turned)),
                turned,
                speed,
                rate,
            ]
        )

    def seen(s: Any) -> Any:
        return jnp.stack([jnp.hypot(s[0], s[1]), jnp.arctan2(s[1], s[0]), s[3]])

    def kalman(s: Any, covariance: Any, measured: Any) -> Any:
        """Predict and update by the extended Kalman filter."""
        slope = jacobian(drive)(s)
        s, covariance = drive(s), slope @ covariance @ slope.T + 0.01 * jnp.eye(5)
        slope = jacobian(seen)(s)
        innovation = slope @ covariance @ slope.T + 0.1 * jnp.eye(3)
        gain = jnp.linalg.solve(innovation, slope @ covariance).T
        return s + gain @ (measured - seen(s)), covariance - gain @ slope @ covariance

    def vehicles(rng: Any, n: int) -> tuple[Any, ...]:
        factor = rng.normal(size=(n, 5, 5)) * 0.3
        return (
            rng.uniform(0.5, 2.0, (n, 5)),
            factor @ factor.transpose(0, 2, 1) + np.eye(5),
            rng.uniform(0.5, 2.0, (n, 3)),
        )

    def rate(y: Any) -> Any:
        """Robertson's three reactions, whose speeds are nine orders of magnitude apart."""
        a, b, c = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
        return jnp.stack([b - a, a - b - c, c])

    def implicit_euler(start: Any, h: Any) -> Any:
        """Four Newton iterations."""
        y = start
        for _ in range(4):
            y = y - jnp.linalg.solve(jnp.eye(3) - h * jacobian(rate)(y), y - start - h * rate(y))
        return y

    def mixtures(rng: Any, n: int) -> tuple[Any, ...]:
        return rng.uniform(0.1, 1.0, (n, 3)) * np.array([1.0, 1e-4, 1.0]), rng.uniform(0.01, 0.1, n)

    nodes = (np.arange(20) + 0.5) / 20
    kernel = jnp.asarray(0.45 / 20 * nodes[:, None] / (nodes[:, None] + nodes))

    def scattering(h: Any) -> Any:
        """Chandrasekhar's H-equation by the midpoint rule."""
        return h - 1 / (1 - kernel @ h)

    def newton(h: Any) -> Any:
        return h - jnp.linalg.solve(jacobian(scattering)(h), scattering(h))

    def reprojection(camera: Any, point: Any) -> Any:
        """Where a camera (rotation vector, translation, focal length, two distortions) sees a point."""
        angle = jnp.sqrt(jnp.sum(camera[:3] ** 2))
        axis = camera[:3] / angle
        c, s = jnp.cos(angle), jnp.sin(angle)
        x, y, z = point * c + jnp.cross(axis, point) * s + axis * jnp.dot(axis, point) * (1 - c) + camera[3:6]
        u, v = -x / z, -y / z
        r = u * u + v * v
        return camera[6] * (1 + r * (camera[7] + r * camera[8])) * jnp.stack([u, v])

    def normal_equations(camera: Any, point: Any, pixel: Any) -> Any:
        """An observation's blocks: camera by camera, camera by point, point by point, and both gradients."""
        of_camera, of_point = jacobian(reprojection, argnums=(0, 1))(camera, point)
        residual = reprojection(camera, point) - pixel
        weight = 1 / jnp.sqrt(1 + residual @ residual)
        return (
            weight * of_camera.T @ of_camera,
            weight * of_camera.T @ of_point,
            weight * of_point.T @ of_point,
            weight * of_camera.T @ residual,
            weight * of_point.T @ residual,
        )

    def observations(rng: Any, n: int) -> tuple[Any, ...]:
        camera = np.concatenate([rng.uniform(0.1, 0.5, (n, 6)), rng.uniform(0.9, 1.1, (n, 1)), np.zeros((n, 2))], 1)
        return camera, rng.uniform(1.0, 2.0, (n, 3)), rng.uniform(-1.0, 1.0, (n, 2))

    instants = jnp.linspace(0.0, 2.0, 12)

    def decays(p: Any) -> Any:
        return p[0] * jnp.exp(-p[1] * instants) + p[2] * jnp.exp(-p[3] * instants)

    def marquardt(p: Any, measured: Any, damping: Any) -> Any:
        """A Levenberg-Marquardt step that is taken if it helps: two decays through twelve measurements."""
        slope, residual = jacobian(decays)(p), decays(p) - measured
        normal = slope.T @ slope
        tried = p - jnp.linalg.solve(normal + damping * jnp.diag(jnp.diag(normal)), slope.T @ residual)
        better = jnp.sum((decays(tried) - measured) ** 2) < jnp.sum(residual**2)
        return jnp.where(better, tried, p), jnp.where(better, damping / 3, damping * 2)

    def samples(rng: Any, n: int) -> tuple[Any, ...]:
        p = rng.uniform([0.5, 0.2, 0.5, 2.0], [1.5, 0.8, 1.5, 4.0], (n, 4))
        t = np.linspace(0.0, 2.0, 12)
        exact = p[:, :1] * np.exp(-p[:, 1:2] * t) + p[:, 2:3] * np.exp(-p[:, 3:] * t)
        return p * rng.uniform(0.9, 1.1, (n, 4)), exact + 0.01 * rng.normal(size=(n, 12)), np.full(n, 0.1)

    return {
        "kalman": (kalman, vehicles),
        "implicit_euler": (implicit_euler, mixtures),
        "newton": (newton, lambda rng, n: (rng.uniform(1.0, 1.5, (n, 20)),)),
        "normal_equations": (normal_equations, observations),
        "marquardt": (marquardt, samples),
    }


def measure(name: str, options: Any) -> dict[str, Any]:
    """One row."""
    import jax
    import numpy as np

    import ccjac

    plain, inputs = steps(jax.jacfwd)[name]
    ours, _ = steps(ccjac.jacobian)[name]
    args = [jax.numpy.asarray(a) for a in inputs(np.random.default_rng(0), options.batch)]
    candidates = {"fused": ccjac.fuse(ours), "jacobian": ours, "plain": plain}
    compiled, first, found = {}, {}, {}
    for k, step in candidates.items():
        start = time.perf_counter()
        compiled[k] = jax.jit(jax.vmap(step)).lower(*args).compile()
        first[k] = time.perf_counter() - start
        found[k] = [np.asarray(x) for x in jax.tree.leaves(compiled[k](*args))]
    calls = {k: (lambda c=call: jax.block_until_ready(c(*args))) for k, call in compiled.items()}
    timings = interleaved(calls, seconds=options.seconds, least=5, turn_seconds=0.002)
    times = {k: timing.median for k, timing in timings.items()}
    plan = ccjac.fuse(ours).plan(*(a[0] for a in args))
    return {
        "task": name,
        "executor": plan.executor,
        "reason": plan.reason,
        "operations": plan.operations,
        "times": times,
        "compile": first,
        "gain": times["plain"] / times["fused"],
        "difference": max(
            float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-300))
            for a, b in zip(found["fused"], found["plain"], strict=True)
        ),
    }


def main() -> None:
    """Measure, print and write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--batch", type=int, default=10_000, help="states")
    parser.add_argument("--seconds", type=float, default=3.0, help="of measuring per step")
    options = parser.parse_args()
    private_zoo()

    import jax

    jax.config.update("jax_enable_x64", True)
    rows = [measure(name, options) for name in options.tasks or steps(jax.jacfwd)]
    names = ["fused", "jacobian", "plain"]
    table = [
        [
            row["task"],
            row["executor"],
            f"{row['operations']:,}",
            *(f"{microseconds(row['times'][k]):,.0f}" for k in names),
            f"{row['gain']:.1f}",
            f"{row['difference']:.0e}",
            *(f"{row['compile'][k]:.1f}" for k in ("fused", "plain")),
        ]
        for row in rows
    ]
    mean = geometric_mean(row["gain"] for row in rows)
    table.append(["geometric mean", "", "", "", "", "", f"{mean:.1f}", "", "", ""])
    report(
        "steps",
        ["step", "executor", "operations", *names, "gain", "difference", "fused: compiled in s", "plain"],
        table,
        {"rows": rows},
        options.results,
        title=f"Whole steps on {options.batch:,} states: µs",
        left=2,
    )
    bars(
        "steps",
        [row["task"] for row in rows],
        {k: [1e3 * row["times"][k] for row in rows] for k in names},
        options.results,
        title=f"Whole steps on {options.batch:,} states, float64",
        xlabel="ms",
        log=True,
    )


if __name__ == "__main__":
    main()
