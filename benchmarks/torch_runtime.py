"""How fast Jacobians are in PyTorch: ccjac beside torch's own modes, eager and compiled.

    python benchmarks/torch_runtime.py                # the six published scalar tasks, about a minute
    python benchmarks/torch_runtime.py --compiled     # also torch.compile(vmap(jacrev)), minutes; call again to go on

All eager candidates of a row run in one process on the same tensors and take turns, the compiled ones in a process of
their own; times are medians in microseconds, float32, one thread unless the heading says otherwise.  A finished part is
written to ``torch_runtime.rows.jsonl`` at once, with the load of the machine; parts found there are not measured again
unless ``--fresh`` is given.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
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
SIZES = (512, 65_536)
RATIOS = {
    "direct 512": ("jacrev 512", "direct 512"),
    "vmap 512": ("jacrev 512", "vmap 512"),
    "direct 65536": ("jacrev 65536", "direct 65536"),
    "gradient 512": ("gradient of jacrev", "gradient"),
    "two threads 65536": ("one thread", "two threads"),
    "compiled 512": ("compiled jacrev 512", "compiled 512"),
    "direct 65536 to compiled jacrev": ("compiled jacrev 65536", "direct 65536"),
}
"""What is compared with what."""


def medians(calls: dict[str, Any], seconds: float) -> dict[str, float]:
    """Microseconds per call."""
    timings = interleaved(calls, seconds=seconds, least=5, turn_seconds=0.005)
    return {name: 1e6 * timing.median for name, timing in timings.items()}


def eager(name: str, seconds: float) -> dict[str, float]:
    """One task: the first call, batches, one sample, gradients, two threads."""
    import torch

    import ccjac
    import ccjac_zoo
    from ccjac_torch import showcase

    torch.set_num_threads(1)
    # A process's first kernel also starts the compiler.
    ccjac.jacobian(torch.sin)(torch.ones(3))
    task = ccjac_zoo.tasks()[name]
    fun, first = task.vector("torch"), showcase.points(task, 1, "float32")[0]
    start = time.perf_counter()
    jacobian = ccjac.jacobian(fun)
    jacobian(first)
    row = {"first call": 1e6 * (time.perf_counter() - start)}
    direct, inside = ccjac.jacobian(fun, in_dims=0), torch.func.vmap(jacobian)
    theirs = torch.func.vmap(torch.func.jacrev(fun))
    for size in SIZES:
        x = showcase.points(task, size, "float32")
        calls = {"direct": lambda x=x: direct(x), "vmap": lambda x=x: inside(x), "jacrev": lambda x=x: theirs(x)}
        row |= {f"{kind} {size}": t for kind, t in medians(calls, seconds).items()}
    sample = x[0].clone()
    row |= medians({"one": lambda: jacobian(sample)}, 0.2 * seconds)
    y = showcase.points(task, SIZES[0], "float32").requires_grad_()
    weights = torch.ones_like(direct(y))
    row |= medians(
        {
            "gradient": lambda: torch.autograd.grad(direct(y), y, weights),
            "gradient of jacrev": lambda: torch.autograd.grad(theirs(y), y, weights),
        },
        seconds,
    )

    def on_threads(n: int) -> Any:
        def call() -> None:
            torch.set_num_threads(n)
            direct(x)

        return call

    row |= medians({"one thread": on_threads(1), "two threads": on_threads(2)}, seconds)
    torch.set_num_threads(1)
    return row


def compiled(name: str, seconds: float) -> dict[str, float]:
    """``torch.compile(vmap(jacrev))`` and a compiled call of ccjac's, warm, in this process; every size on its own."""
    import torch

    import ccjac
    import ccjac_zoo
    from ccjac_torch import showcase

    torch.set_num_threads(1)
    task = ccjac_zoo.tasks()[name]
    fun = task.vector("torch")
    jacobian, jacrev = ccjac.jacobian(fun), torch.func.jacrev(fun)
    ours = torch.compile(lambda x: torch.func.vmap(jacobian)(x), fullgraph=True, dynamic=False)
    theirs = torch.compile(lambda x: torch.func.vmap(jacrev)(x), fullgraph=True, dynamic=False)
    row: dict[str, float] = {}
    for size in SIZES:
        x = showcase.points(task, size, "float32")
        start = time.perf_counter()
        theirs(x)
        row[f"compiling jacrev {size}"] = 1e6 * (time.perf_counter() - start)
        calls = {"compiled": lambda x=x: ours(x), "compiled jacrev": lambda x=x: theirs(x)}
        row |= {f"{kind} {size}": t for kind, t in medians(calls, seconds).items()}
    return row


def measured(name: str, options: Any) -> dict[str, float]:
    """The compiled contenders, in a process of their own."""
    command = [sys.executable, __file__, "--only-compiled", name, "--seconds", str(options.seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


def measure_all(names: list[str], options: Any) -> list[dict[str, Any]]:
    """All rows that are there when the time is up."""
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / "torch_runtime.rows.jsonl"
    parts = finished_rows(path, "key", fresh=options.fresh)
    end = time.monotonic() + 60 * options.minutes
    wanted = [(name, part) for part in ("eager", "compiled")[: 1 + options.compiled] for name in names]
    for name, part in wanted:
        key = f"{name}/{part}"
        if key in parts:
            continue
        if time.monotonic() > end:
            print(f"{options.minutes} minutes are over; call again to go on.")
            break
        load = os.getloadavg()[0]
        times = eager(name, options.seconds) if part == "eager" else measured(name, options)
        parts[key] = {"key": key, "load": load, "times": times}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(parts[key]) + "\n")
        print(key, f"load {load:.1f}", *(f"{k} {t:,.1f}" for k, t in times.items()), sep="  ", flush=True)
    rows = []
    for name in names:
        found = [parts[f"{name}/{part}"] for part in ("eager", "compiled") if f"{name}/{part}" in parts]
        if found:
            loads = [part["load"] for part in found]
            rows.append(
                {"task": name, "load": max(loads), **{k: t for part in found for k, t in part["times"].items()}}
            )
    return rows


def means_of(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Geometric means of the ratios over the tasks that have both times, and of one sample's microseconds."""
    found = {}
    for label, (slow, quick) in RATIOS.items():
        values = [row[slow] / row[quick] for row in rows if slow in row and quick in row]
        if values:
            found[label] = geometric_mean(values)
    if samples := [row["one"] for row in rows if "one" in row]:
        found["one sample, microseconds"] = geometric_mean(samples)
    return found


def main(given: list[str] | None = None) -> None:
    """Measure, print, write and draw; ``given`` instead of the command line's options."""
    parser = arguments("Jacobians in PyTorch.")
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each group of candidates")
    parser.add_argument("--minutes", type=float, default=9.0, help="after which no further part is begun")
    parser.add_argument("--compiled", action="store_true", help="also torch.compile, a minute for each task")
    parser.add_argument("--fresh", action="store_true", help="forget the rows of earlier runs")
    parser.add_argument("--only-compiled", metavar="NAME", help="used by the benchmark itself")
    options = parser.parse_args(given)
    private_zoo()
    if options.only_compiled:
        print(json.dumps(compiled(options.only_compiled, options.seconds)))
        return
    rows = measure_all(list(options.tasks or PAPER), options)
    columns = list(dict.fromkeys(k for row in rows for k in row))
    table = [[row["task"], *(f"{row[c]:,.1f}" if c in row else "" for c in columns if c != "task")] for row in rows]
    means = means_of(rows)
    data = {"rows": rows, "geometric means": means}
    report("torch_runtime", columns, table, data, options.results, title="Microseconds per call")
    for name, value in means.items():
        print(f"{name}: {value:.1f}")
    draw(rows, options.results)


def draw(rows: list[dict[str, Any]], directory: Path) -> None:
    """How many times quicker than eager ``vmap(jacrev)``."""
    kinds = [f"{kind} {size}" for size in SIZES for kind in ("direct", "vmap", "compiled jacrev")]
    series = {
        kind: [row[f"jacrev {kind.rpartition(' ')[2]}"] / row[kind] if kind in row else 0.0 for row in rows]
        for kind in kinds
        if any(kind in row for row in rows)
    }
    bars(
        "torch_runtime",
        [row["task"] for row in rows],
        series,
        directory,
        title="Jacobians in PyTorch, float32, one thread",
        xlabel="times as fast as eager vmap(jacrev)",
        log=True,
        reference=1.0,
    )


if __name__ == "__main__":
    main()
