"""First and later calls of forty functions of medium size: ccjac beside the better of JAX's two modes.

    python benchmarks/medium.py
    python benchmarks/medium.py --tasks softmax_200 running_mean_500

The functions are those of :mod:`medium_functions`.  For every one the first call of ccjac and of ``jit(jacfwd)`` and
``jit(jacrev)`` is timed ``--repeats`` times, each time of a fresh function, by turns in one process after all three
have compiled something else; the table holds the least.  Later calls take turns as in :mod:`ccjac.timing`; the table
holds medians of compiled calls.  *First* is ccjac's first call over one and a half times the better mode's plus 0.1 s,
*later* is its time over that of the better mode: up to 1 and 1.05 nothing is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import geometric_mean
from typing import Any

from common import arguments, bars, interleaved, microseconds, private_zoo, report

Make = Callable[[Callable[..., Any]], Callable[..., Any]]


def differentiators() -> dict[str, Make]:
    """The candidates: from a function to its compiled Jacobian."""
    import jax

    import ccjac

    return {
        "ccjac": lambda f: jax.jit(ccjac.jacobian(f)),
        "jacfwd": lambda f: jax.jit(jax.jacfwd(f)),
        "jacrev": lambda f: jax.jit(jax.jacrev(f)),
    }


def first_calls(made: Callable[[], tuple[Callable[..., Any], Any]], repeats: int) -> dict[str, float]:
    """The least seconds of a first call by candidate; every call is of a function made anew."""
    import jax

    candidates = differentiators()
    least = dict.fromkeys(candidates, float("inf"))
    for turn in range(repeats):
        names = list(candidates)
        for name in names[turn % 3 :] + names[: turn % 3]:
            function, point = made()
            jacobian = candidates[name](function)
            start = time.perf_counter()
            jax.block_until_ready(jacobian(point))
            least[name] = min(least[name], time.perf_counter() - start)
            jax.clear_caches()
    return least


def measure(name: str, options: Any) -> dict[str, Any]:
    """One row."""
    import jax
    import numpy as np
    from medium_functions import FUNCTIONS

    import ccjac

    function, point = FUNCTIONS[name]()
    first = first_calls(FUNCTIONS[name], options.repeats)
    compiled = {k: make(function) for k, make in differentiators().items()}
    found = {k: np.asarray(jacobian(point)) for k, jacobian in compiled.items()}
    calls = {k: (lambda j=jacobian: jax.block_until_ready(j(point))) for k, jacobian in compiled.items()}
    timings = interleaved(calls, seconds=options.seconds, least=5, turn_seconds=0.002)
    later = {k: timing.median for k, timing in timings.items()}
    plan = ccjac.plan(function, point)
    scale = max(float(np.abs(found["jacfwd"]).max()), 1e-30)
    return {
        "task": name,
        "inputs": int(point.size),
        "outputs": int(found["ccjac"].size // point.size),
        "first": first,
        "later": later,
        "executor": plan.executor,
        "reason": plan.reason,
        "first_ratio": first["ccjac"] / (1.5 * min(first["jacfwd"], first["jacrev"]) + 0.1),
        "later_ratio": later["ccjac"] / min(later["jacfwd"], later["jacrev"]),
        "difference": float(np.abs(found["ccjac"] - found["jacfwd"]).max()) / scale,
    }


def main() -> None:
    """Measure, print, write and draw."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--repeats", type=int, default=3, help="first calls of every candidate")
    parser.add_argument("--seconds", type=float, default=0.5, help="of measuring later calls per function")
    options = parser.parse_args()
    private_zoo()

    import jax
    import jax.numpy as jnp
    from medium_functions import FUNCTIONS

    for make in differentiators().values():
        # Long enough to be a kernel, so that the compiler is loaded.
        jax.block_until_ready(make(lambda x: jnp.sin(x) * jnp.exp(x[::-1]))(jnp.ones(20)))
    rows = []
    for name in options.tasks or FUNCTIONS:
        rows.append(measure(name, options))
        print(_line(rows[-1]), flush=True)
    table = [_cells(row) for row in rows]
    worst = [max(row[k] for row in rows) for k in ("first_ratio", "later_ratio")]
    means = [geometric_mean(row[k] for row in rows) for k in ("first_ratio", "later_ratio")]
    table.append(["geometric mean", *[""] * 9, *(f"{m:.2f}" for m in means)])
    table.append(["worst", *[""] * 9, *(f"{w:.2f}" for w in worst)])
    columns = ["function", "executor", "in", "out"]
    columns += [f"{kind} {name}" for kind in ("first", "later") for name in ("ccjac", "jacfwd", "jacrev")]
    report(
        "medium",
        [*columns, "first", "later"],
        table,
        {"rows": rows},
        options.results,
        title="Medium functions: first calls in ms, later calls in µs",
        left=2,
    )
    bars(
        "medium",
        [row["task"] for row in rows],
        {
            "first call": [row["first_ratio"] for row in rows],
            "later calls": [row["later_ratio"] for row in rows],
        },
        options.results,
        title="ccjac's time over what it may take: 1.5 x the better mode + 0.1 s, and the better mode's",
        xlabel="ratio",
        log=True,
        reference=1.0,
    )


def _cells(row: dict[str, Any]) -> list[Any]:
    names = ("ccjac", "jacfwd", "jacrev")
    first = [round(1e3 * row["first"][k]) for k in names]
    later = [microseconds(row["later"][k]) for k in names]
    ratios = [f"{row['first_ratio']:.2f}", f"{row['later_ratio']:.2f}"]
    return [row["task"], row["executor"], row["inputs"], row["outputs"], *first, *later, *ratios]


def _line(row: dict[str, Any]) -> str:
    return "  ".join(str(cell) for cell in _cells(row))


if __name__ == "__main__":
    main()
