"""Jacobians of long loops: run time over a batch, and what planning and compiling takes for 1,000 and 100,000 steps.

    python benchmarks/loops.py
    python benchmarks/loops.py --tasks lorenz gru --batch 64

*ccjac* is ``jit(vmap(ccjac.jacobian(f)))``, *forward* and *reverse* the same with JAX's modes.  Compiled calls
take turns as in :mod:`ccjac.timing`; the table holds medians.  *Gain* is the better mode's time over ccjac's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import geometric_mean
from typing import Any

from common import arguments, bars, interleaved, microseconds, private_zoo, report

Function = Callable[..., Any]
LONG = 100_000


def functions() -> dict[str, tuple[Callable[[int], Function], Any, int]]:
    """By name: from a number of steps the function of parameters and noise ``[steps, 2]``, a point, noise or not."""
    import jax.numpy as jnp
    import numpy as np
    from jax import lax, nn

    def logistic(n: int) -> Function:
        def f(p: Any, noise: Any) -> Any:
            return lax.fori_loop(0, n, lambda _, x: p[0] * x * (1 - x), p[1])

        return f

    def runge_kutta(rate: Function, states: int, h: float = 1e-3) -> Callable[[int], Function]:
        def of(n: int) -> Function:
            def f(p: Any, noise: Any) -> Any:
                def step(x: Any, _: Any) -> Any:
                    k1 = rate(x, p[states:])
                    k2 = rate(x + h / 2 * k1, p[states:])
                    k3 = rate(x + h / 2 * k2, p[states:])
                    k4 = rate(x + h * k3, p[states:])
                    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

                return lax.scan(step, p[:states], None, length=n)[0]

            return f

        return of

    def lorenz(x: Any, p: Any) -> Any:
        return jnp.stack([p[0] * (x[1] - x[0]), x[0] * (p[1] - x[2]) - x[1], x[0] * x[1] - p[2] * x[2]])

    def kepler(x: Any, p: Any) -> Any:
        r = (x[0] ** 2 + x[1] ** 2) ** 1.5
        return jnp.stack([x[2], x[3], -p[0] * x[0] / r, -p[0] * x[1] / r])

    def chain(x: Any, p: Any) -> Any:
        """Three masses between springs that stiffen."""
        wall = jnp.zeros(1, x.dtype)
        stretch = jnp.diff(jnp.concatenate([wall, x[:3], wall]))
        force = p[0] * stretch + p[1] * stretch**3
        return jnp.concatenate([x[3:], force[1:] - force[:-1]])

    def gru(n: int) -> Function:
        """The last state of three units, added up, as a function of their 54 weights."""

        def f(p: Any, noise: Any) -> Any:
            w = p.reshape(3, 3, 6)

            def step(h: Any, x: Any) -> Any:
                seen = jnp.concatenate([h, x, jnp.ones(1, p.dtype)])
                z, r = nn.sigmoid(w[0] @ seen), nn.sigmoid(w[1] @ seen)
                c = jnp.tanh(w[2] @ jnp.concatenate([r * h, x, jnp.ones(1, p.dtype)]))
                return (1 - z) * h + z * c, None

            return jnp.sum(lax.scan(step, jnp.zeros(3, p.dtype), noise)[0])

        return f

    def heston(n: int) -> Function:
        """A payoff by Euler steps of the price and its variance, from seven parameters."""

        def f(p: Any, noise: Any) -> Any:
            spot, variance, rate, speed, mean, volatility, correlation = p
            dt = 1.0 / n

            def step(state: Any, dw: Any) -> Any:
                x, v = state
                sd = jnp.sqrt(jnp.maximum(v, 1e-8) * dt)
                other = correlation * dw[0] + jnp.sqrt(1 - correlation**2) * dw[1]
                return (
                    x + (rate - v / 2) * dt + sd * dw[0],
                    v + speed * (mean - v) * dt + volatility * sd * other,
                ), None

            x, _ = lax.scan(step, (jnp.log(spot), variance), noise)[0]
            return jnp.exp(-rate) * jnp.maximum(jnp.exp(x) - 0.9, 0.0)

        return f

    def kalman(n: int) -> Function:
        """The likelihood of a path under a model of constant speed, by its filter."""

        def f(p: Any, noise: Any) -> Any:
            damping, drift, error = p[0], jnp.exp(p[1]), jnp.exp(p[2])

            def step(state: Any, y: Any) -> Any:
                x, v, a, b, c, cost = state
                x, v = x + 0.1 * v, damping * v
                a, b, c = a + 0.2 * b + 0.01 * c, damping * (b + 0.1 * c), damping**2 * c + drift
                s, residual = a + error, y[0] - x
                cost = cost + 0.5 * (jnp.log(s) + residual**2 / s)
                k, l = a / s, b / s
                return (x + k * residual, v + l * residual, (1 - k) * a, (1 - k) * b, c - l * b, cost), None

            zero, one = jnp.zeros((), p.dtype), jnp.ones((), p.dtype)
            return lax.scan(step, (zero, zero, one, zero, one, zero), noise)[0][-1]

        return f

    weights = np.random.default_rng(1).normal(size=54) * 0.4
    return {
        "logistic map": (logistic, np.array([3.1, 0.3]), 0),
        "Lorenz": (runge_kutta(lorenz, 3), np.array([1.0, 1.0, 1.0, 10.0, 28.0, 8 / 3]), 0),
        "Kepler": (runge_kutta(kepler, 4), np.array([1.0, 0.0, 0.0, 0.9, 1.0]), 0),
        "three masses": (runge_kutta(chain, 6), np.array([0.1, 0.2, -0.1, 0.0, 0.0, 0.0, 1.0, 0.5]), 0),
        "gru": (gru, weights, 1),
        "Heston": (heston, np.array([1.0, 0.04, 0.03, 1.5, 0.04, 0.3, -0.6]), 1),
        "Kalman": (kalman, np.array([0.95, -3.0, -2.0]), 1),
    }


def measure(name: str, options: Any) -> dict[str, Any]:
    """One row."""
    import jax
    import numpy as np

    import ccjac

    make, point, _ = functions()[name]
    rng = np.random.default_rng(0)
    x = np.asarray(point * (1 + 0.01 * rng.normal(size=(options.batch, point.size))), options.dtype)
    candidates = {"ccjac": ccjac.jacobian, "forward": jax.jacfwd, "reverse": jax.jacrev}
    compiled: dict[str, Any] = {}
    first: dict[str, dict[str, float]] = {}
    for steps in (LONG, options.steps):
        noise = np.asarray(rng.normal(size=(steps, 2)), options.dtype)
        for k, mode in candidates.items():
            jax.clear_caches()
            start = time.perf_counter()
            call = jax.jit(jax.vmap(mode(make(steps)), in_axes=(0, None)))
            compiled[k] = call.lower(x, noise).compile()
            first.setdefault(k, {})[str(steps)] = time.perf_counter() - start
    plan = ccjac.plan(make(options.steps), x[0], noise)
    found = {k: np.asarray(call(x, noise)) for k, call in compiled.items()}
    calls = {k: (lambda c=call: jax.block_until_ready(c(x, noise))) for k, call in compiled.items()}
    timings = interleaved(calls, seconds=options.seconds, least=3, turn_seconds=0.002)
    times = {k: timing.median for k, timing in timings.items()}
    better = min(("forward", "reverse"), key=times.__getitem__)
    return {
        "task": name,
        "source": plan.source,
        "direction": plan.direction,
        "inputs": int(point.size),
        "outputs": int(found["forward"][0].size // point.size),
        "times": times,
        "compile": first,
        "gain": times[better] / times["ccjac"],
        "difference": float(np.abs(found["ccjac"] - found["forward"]).max() / np.abs(found["forward"]).max()),
    }


def main() -> None:
    """Measure, print and write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--batch", type=int, default=512, help="samples")
    parser.add_argument("--steps", type=int, default=1_000, help="of the loops that are run")
    parser.add_argument("--dtype", default="float64", choices=("float32", "float64"), help="of all numbers")
    parser.add_argument("--seconds", type=float, default=4.0, help="of measuring per function")
    options = parser.parse_args()
    private_zoo()

    import jax

    jax.config.update("jax_enable_x64", True)
    # The first compilation of a process imports and sets up much.
    measure("Lorenz", argparse.Namespace(**{**vars(options), "seconds": 0.0}))
    rows = [measure(name, options) for name in options.tasks or functions()]
    short, long = str(options.steps), str(LONG)
    table = [
        [
            row["task"],
            row["direction"] or row["source"],
            f"{row['inputs']} -> {row['outputs']}",
            *(f"{microseconds(row['times'][k]):,.0f}" for k in ("ccjac", "forward", "reverse")),
            f"{row['gain']:.1f}",
            f"{row['difference']:.0e}",
            *(f"{row['compile'][k][s]:.2f}" for k in ("ccjac", "forward") for s in (short, long)),
        ]
        for row in rows
    ]
    mean = geometric_mean(row["gain"] for row in rows)
    table.append(["geometric mean", *[""] * 5, f"{mean:.1f}", *[""] * 5])
    report(
        "loops",
        ["function", "plan", "size", "ccjac", "forward", "reverse", "gain", "error"]
        + [f"{who}, {n}" for who in ("ccjac", "forward") for n in (f"{options.steps:,}", f"{LONG:,}")],
        table,
        {"steps": options.steps, "batch": options.batch, "dtype": options.dtype, "rows": rows},
        options.results,
        title=f"Jacobians through {options.steps:,} steps, batch of {options.batch:,}, {options.dtype}: µs, s",
        left=3,
    )
    bars(
        "loops",
        [row["task"] for row in rows],
        {k: [1e3 * row["times"][k] for row in rows] for k in ("ccjac", "forward", "reverse")},
        options.results,
        title=f"Jacobians through {options.steps:,} steps, batch of {options.batch:,}, {options.dtype}",
        xlabel="ms",
        log=True,
    )


if __name__ == "__main__":
    main()
