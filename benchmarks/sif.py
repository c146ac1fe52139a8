"""The optimisation problems of ``sif2jax`` (CUTEst in JAX): values, derivatives, first and later calls beside jacfwd's.

    pip install sif2jax
    python benchmarks/sif.py --minutes 20            # call again to go on where it stopped
    python benchmarks/sif.py --every 10 --fresh      # a tenth of them

The function of a problem is its constraints or equations, or else its objective, in float64 at its starting point, for
up to ``--variables`` variables.  Values and Jacobians are compared with JAX's wherever both are finite.  *First* is
ccjac's first call over one and a half times that of ``jit(jacfwd)`` plus 0.1 s; *later* is the excess of a later call
over 1.05 times ``jit(jacfwd)``'s plus 1 µs: up to 1 and 0 nothing is lost.  A finished problem is written to
``sif.rows.jsonl`` at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import geometric_mean, median
from typing import Any

from common import arguments, bars, finished_rows, interleaved, microseconds, private_zoo, report

FIRST_RATIO, FIRST_SECONDS, FIRST_WORST = 1.5, 0.1, 3.0
LATER_RATIO, LATER_SECONDS = 1.05, 1e-6


def function_of(problem: Any) -> Callable[[Any], Any]:
    """Constraints as one vector, or the objective."""
    import jax.numpy as jnp

    if hasattr(problem, "constraint") and any(part is not None for part in problem.constraint(problem.y0)):

        def constraints(y: Any) -> Any:
            parts = [jnp.ravel(part) for part in problem.constraint(y) if part is not None]
            return jnp.concatenate(parts)

        return constraints
    args = problem.args
    return lambda y: problem.objective(y, args)


def difference(ours: Any, theirs: Any) -> float:
    """The largest difference where both are finite, relative to the largest entry of its row or a thousandth."""
    import numpy as np

    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if a.shape != b.shape:
        return float("inf")
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        return 0.0
    rows = np.abs(np.where(both, b, 0.0)).reshape(*a.shape[:1], -1) if a.ndim > 1 else np.abs(np.where(both, b, 0.0))
    # Constraints that hold at the starting point are rounding errors.
    scale = np.maximum(rows.max(-1) if a.ndim else rows, 1e-3)
    scale = scale.reshape(-1, *(1,) * (a.ndim - 1)) if a.ndim > 1 else scale
    return float((np.where(both, np.abs(a - b), 0.0) / scale).max())


def measure(problem: Any, options: Any) -> dict[str, Any]:
    """One row."""
    import jax

    import ccjac

    point = problem.y0

    def first(differentiate: Callable[..., Any]) -> tuple[Callable[..., Any], float]:
        compiled = jax.jit(differentiate(function_of(problem)))
        start = time.perf_counter()
        jax.block_until_ready(compiled(point))
        return compiled, time.perf_counter() - start

    theirs, their_first = first(jax.jacfwd)
    ours, our_first = first(ccjac.jacobian)
    if our_first > FIRST_RATIO * their_first + FIRST_SECONDS:
        # A first call is short, and the machine is not ours alone.
        their_first = min(their_first, first(jax.jacfwd)[1])
        our_first = min(our_first, first(ccjac.jacobian)[1])
    calls = {"ccjac": ours, "jacfwd": theirs}
    timings = interleaved(
        {k: (lambda f=f: jax.block_until_ready(f(point))) for k, f in calls.items()},
        seconds=options.seconds,
        turn_seconds=0.001,
    )
    later = {k: min(t.samples) for k, t in timings.items()}
    function = function_of(problem)
    value = jax.jit(ccjac.value_and_jacobian(function))(point)[0]
    plan = ccjac.plan(function, point)
    return {
        "task": problem.name,
        "variables": int(point.size),
        "outputs": int(value.size),
        "executor": plan.executor,
        "reason": plan.reason,
        "values": difference(value, jax.jit(function)(point)),
        "derivatives": difference(ours(point), theirs(point)),
        "first": {"ccjac": our_first, "jacfwd": their_first},
        "later": later,
        "first_ratio": our_first / (FIRST_RATIO * their_first + FIRST_SECONDS),
        "later_excess": later["ccjac"] / (LATER_RATIO * later["jacfwd"] + LATER_SECONDS) - 1.0,
    }


def summary(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """What holds for how many."""
    within = sum(row["first_ratio"] <= 1.0 for row in rows)
    factors = [row["first"]["ccjac"] / row["first"]["jacfwd"] for row in rows]
    worst = max(rows, key=lambda row: row["first"]["ccjac"] - FIRST_WORST * row["first"]["jacfwd"])
    lost = [row["task"] for row in rows if row["later_excess"] > 0.0]
    wrong = [row["task"] for row in rows if max(row["values"], row["derivatives"]) > 1e-8]
    speed = [row["later"]["jacfwd"] / row["later"]["ccjac"] for row in rows]
    return [
        ["problems", len(rows)],
        ["values or derivatives that differ by more than 1e-8", f"{len(wrong)} {' '.join(wrong)}"],
        ["first calls within 1.5 x jacfwd's + 0.1 s", f"{within} ({100 * within / len(rows):.1f} %)"],
        ["first calls over jacfwd's, median", f"{median(factors):.2f}"],
        ["largest first call beyond 3 x jacfwd's", f"{worst['task']} {worst['first']}"],
        ["later calls slower by more than 5 % and 1 µs", f"{len(lost)} {' '.join(lost)}"],
        ["jacfwd's later calls over ours, geometric mean", f"{geometric_mean(speed):.2f}"],
        *[
            [f"run by {k}", sum(row["executor"] == k for row in rows)]
            for k in sorted({row["executor"] for row in rows})
        ],
    ]


def main() -> None:
    """Measure, print, write and draw."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--variables", type=int, default=300, help="of the largest problems")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take each N-th problem")
    parser.add_argument("--seconds", type=float, default=0.1, help="of measuring later calls per problem")
    parser.add_argument("--minutes", type=float, default=20.0, help="after which to stop and report")
    parser.add_argument("--fresh", action="store_true", help="forget the rows of earlier runs")
    options = parser.parse_args()
    private_zoo()

    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import sif2jax

    import ccjac

    for differentiate in (jax.jacfwd, ccjac.jacobian):
        # Long enough to be a kernel, so that the compiler is loaded.
        jax.block_until_ready(jax.jit(differentiate(lambda x: jnp.sin(x) * jnp.exp(x[::-1])))(jnp.ones(20)))
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / "sif.rows.jsonl"
    known = finished_rows(path, "task", fresh=options.fresh)
    end = time.monotonic() + 60 * options.minutes
    for problem in sif2jax.problems[:: options.every]:
        if problem.name in known or (options.tasks and problem.name not in options.tasks):
            continue
        if getattr(problem.y0, "size", options.variables + 1) > options.variables:
            continue
        if time.monotonic() > end:
            print(f"{options.minutes} minutes are over; call again to go on.")
            break
        row = known[problem.name] = measure(problem, options)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        first, later = (" ".join(str(microseconds(row[k][c])) for c in ("ccjac", "jacfwd")) for k in ("first", "later"))
        print(row["task"], row["executor"], row["variables"], row["outputs"], first, later, flush=True)
        jax.clear_caches()
    rows = list(known.values())
    report("sif", ["", "result"], summary(rows), {"rows": rows}, options.results, title="sif2jax", left=2)
    slowest = sorted(rows, key=lambda row: -row["first_ratio"])[:40]
    bars(
        "sif",
        [row["task"] for row in slowest],
        {
            "first call": [row["first_ratio"] for row in slowest],
            "later calls": [1.0 + row["later_excess"] for row in slowest],
        },
        options.results,
        title="The forty problems whose first calls lose most: time over what it may be",
        xlabel="ratio",
        log=True,
        reference=1.0,
    )


if __name__ == "__main__":
    main()
