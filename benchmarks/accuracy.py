"""Rounding errors of Jacobians in single and double precision, by executor and beside JAX's own modes.

    python benchmarks/accuracy.py [--tasks RoeFlux_1d RobotArm_6DOF] [--samples 1024]

The truth is ``jax.jacfwd`` in float64 at points that float32 represents.  An entry's error is taken relative to the
largest entry of its row, a sample's error is that of its worst entry.  The table holds the worst sample of each task;
the ratio compares the kernel's float32 error with that of ``jax.jacrev``, where errors below two units in the last
place count as two.  Where a derivative is a small difference of large numbers, the two modes differ in float64 as well,
which ``jacrev float64`` shows; there neither is the truth.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from common import arguments, bars, private_zoo, progress, report

MODES = ("kernel", "ops", "jacfwd", "jacrev")
DRAWN = 40
"""Tasks in the plot."""
FLOOR = 2 * 2.0**-23


def representable(task: Any) -> Any:
    """The task at points that are the same in both precisions."""
    import numpy as np

    return replace(task, sample=lambda rng: tuple(np.asarray(v, np.float32).astype(float) for v in task.sample(rng)))


def measure(task: Any, samples: int) -> dict[str, Any]:
    """The worst and the median sample's error of every candidate."""
    import jax
    import numpy as np

    import ccjac
    from ccjac_jax import showcase

    task = representable(task)
    function = task.vector("jax")
    double = showcase.points(task, samples, "float64")
    exact = np.asarray(jax.jit(jax.vmap(jax.jacfwd(function)))(double))
    size = np.abs(exact).max(axis=2, keepdims=True)
    size = np.where(size == 0, 1, size)

    def errors(jacobian: Any, rows: Any) -> dict[str, float]:
        found = np.asarray(jax.jit(jax.vmap(jacobian))(rows))
        worst = np.max(np.abs(found - exact) / size, axis=(1, 2))
        return {"worst": float(worst.max()), "median": float(np.median(worst))}

    candidates = {
        "kernel": ccjac.jacobian(function, executor="kernel"),
        "ops": ccjac.jacobian(function, executor="ops"),
        "jacfwd": jax.jacfwd(function),
        "jacrev": jax.jacrev(function),
    }
    single = {name: errors(jacobian, double.astype("float32")) for name, jacobian in candidates.items()}
    return {
        "task": task.name,
        "float32": single,
        "float64": {name: errors(candidates[name], double) for name in ("kernel", "jacrev")},
        "ratio": single["kernel"]["worst"] / max(single["jacrev"]["worst"], FLOOR),
        "median_ratio": single["kernel"]["median"] / max(single["jacrev"]["median"], FLOOR),
    }


def main() -> None:
    """Measure, print, write, draw."""
    parser = arguments((__doc__ or "").split("\n")[0])
    parser.add_argument("--samples", type=int, default=1024, metavar="N", help="points per task")
    options = parser.parse_args()
    private_zoo()

    import ccjac_zoo
    from ccjac_jax import showcase

    names = options.tasks or list(ccjac_zoo.tasks())
    measured: list[dict[str, Any]] = []
    with showcase.double_precision(), progress() as bar:
        for name in bar.track(names, description="accuracy"):
            measured.append(measure(ccjac_zoo.task(name), options.samples))

    rows = [
        [
            m["task"],
            *(f"{m['float32'][mode]['worst']:.1e}" for mode in MODES),
            f"{m['ratio']:.2f}",
            f"{m['median_ratio']:.2f}",
            *(f"{m['float64'][mode]['worst']:.1e}" for mode in ("kernel", "jacrev")),
        ]
        for m in measured
    ]
    report(
        "accuracy",
        [
            "task",
            *(f"{mode} float32" for mode in MODES),
            "kernel / jacrev",
            "of medians",
            "kernel float64",
            "jacrev float64",
        ],
        rows,
        measured,
        options.results,
        title="Errors relative to the largest entry of a row, worst of all samples",
    )
    drawn = sorted(measured, key=lambda m: -m["ratio"])[:DRAWN]
    bars(
        "accuracy",
        [m["task"] for m in drawn],
        {mode: [max(m["float32"][mode]["worst"], 1e-9) for m in drawn] for mode in MODES},
        options.results,
        title="Rounding errors in float32, the tasks with the largest share of jacrev's error on top",
        xlabel="error relative to the largest entry of a row, worst sample",
        log=True,
    )


if __name__ == "__main__":
    main()
