"""How fast Jacobians are in PyTorch: ccjac beside torch's own modes, eager and compiled.

    python benchmarks/torch_runtime.py                # the six published scalar tasks
    python benchmarks/torch_runtime.py --compiled     # also torch.compile(vmap(jacrev)), in a process of its own

All eager candidates of a row run in one process on the same tensors and take turns; times are medians in
microseconds, float32, one thread unless the heading says otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from statistics import geometric_mean
from typing import Any

from common import arguments, interleaved, report

PAPER = (
    "RoeFlux_1d",
    "RobotArm_6DOF",
    "HumanHeartDipole",
    "PropaneCombustion",
    "BlackScholes_Jacobian",
    "random_g",
)
SIZES = (512, 65_536)


def medians(calls: dict[str, Any], seconds: float) -> dict[str, float]:
    """Microseconds per call."""
    timings = interleaved(calls, seconds=seconds, least=5, turn_seconds=0.005)
    return {name: 1e6 * timing.median for name, timing in timings.items()}


def measure(task: Any, seconds: float) -> dict[str, Any]:
    """One task: the first call, batches, one sample, gradients, two threads."""
    import torch

    import ccjac
    from ccjac_torch import showcase

    torch.set_num_threads(1)
    fun = task.vector("torch")
    start = time.perf_counter()
    jacobian = ccjac.jacobian(fun)
    jacobian(showcase.points(task, 1, "float32")[0])
    row: dict[str, Any] = {"task": task.name, "first call": 1e6 * (time.perf_counter() - start)}
    direct, inside = ccjac.jacobian(fun, in_dims=0), torch.func.vmap(jacobian)
    theirs = torch.func.vmap(torch.func.jacrev(fun))
    for size in SIZES:
        x = showcase.points(task, size, "float32")
        calls = {"direct": lambda x=x: direct(x), "vmap": lambda x=x: inside(x), "jacrev": lambda x=x: theirs(x)}
        row |= {f"{name} {size}": t for name, t in medians(calls, seconds).items()}
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
    return row


def compiled(name: str) -> dict[str, float]:
    """``torch.compile(vmap(jacrev))`` and a compiled call of ccjac's, warm, in this process."""
    import torch

    import ccjac
    import ccjac_zoo
    from ccjac_torch import showcase

    torch.set_num_threads(1)
    task = ccjac_zoo.tasks()[name]
    fun = task.vector("torch")
    jacobian, jacrev = ccjac.jacobian(fun), torch.func.jacrev(fun)
    ours = torch.compile(lambda x: torch.func.vmap(jacobian)(x), fullgraph=True)
    theirs = torch.compile(lambda x: torch.func.vmap(jacrev)(x))
    row: dict[str, float] = {}
    for size in SIZES:
        x = showcase.points(task, size, "float32")
        calls = {"compiled": lambda x=x: ours(x), "compiled jacrev": lambda x=x: theirs(x)}
        row |= {f"{n} {size}": t for n, t in medians(calls, 1.0).items()}
    return row


def main() -> None:
    parser = arguments("Jacobians in PyTorch.")
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each group of candidates")
    parser.add_argument("--compiled", action="store_true", help="also torch.compile, minutes for each task")
    parser.add_argument("--only-compiled", metavar="NAME", help="used by the benchmark itself")
    options = parser.parse_args()
    if options.only_compiled:
        print(json.dumps(compiled(options.only_compiled)))
        return
    import ccjac_zoo

    rows = []
    for name in options.tasks or PAPER:
        row = measure(ccjac_zoo.tasks()[name], options.seconds)
        if options.compiled:
            command = [sys.executable, __file__, "--only-compiled", name]
            row |= json.loads(
                subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
            )
        rows.append(row)
    ratios = {
        "direct 512": [r["jacrev 512"] / r["direct 512"] for r in rows],
        "vmap 512": [r["jacrev 512"] / r["vmap 512"] for r in rows],
        "direct 65536": [r["jacrev 65536"] / r["direct 65536"] for r in rows],
        "gradient 512": [r["gradient of jacrev"] / r["gradient"] for r in rows],
        "two threads 65536": [r["one thread"] / r["two threads"] for r in rows],
    }
    if options.compiled:
        ratios["compiled 512"] = [r["compiled jacrev 512"] / r["compiled 512"] for r in rows]
        ratios["direct 65536 to compiled jacrev"] = [r["compiled jacrev 65536"] / r["direct 65536"] for r in rows]
    columns = list(rows[0])
    table = [[r[c] if c == "task" else f"{r[c]:,.1f}" for c in columns] for r in rows]
    means = {name: geometric_mean(values) for name, values in ratios.items()}
    data = {"rows": rows, "geometric means": means}
    report("torch_runtime", columns, table, data, options.results, title="Microseconds per call")
    for name, value in means.items():
        print(f"{name}: {value:.1f} times")


if __name__ == "__main__":
    main()
