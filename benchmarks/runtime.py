"""How fast Jacobians are: ccjac beside JAX's modes, asdex, CasADi, a C compiler, the primal and the machine's limits.

    python benchmarks/runtime.py                     # the six published scalar tasks
    python benchmarks/runtime.py --all --brief       # the whole catalogue; call again to go on where it stopped
    python benchmarks/runtime.py --device gpu        # batches of 512, 65,536 and 4 million on a CUDA device
    python benchmarks/runtime.py --backend torch     # torch_runtime.py, with the options that both have

Every row is one function, batch size, precision and calling form (:class:`contenders.Case`).  All candidates run in
one process on the same arrays and take turns; the table holds medians in microseconds, and the speed-up over the
better of ``jit(vmap(jacfwd))`` and ``jit(vmap(jacrev))``.  Two floors stand beside them: *empty call*, a compiled
function of the same arrays that returns zeros, and *memory*, the bytes in and out over the bandwidth of a large copy
on one core.  Cold starts, in milliseconds, are from a new function to its first result.

A finished row is printed and written to ``runtime.rows.jsonl`` at once; rows found there are not measured again unless
``--fresh`` is given.
"""

from __future__ import annotations

import json
import time
import warnings
from statistics import geometric_mean
from typing import Any

from common import arguments, bars, finished_rows, interleaved, private_zoo, report

PAPER = (
    "RoeFlux_1d",
    "RobotArm_6DOF",
    "HumanHeartDipole",
    "PropaneCombustion",
    "BlackScholes_Jacobian",
    "random_g",
)
COLD_BATCH = 512


def copy_bandwidth() -> float:
    """Bytes per second, read and written, of a large copy on one core."""
    import numpy as np

    source = np.ones(1 << 25)
    target = np.empty_like(source)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return 2 * source.nbytes / best


def measure(case: Any, options: Any) -> dict[str, Any]:
    """One row."""
    from contenders import cold_start, contenders, per_call

    if options.device == "gpu":
        import on_device

        calls = on_device.contenders(case, options.accelerator)
    else:
        calls = contenders(case, orders=options.orders, brief=options.brief)
    timings = interleaved(calls, seconds=options.seconds, least=5, turn_seconds=0.005)
    medians = {name: timing.median / per_call(case) for name, timing in timings.items()}
    row = {
        "key": case.key,
        "task": case.task.name,
        "form": case.form,
        "dtype": case.dtype,
        "batch": case.batch,
        "seconds": medians,
        "speedup": min(medians["jacfwd"], medians["jacrev"]) / medians["ccjac"],
        "memory": case.memory,
    }
    if case.form == "vector" and case.batch == COLD_BATCH and not options.brief:
        row["cold"] = cold_start(case)
    return row


def cases(options: Any) -> list[Any]:
    """The rows asked for."""
    from contenders import Case

    import ccjac_zoo

    names = options.tasks or (list(ccjac_zoo.tasks()) if options.all else PAPER)
    found = []
    for dtype in options.dtypes:
        for task in map(ccjac_zoo.task, names):
            found += [Case(task, batch, dtype, form) for form in options.forms for batch in options.batches]
            if options.loop:
                found.append(Case(task, 1, dtype, "loop"))
    return found


def measure_all(wanted: list[Any], options: Any) -> list[dict[str, Any]]:
    """All rows that are there when the time is up."""
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"{'runtime' if options.device == 'cpu' else 'runtime_gpu'}.rows.jsonl"
    known = finished_rows(path, "key", fresh=options.fresh)
    end = time.monotonic() + 60 * options.minutes
    for i, case in enumerate(wanted):
        if case.key in known:
            continue
        if time.monotonic() > end:
            print(f"{options.minutes} minutes are over after {i} of {len(wanted)} rows; call again to go on.")
            break
        row = known[case.key] = measure(case, options)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        times = "  ".join(f"{name} {_short(seconds)}" for name, seconds in row["seconds"].items())
        print(f"{i + 1}/{len(wanted)}  {case.key}  x{row['speedup']:.2f}  {times}", flush=True)
    return [known[case.key] for case in wanted if case.key in known]


def summary(rows: list[dict[str, Any]]) -> dict[tuple[str, str, int], dict[str, Any]]:
    """For every form, precision and batch size the geometric mean of the speed-ups, and the worst one."""
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["form"], row["dtype"], row["batch"]), []).append(row)
    found = {}
    for key, members in groups.items():
        worst = min(members, key=lambda row: row["speedup"])
        mean = geometric_mean(row["speedup"] for row in members)
        found[key] = {"mean": mean, "worst": worst["speedup"], "task": worst["task"], "rows": len(members)}
    return found


def _short(seconds: float) -> float:
    """Microseconds to a tenth, those of a step in a loop to a thousandth."""
    return round(1e6 * seconds, 1 if seconds > 1e-5 else 3)


def main() -> None:
    """Measure, print, write and draw."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="where the arrays lie")
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 512, 65_536], metavar="B", help="batch sizes")
    parser.add_argument("--dtypes", nargs="*", default=["float32", "float64"], metavar="TYPE", help="precisions")
    parser.add_argument("--forms", nargs="*", default=["vector", "scalar"], metavar="FORM", help="calling forms")
    parser.add_argument("--no-loop", dest="loop", action="store_false", help="without the single-sample loops")
    parser.add_argument("--all", action="store_true", help="the whole catalogue instead of the six published tasks")
    parser.add_argument("--brief", action="store_true", help="only ccjac and JAX's two modes, no cold starts")
    parser.add_argument("--orders", action="store_true", help="forward, reverse and Markowitz orders as kernels too")
    parser.add_argument("--seconds", type=float, default=1.0, help="of measuring per row, after compiling")
    parser.add_argument("--minutes", type=float, default=25.0, help="after which to stop and report")
    parser.add_argument("--fresh", action="store_true", help="forget the rows of earlier runs")
    parser.add_argument("--backend", choices=("jax", "torch"), default="jax", help="the framework")
    options = parser.parse_args()
    if options.backend == "torch":
        import torch_runtime

        given = ["--seconds", str(options.seconds), "--minutes", str(options.minutes)]
        given += ["--results", str(options.results), *(["--fresh"] if options.fresh else [])]
        torch_runtime.main([*given, "--tasks", *(options.tasks or torch_runtime.PAPER)])
        return
    name = "runtime"
    if options.device == "gpu":
        import on_device

        if (reason := on_device.obstacle()) is not None:
            print(f"There is nothing to measure on a device: {reason}.")
            return
        name = "runtime_gpu"
        if options.batches == parser.get_default("batches"):
            options.batches = on_device.BATCHES
        options.forms, options.loop, options.brief = ["vector"], False, True
        options.accelerator = on_device.device()
    private_zoo()
    warnings.filterwarnings("ignore", category=DeprecationWarning)

    from ccjac_jax import showcase

    bandwidth = copy_bandwidth() if options.device == "cpu" else on_device.copy_bandwidth(options.accelerator)
    with showcase.double_precision():
        rows = measure_all(cases(options), options)
    kinds = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    colds = ("hit", "miss", "jacrev")
    table = []
    for row in rows:
        times = [_short(row["seconds"][k]) if k in row["seconds"] else "" for k in kinds]
        cold = [round(1e3 * row["cold"][k]) if "cold" in row else "" for k in colds]
        floor = _short(row["memory"] / bandwidth)
        head = [row["task"], row["form"], row["dtype"].replace("float", "f"), row["batch"]]
        table.append([*head, *times, floor, *cold, f"{row['speedup']:.2f}"])
    means = summary(rows)
    for (form, dtype, batch), group in means.items():
        blank = [""] * (len(kinds) + len(colds))
        worst = f"worst {group['worst']:.2f}"
        table.append(
            ["geometric mean", form, dtype.replace("float", "f"), batch, *blank, worst, f"{group['mean']:.2f}"]
        )
    report(
        name,
        ["task", "form", "dtype", "batch", *kinds, "memory", *(f"cold {c}" for c in colds), "speed-up"],
        table,
        {"rows": rows, "copy_bandwidth": bandwidth, "summary": [[*key, value] for key, value in means.items()]},
        options.results,
        title="Jacobians: medians in µs, cold starts in ms, speed-up over the better of jacfwd and jacrev",
        left=3,
    )
    drawn = [
        row
        for row in rows
        if (row["form"], row["dtype"], row["batch"]) == (options.forms[0], options.dtypes[0], max(options.batches))
    ][:40]
    bars(
        name,
        [row["task"] for row in drawn],
        {k: [1e6 * row["seconds"].get(k, 0.0) for row in drawn] for k in kinds},
        options.results,
        title=f"Jacobians of a batch of {max(options.batches):,}, {options.dtypes[0]}",
        xlabel="µs, median",
        log=True,
    )


if __name__ == "__main__":
    main()
