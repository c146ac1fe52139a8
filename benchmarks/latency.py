"""Where the time goes between `import ccjac` and the first Jacobian, cold and warm, beside JAX's own reverse mode.

    python benchmarks/latency.py [--tasks RoeFlux_1d] [--repeats 5]

*cold* is the first time in a fresh process, lazy imports included; *warm* the median of later times in the same
process, with a new function object each time.  The stages are those of ``ccjac.jacobian``: trace (the function's jaxpr
to the scalar graph), fingerprint, lookup (the user's zoo on disk to a checked order; a hit), search (the greedy
portfolio, which runs after a miss only), accumulate (the order to a straight-line program), and compile (to a kernel or
to operations, and XLA's compilation of ``jit(vmap(...))``).  Machine code of a kernel is kept under the program's hash,
so a warm compile does not generate it again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from common import arguments, bars, progress, report

STAGES = ("trace", "fingerprint", "lookup", "search", "accumulate", "compile", "jit(vmap(jacrev))")
PATH = ("trace", "fingerprint", "lookup", "accumulate", "compile")
TASKS = ("RoeFlux_1d", "RobotArm_6DOF", "BlackScholes_Jacobian", "RoeFlux_3d", "MooneyRivlin")
BATCH = 512

_IMPORT = """
import sys, time
import numpy
start, busy = time.perf_counter(), time.process_time()
import ccjac
seconds, busy = time.perf_counter() - start, time.process_time() - busy
heavy = [m for m in ("jax", "torch", "flax", "numba", "llvmlite", "rich", "typer") if m in sys.modules]
print(seconds, busy, *heavy)
"""


def import_time(repeats: int) -> dict[str, Any]:
    """Seconds of ``import ccjac`` beyond numpy's own, each in a fresh process, and the heavy modules that it loads."""
    elapsed, busy, heavy = [], [], set()
    for _ in range(repeats):
        command = [sys.executable, "-c", _IMPORT]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds, processor, *loaded = output.split()
        elapsed.append(float(seconds))
        busy.append(float(processor))
        heavy.update(loaded)
    return {
        "seconds": median(elapsed),
        "processor_seconds": median(busy),
        "samples": elapsed,
        "heavy_modules": sorted(heavy),
    }


def stages(name: str, repeats: int) -> dict[str, list[float]]:
    """Seconds of every stage for one task, the first time and ``repeats`` times more, in this process."""
    import jax

    import ccjac_zoo
    from ccjac.backends.discovery import answers
    from ccjac_jax import showcase

    task = ccjac_zoo.task(name)
    rows = jax.block_until_ready(showcase.points(task, BATCH, "float32"))
    backend = {b.name: b for b in answers("ccjac_backend")}["jax"]
    rounds = [_round(task, rows, backend) for _ in range(repeats + 1)]
    return {stage: [seconds[stage] for seconds in rounds] for stage in STAGES}


def _round(task: Any, rows: Any, backend: Any) -> dict[str, float]:
    """Every stage once, with a function object that no cache knows."""
    import jax

    from ccjac.backends.protocol import Request

    spent: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = work()
        spent[stage] = time.perf_counter() - start
        return result

    request = Request(task.vector("jax"), 0, False, False)
    traced = timed("trace", lambda: backend.trace(backend.prepare(request, (rows[0],), {})))
    linearization = traced.linearization
    label = timed("fingerprint", lambda: _canonical(linearization.graph))
    best = timed("search", lambda: _greedy(linearization.graph))
    _zoo().remember_miss(label, best)
    timed("lookup", lambda: _zoo().lookup(label, _model()))
    program = timed("accumulate", lambda: _accumulate(linearization, best.order, traced.entry_dtypes))
    run = backend.compile(traced, program, backend.select_executor(program, "auto", platform="cpu")[0])
    timed("compile", lambda: jax.jit(jax.vmap(run)).lower(rows).compile())
    timed("jit(vmap(jacrev))", lambda: jax.jit(jax.vmap(jax.jacrev(task.vector("jax")))).lower(rows).compile())
    return spent


# The imports below are inside the functions because a cold stage pays for them.


def _canonical(graph: Any) -> Any:
    from ccjac.fingerprint import canonical

    return canonical(graph)


def _greedy(graph: Any) -> Any:
    from ccjac.ordering import greedy

    return greedy.best(graph, _model())


def _zoo() -> Any:
    from ccjac.zoo import resolve

    return resolve(None)


def _accumulate(linearization: Any, order: Any, dtypes: Any) -> Any:
    from ccjac.program.accumulate import accumulate

    return accumulate(linearization, order, with_values=False, dtypes=dtypes)


def _model() -> Any:
    from ccjac.cost import MULTIPLICATIONS

    return MULTIPLICATIONS


def fresh(name: str, repeats: int) -> dict[str, list[float]]:
    """:func:`stages` in a process of its own, with an empty zoo."""
    with tempfile.TemporaryDirectory() as empty:
        environment = {**os.environ, "CCJAC_ZOO": empty}
        command = [sys.executable, __file__, "--stages-of", name, "--repeats", str(repeats)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr}")
    return json.loads(done.stdout)


def main() -> None:
    """Measure, print, write, draw."""
    parser = arguments(__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="how often each warm stage is measured")
    parser.add_argument("--stages-of", metavar="NAME", help="measure one task in this process and print JSON")
    options = parser.parse_args()
    if options.stages_of:
        json.dump(stages(options.stages_of, options.repeats), sys.stdout)
        return
    names = list(options.tasks or TASKS)
    measured: dict[str, Any] = {}
    with progress() as bar:
        job = bar.add_task("import ccjac", total=len(names) + 1)
        imported = import_time(11)
        bar.advance(job)
        for name in names:
            bar.update(job, description=name)
            measured[name] = fresh(name, options.repeats)
            bar.advance(job)
    rows = []
    for name, spent in measured.items():
        rows.append([name, "cold", *(_ms(spent[stage][0]) for stage in STAGES)])
        rows.append([name, "warm", *(_ms(median(spent[stage][1:])) for stage in STAGES)])
    heavy = ", ".join(imported["heavy_modules"]) or "none"
    title = (
        f"milliseconds; import ccjac beyond numpy: {_ms(imported['seconds'])} ms, heavy modules loaded by it: {heavy}"
    )
    report(
        "latency",
        ["task", "", *STAGES],
        rows,
        {"import": imported, "batch": BATCH, "stages": measured},
        options.results,
        title=title,
        left=2,
    )
    groups = [f"{name}, {state}" for name in measured for state in ("ccjac", "jacrev")]
    zero = [0.0] * len(groups)
    series = {stage: list(zero) for stage in (*PATH, "jit(vmap(jacrev))")}
    for i, spent in enumerate(measured.values()):
        for stage in PATH:
            series[stage][2 * i] = 1e3 * median(spent[stage][1:])
        series["jit(vmap(jacrev))"][2 * i + 1] = 1e3 * median(spent["jit(vmap(jacrev))"][1:])
    bars(
        "latency",
        groups,
        series,
        options.results,
        title="From the function to a compiled Jacobian, warm, with a hit in the zoo",
        xlabel="milliseconds",
        stacked=True,
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f}" if seconds < 1.0 else f"{seconds * 1e3:,.0f}"


if __name__ == "__main__":
    main()
