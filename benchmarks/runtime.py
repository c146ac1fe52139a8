"""How fast Jacobians are: ccjac beside JAX's modes, asdex, CasADi, a C compiler, the primal and the memory's limit.

    python benchmarks/runtime.py [--tasks RoeFlux_1d] [--batches 1 512 65536] [--all] [--orders]

Every row is one function, batch size, precision and calling form: ``vector`` is ``f(x[n]) -> y[m]`` on ``[B, n]``,
``scalar`` is
``f(a, b, ...)`` on one ``[B]`` array per argument.  All candidates run in one process on the same arrays and take
turns; the table
holds medians in microseconds and ratios to the better of ``jit(vmap(jacfwd))`` and ``jit(vmap(jacrev))``.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable
from statistics import geometric_mean
from typing import Any

from c_loop import c_loop
from common import arguments, bars, interleaved, microseconds, progress, report
from peers import asdex_jacobian, casadi_loop

PAPER = (
    "RoeFlux_1d",
    "RobotArm_6DOF",
    "HumanHeartDipole",
    "PropaneCombustion",
    "BlackScholes_Jacobian",
    "random_g",
)
ORDERS = ("forward", "reverse", "markowitz")


def copy_bandwidth() -> float:
    """Bytes per second, read and written, of a large copy on one core."""
    import time

    import numpy as np

    source = np.ones(1 << 25)
    target = np.empty_like(source)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return 2 * source.nbytes / best


def measure(task: Any, batch: int, dtype: str, form: str, orders: bool, bandwidth: float) -> dict[str, Any]:
    """All candidates of one row."""
    import jax

    import ccjac
    from ccjac_jax import showcase

    rows = jax.block_until_ready(showcase.points(task, batch, dtype))
    if form == "vector":
        function, args, argnums = task.vector("jax"), (rows,), 0
    else:
        columns = [jax.block_until_ready(rows[:, k].copy()) for k in range(task.n)]
        vector = task.vector("jax")
        function, args = (lambda *a: vector(jax.numpy.stack(a))), tuple(columns)
        argnums = tuple(range(task.n))

    def batched(jacobian: Callable[..., Any]) -> Callable[[], Any]:
        compiled = jax.jit(jax.vmap(jacobian))
        return lambda: jax.block_until_ready(compiled(*args))

    candidates = {
        "ccjac": batched(ccjac.jacobian(function, argnums=argnums)),
        "jacfwd": batched(jax.jacfwd(function, argnums=argnums)),
        "jacrev": batched(jax.jacrev(function, argnums=argnums)),
        "primal": batched(function),
    }
    if orders:
        candidates |= {o: batched(ccjac.jacobian(function, argnums=argnums, order=o)) for o in ORDERS}
    if form == "vector":
        if (coloured := asdex_jacobian(function, rows[0])) is not None:
            candidates["asdex"] = batched(coloured)
        for name, make in (("C loop", c_loop), ("CasADi", casadi_loop)):
            if (loop := make(task, rows)) is not None:
                candidates[name] = loop
    timings = interleaved(candidates, turn_seconds=0.005)
    medians = {name: timing.median for name, timing in timings.items()}
    better = min(medians["jacfwd"], medians["jacrev"])
    size = 4 if dtype == "float32" else 8
    return {
        "task": task.name,
        "batch": batch,
        "dtype": dtype,
        "form": form,
        "executor": ccjac.plan(function, *(a[0] for a in args), argnums=argnums).executor,
        "seconds": medians,
        "speedup": better / medians["ccjac"],
        "memory_floor": batch * size * (task.n + task.n * task.m) / bandwidth,
    }


def main() -> None:
    """Measure, print, write and draw."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 512, 65_536], metavar="B", help="batch sizes")
    parser.add_argument("--dtypes", nargs="*", default=["float32", "float64"], metavar="TYPE", help="precisions")
    parser.add_argument("--forms", nargs="*", default=["vector", "scalar"], metavar="FORM", help="calling forms")
    parser.add_argument("--all", action="store_true", help="the whole catalogue instead of the six published tasks")
    parser.add_argument("--orders", action="store_true", help="forward, reverse and Markowitz orders as kernels too")
    options = parser.parse_args()
    # A private zoo: what earlier runs remembered must not change this one.
    os.environ["CCJAC_ZOO"] = tempfile.mkdtemp(prefix="ccjac-benchmark-")
    warnings.filterwarnings("ignore", category=DeprecationWarning)

    import ccjac_zoo
    from ccjac_jax import showcase

    names = options.tasks or (list(ccjac_zoo.tasks()) if options.all else PAPER)
    cases = [
        (ccjac_zoo.task(name), batch, dtype, form)
        for name in names
        for dtype in options.dtypes
        for form in options.forms
        for batch in options.batches
    ]
    bandwidth = copy_bandwidth()
    measured: list[dict[str, Any]] = []
    with showcase.double_precision(), progress() as bar:
        for task, batch, dtype, form in bar.track(cases, description="runtime"):
            measured.append(measure(task, batch, dtype, form, options.orders, bandwidth))

    kinds = ["ccjac", "jacfwd", "jacrev", "asdex", "CasADi", "primal", "C loop", *(ORDERS if options.orders else ())]
    table = [
        [
            m["task"],
            m["form"],
            m["dtype"],
            m["batch"],
            *(microseconds(m["seconds"][k]) if k in m["seconds"] else "" for k in kinds),
            microseconds(m["memory_floor"]),
            f"{m['speedup']:.2f}",
        ]
        for m in measured
    ]
    groups: dict[tuple[str, str, int], list[float]] = {}
    for m in measured:
        groups.setdefault((m["form"], m["dtype"], m["batch"]), []).append(m["speedup"])
    for (form, dtype, batch), values in groups.items():
        mean = f"{geometric_mean(values):.2f}"
        table.append(["geometric mean", form, dtype, batch, *[""] * (len(kinds) + 1), mean])
    report(
        "runtime",
        ["task", "form", "dtype", "batch", *(f"{k} µs" for k in kinds), "memory floor µs", "speed-up"],
        table,
        {"rows": measured, "copy_bandwidth": bandwidth},
        options.results,
        title="Jacobians: medians, and the speed-up over the better of jacfwd and jacrev",
        left=3,
    )
    largest = [m for m in measured if m["batch"] == max(options.batches) and m["form"] == options.forms[0]]
    drawn = [m for m in largest if m["dtype"] == options.dtypes[0]][:40]
    bars(
        "runtime",
        [m["task"] for m in drawn],
        {k: [1e6 * m["seconds"].get(k, 0.0) for m in drawn] for k in kinds if any(k in m["seconds"] for m in drawn)},
        options.results,
        title=f"Jacobians of a batch of {max(options.batches):,}, {options.dtypes[0]}",
        xlabel="µs, median",
        log=True,
    )


if __name__ == "__main__":
    main()
