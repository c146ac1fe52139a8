"""Functions with solves, factors, tables and sorting inside: ccjac beside JAX's two modes on batches of states.

    python benchmarks/whole_functions.py
    python benchmarks/whole_functions.py --tasks arm_dynamics kalman_update --batch 2048

Compiled calls on a batch take turns as in :mod:`ccjac.timing`; the table holds medians.  *Gain* is the better mode's
time over that of ccjac, which decides for itself what it makes of a function.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import geometric_mean
from typing import Any

from common import arguments, bars, interleaved, microseconds, private_zoo, report


def functions() -> dict[str, tuple[Callable[[Any], Any], int]]:
    """Functions of one vector, and its length."""
    import jax
    import jax.numpy as jnp
    from jax.scipy import linalg

    nodes = jnp.cumsum(jnp.linspace(0.2, 1.0, 16))
    table = jnp.sin(3 * nodes)
    plane = jnp.sin(jnp.arange(36.0)).reshape(6, 6)
    points = jnp.cos(jnp.arange(24.0)).reshape(12, 2)

    def arm_dynamics(s: Any) -> Any:
        """Three point masses on massless links of length one under gravity."""
        q, v = s[:3], s[3:]
        weight = jnp.array([[3.0, 2.0, 1.0], [2.0, 2.0, 1.0], [1.0, 1.0, 1.0]])
        turned = q[:, None] - q[None, :]
        force = -(weight * jnp.sin(turned)) @ v**2 - 9.81 * jnp.diag(weight) * jnp.sin(q)
        return jnp.concatenate([v, jnp.linalg.solve(weight * jnp.cos(turned), force)])

    def kalman_update(s: Any) -> Any:
        """A range and a bearing correct four states, of covariance L L'."""
        x, factor = s[:4], jnp.eye(4) + 0.3 * jnp.outer(s[:4], s[4:])
        covariance = factor @ factor.T
        distance = jnp.sqrt(x[0] ** 2 + x[1] ** 2)
        slope = jnp.array([[x[0] / distance, x[1] / distance, 0.0, 0.0], [0.0, 0.0, 1.0, 0.5]])
        innovation = slope @ covariance @ slope.T + 0.1 * jnp.eye(2)
        return x + covariance @ slope.T @ jnp.linalg.solve(innovation, jnp.array([1.0, 0.2]) - slope @ x)

    def whitening(s: Any) -> Any:
        matrix = jnp.eye(4) + jnp.outer(s, s)
        return linalg.solve_triangular(jnp.linalg.cholesky(matrix), jnp.sin(s), lower=True)

    def log_density(s: Any) -> Any:
        matrix = jnp.eye(4) + jnp.outer(s, s)
        return jax.scipy.stats.multivariate_normal.logpdf(jnp.sin(s), jnp.zeros(4), matrix)[None]

    def implicit_euler(s: Any) -> Any:
        """Two Newton steps of Robertson's kinetics."""

        def rate(y: Any) -> Any:
            a, b, c = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
            return jnp.stack([b - a, a - b - c, c])

        y = s
        for _ in range(2):
            y = y - jnp.linalg.solve(jnp.eye(3) - 1e-3 * jax.jacfwd(rate)(y), y - s - 1e-3 * rate(y))
        return y

    def fitted_line(s: Any) -> Any:
        basis = jnp.stack([jnp.ones(6), s, s**2], 1)
        q, r = jnp.linalg.qr(basis)
        return linalg.solve_triangular(r, q.T @ jnp.exp(-s))

    def rotation(s: Any) -> Any:
        zero = jnp.zeros(())
        cross = jnp.array([[zero, -s[2], s[1]], [s[2], zero, -s[0]], [-s[1], s[0], zero]])
        return linalg.expm(cross).ravel()

    def equation_of_state(s: Any) -> Any:
        """The classical Runge-Kutta method with a rate from a table."""
        rate = lambda y: jnp.interp(y, nodes, table) - 0.1 * y  # noqa: E731
        k1 = rate(s)
        k2 = rate(s + 0.05 * k1)
        k3 = rate(s + 0.05 * k2)
        return s + 0.1 / 6 * (k1 + 2 * k2 + 2 * k3 + rate(s + 0.1 * k3))

    def burgers_step(s: Any) -> Any:
        """An explicit step of Burgers' equation on a circle, its slope by Fourier transform."""
        waves = jax.lax.complex(jnp.zeros(s.size // 2 + 1), jnp.arange(s.size // 2 + 1.0))
        slope = jnp.fft.irfft(waves * jnp.fft.rfft(s), s.size)
        return s - 0.01 * s * slope

    def principal_stresses(s: Any) -> Any:
        """Of a strain, by Hooke's law, and what yields."""
        strain = jnp.stack([s[0], s[3], s[4], s[3], s[1], s[5], s[4], s[5], s[2]]).reshape(3, 3)
        stress = 0.6 * jnp.trace(strain) * jnp.eye(3) + 0.8 * strain
        principal = jnp.linalg.eigvalsh(stress)
        return jnp.tanh(principal) * jnp.sqrt(jnp.sum((principal - jnp.roll(principal, 1)) ** 2))

    def power_spectrum(s: Any) -> Any:
        return jnp.log1p(jnp.abs(jnp.fft.rfft(jnp.tanh(s) * jnp.hanning(s.size))) ** 2)

    def minimum_norm(s: Any) -> Any:
        """The shortest solution of two equations for four unknowns."""
        matrix = jnp.stack([jnp.sin(s), jnp.cos(2 * s)])
        return jnp.linalg.pinv(matrix) @ jnp.exp(-s[:2])

    return {
        "burgers_step": (burgers_step, 16),
        "principal_stresses": (principal_stresses, 6),
        "power_spectrum": (power_spectrum, 8),
        "minimum_norm": (minimum_norm, 4),
        "arm_dynamics": (arm_dynamics, 6),
        "kalman_update": (kalman_update, 8),
        "whitening": (whitening, 4),
        "log_density": (log_density, 4),
        "implicit_euler": (implicit_euler, 3),
        "fitted_line": (fitted_line, 6),
        "rotation": (rotation, 3),
        "equation_of_state": (equation_of_state, 3),
        "bilinear_map": (lambda s: jax.scipy.ndimage.map_coordinates(plane, [s[:2], s[2:]], order=1), 4),
        "trimmed_mean": (lambda s: jnp.mean(jnp.sort(s)[2:-2])[None] * s, 9),
        "median_filter": (lambda s: jnp.stack([jnp.median(s[k : k + 5]) for k in range(5)]), 9),
        "nearest_point": (lambda s: (points[jnp.argmin(jnp.sum((points - s) ** 2, 1))] - s) ** 2, 2),
    }


def measure(name: str, options: Any) -> dict[str, Any]:
    """One row."""
    import jax
    import numpy as np

    import ccjac

    function, size = functions()[name]
    points = jax.numpy.asarray(np.random.default_rng(0).uniform(0.2, 2.0, (options.batch, size)))
    makers = {"ccjac": ccjac.jacobian, "jacfwd": jax.jacfwd, "jacrev": jax.jacrev}
    compiled = {k: jax.jit(jax.vmap(make(function))) for k, make in makers.items()}
    found = {k: np.asarray(jacobian(points)) for k, jacobian in compiled.items()}
    calls = {k: (lambda j=jacobian: jax.block_until_ready(j(points))) for k, jacobian in compiled.items()}
    timings = interleaved(calls, seconds=options.seconds, least=5, turn_seconds=0.002)
    times = {k: timing.median for k, timing in timings.items()}
    return {
        "task": name,
        "executor": ccjac.plan(function, points[0]).executor,
        "times": times,
        "gain": min(times["jacfwd"], times["jacrev"]) / times["ccjac"],
        "difference": float(np.abs(found["ccjac"] - found["jacfwd"]).max() / np.abs(found["jacfwd"]).max()),
    }


def main() -> None:
    """Measure, print and write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--batch", type=int, default=512, help="states")
    parser.add_argument("--seconds", type=float, default=0.5, help="of measuring per function")
    options = parser.parse_args()
    private_zoo()

    import jax

    jax.config.update("jax_enable_x64", True)
    rows = [measure(name, options) for name in options.tasks or functions()]
    names = ["ccjac", "jacfwd", "jacrev"]
    table = [
        [
            row["task"],
            row["executor"],
            *(f"{microseconds(row['times'][k]):.0f}" for k in names),
            f"{row['gain']:.1f}",
            f"{row['difference']:.0e}",
        ]
        for row in rows
    ]
    mean = geometric_mean(row["gain"] for row in rows)
    table.append(["geometric mean", "", "", "", "", f"{mean:.1f}", ""])
    report(
        "whole_functions",
        ["function", "executor", *names, "gain", "difference"],
        table,
        {"rows": rows},
        options.results,
        title=f"Whole functions on {options.batch} states: µs",
        left=2,
    )
    bars(
        "whole_functions",
        [row["task"] for row in rows],
        {"gain": [row["gain"] for row in rows]},
        options.results,
        title="The better of JAX's modes over ccjac",
        xlabel="ratio",
        log=True,
        reference=1.0,
    )


if __name__ == "__main__":
    main()
