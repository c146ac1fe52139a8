"""How fast Jacobians are differentiated, and what their derivatives cost to compile, beside JAX's modes.

    python benchmarks/derivatives.py                              # the whole catalogue; call again to go on
    python benchmarks/derivatives.py --tasks RoeFlux_1d --seconds 2

Two questions per function, each as one compiled call for a batch:

* *jvp*: ``jax.jvp(jacobian, (x,), (v,))``, the Jacobian and its derivative in one direction;
* *grad*: ``jax.grad`` of the sum of the Jacobian's entries.

``jacobian`` is ``ccjac.jacobian(f)``, ``jax.jacfwd(f)`` or ``jax.jacrev(f)``.  A new process for every function
measures the first calls (tracing and compiling included), how much each raised the process's memory at most, and then
medians of candidates that take turns.  The table compares ccjac with the better of JAX's two modes: speed-up (higher is
better), and the ratios of first calls and of memory (lower is better).  A process that exceeds its memory or its time
counts for the candidate that it was in.  A finished function is printed and written to ``derivatives.rows.jsonl`` at
once; functions found there are not measured again unless ``--fresh`` is given.
"""

from __future__ import annotations

import ctypes
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from common import arguments, bars, finished_rows, interleaved, private_zoo, report

FORMS = ("jvp", "grad")
CANDIDATES = ("ccjac", "jacfwd", "jacrev")
DRAWN = 40
"""Tasks in the plot."""


def measure(name: str, batch: int, dtype: str, seconds: float) -> None:
    """One function, in a process of its own: prints a line of JSON per finished candidate, then the times."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    import ccjac
    import ccjac_zoo
    from ccjac_jax import showcase

    jacobians = {"ccjac": ccjac.jacobian, "jacfwd": jax.jacfwd, "jacrev": jax.jacrev}

    def derivative(form: str, candidate: str, f: Any) -> Any:
        jacobian = jacobians[candidate](f)
        if form == "jvp":
            return jax.jit(jax.vmap(lambda x, v: jax.jvp(jacobian, (x,), (v,))))
        return jax.jit(jax.vmap(lambda x, v: jax.grad(lambda x: jnp.sum(jacobian(x)))(x)))

    with showcase.double_precision():
        task = ccjac_zoo.task(name)
        x = showcase.points(task, batch, dtype)
        v = jnp.asarray(np.random.default_rng(0).normal(size=x.shape), dtype)
        # Everything that the first function of a process pays for is not this one's.
        for form in FORMS:
            for candidate in CANDIDATES:
                jax.block_until_ready(derivative(form, candidate, lambda x: jnp.sin(x) * x[0])(x, v))
        for form in FORMS:
            calls = {}
            for candidate in CANDIDATES:
                print(json.dumps({"form": form, "candidate": candidate}), flush=True)
                compiled = derivative(form, candidate, task.vector("jax"))
                _peak(reset=True)
                before = _peak()
                start = time.perf_counter()
                jax.block_until_ready(compiled(x, v))
                first = time.perf_counter() - start
                found = {"first": first, "memory": max(_peak() - before, 1 << 20)}
                print(json.dumps({"form": form, "candidate": candidate, **found}), flush=True)
                calls[candidate] = lambda compiled=compiled: jax.block_until_ready(compiled(x, v))
            timings = interleaved(calls, seconds=seconds, least=5, turn_seconds=0.005)
            for candidate, timing in timings.items():
                print(json.dumps({"form": form, "candidate": candidate, "seconds": timing.median}), flush=True)


def _peak(*, reset: bool = False) -> int:
    """The most memory that this process has used, in bytes; ``reset``: since now."""
    if reset:
        # What earlier candidates freed must not be there for the next one.
        gc.collect()
        if sys.platform == "linux":
            ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return 0


def row_of(name: str, options: Any) -> dict[str, Any]:
    """All numbers of one function; a candidate that was stopped has a reason instead."""
    bytes_allowed = int(options.memory * 2**30)
    command = [sys.executable, __file__, "--worker", name, "--batch", str(options.batch), "--dtype", options.dtype]
    forms: dict[str, dict[str, dict[str, Any]]] = {form: {c: {} for c in CANDIDATES} for form in FORMS}
    row = {"task": name, "batch": options.batch, "dtype": options.dtype, "forms": forms}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        try:
            status = subprocess.run(
                [*command, "--seconds", str(options.seconds)],
                stdout=out,
                stderr=subprocess.DEVNULL,
                timeout=options.timeout,
                check=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (bytes_allowed, bytes_allowed)),
            ).returncode
            stopped = f"ended with status {status}" if status else ""
        except subprocess.TimeoutExpired:
            stopped = f"more than {options.timeout:g} s"
        out.seek(0)
        current: dict[str, Any] = {}
        for line in out:
            found = json.loads(line)
            current = forms[found.pop("form")][found.pop("candidate")]
            current.update(found)
    if stopped:
        current["stopped"] = stopped
    return row


def ratios(row: dict[str, Any], form: str) -> dict[str, float]:
    """ccjac against the better of JAX's modes, where both were measured."""
    found = {}
    ours, theirs = row["forms"][form]["ccjac"], [row["forms"][form][c] for c in CANDIDATES[1:]]
    for kind in ("seconds", "first", "memory"):
        others = [c[kind] for c in theirs if kind in c]
        if kind in ours and others:
            found[kind] = min(others) / ours[kind] if kind == "seconds" else ours[kind] / min(others)
    return found


def measure_all(options: Any) -> list[dict[str, Any]]:
    """All rows that are there when the time is up."""
    import ccjac_zoo

    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / "derivatives.rows.jsonl"
    finished = finished_rows(path, "task", "batch", "dtype", fresh=options.fresh)
    known = {row["task"]: row for key, row in finished.items() if key[1:] == (options.batch, options.dtype)}
    names = options.tasks or list(ccjac_zoo.tasks())
    end = time.monotonic() + 60 * options.minutes
    for i, name in enumerate(names):
        if name in known:
            continue
        if time.monotonic() > end:
            print(f"{options.minutes:g} minutes are over after {i} of {len(names)} functions; call again to go on.")
            break
        row = known[name] = row_of(name, options)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        shown = "  ".join(
            f"{form}: " + ", ".join(f"{kind} {value:.2f}" for kind, value in ratios(row, form).items())
            for form in FORMS
        )
        print(f"{i + 1}/{len(names)}  {name}  {shown}", flush=True)
    return [known[name] for name in names if name in known]


def main() -> None:
    """Measure, print, write, draw."""
    parser = arguments((__doc__ or "").split("\n")[0])
    parser.add_argument("--batch", type=int, default=512, metavar="B", help="samples")
    parser.add_argument("--dtype", default="float64", metavar="TYPE", help="precision")
    parser.add_argument("--seconds", type=float, default=0.5, help="of measuring per form, after compiling")
    parser.add_argument("--memory", type=float, default=8.0, metavar="GIB", help="address space of a process")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="S", help="seconds for one function")
    parser.add_argument("--minutes", type=float, default=60.0, help="after which to stop and report")
    parser.add_argument("--fresh", action="store_true", help="forget the rows of earlier runs")
    parser.add_argument("--worker", metavar="NAME", help="measure one function in this process")
    options = parser.parse_args()
    private_zoo()
    if options.worker:
        measure(options.worker, options.batch, options.dtype, options.seconds)
        return
    rows = measure_all(options)
    table: list[list[Any]] = []
    for row in rows:
        for form in FORMS:
            cells: list[str] = []
            for kind, factor, digits in (("seconds", 1e6, 1), ("first", 1.0, 2), ("memory", 2.0**-20, 0)):
                for candidate in CANDIDATES:
                    found = row["forms"][form][candidate]
                    cells.append(f"{factor * found[kind]:.{digits}f}" if kind in found else found.get("stopped", ""))
            compared = ratios(row, form)
            table.append([row["task"], form, *cells, *(_two(compared.get(k)) for k in ("seconds", "first", "memory"))])
    summary: dict[str, dict[str, float]] = {}
    for form in FORMS:
        compared_all = [ratios(row, form) for row in rows]
        for kind, worst in (("seconds", min), ("first", max), ("memory", max)):
            values = [c[kind] for c in compared_all if kind in c]
            if values:
                summary.setdefault(form, {})[kind] = geometric_mean(values)
                summary[form][f"worst {kind}"] = worst(values)
        blank = [""] * 9
        for label, prefix in (("geometric mean", ""), ("worst", "worst ")):
            found = summary.get(form, {})
            table.append([label, form, *blank, *(_two(found.get(prefix + k)) for k in ("seconds", "first", "memory"))])
    report(
        "derivatives",
        [
            *("task", "form"),
            *(f"{c} {unit}" for unit in ("µs", "first s", "MiB") for c in CANDIDATES),
            *("speed-up", "first call", "memory"),
        ],
        table,
        {"rows": rows, "summary": summary},
        options.results,
        title=f"Derivatives of Jacobians, batches of {options.batch}, {options.dtype}: medians and ratios",
        left=2,
    )
    drawn = [row for row in rows if all("seconds" in ratios(row, form) for form in FORMS)][:DRAWN]
    bars(
        "derivatives",
        [row["task"] for row in drawn],
        {form: [ratios(row, form)["seconds"] for row in drawn] for form in FORMS},
        options.results,
        title=f"Derivatives of Jacobians, batches of {options.batch}: speed-up over the better of JAX's modes",
        xlabel="times as fast",
        log=True,
        reference=1.0,
    )


def _two(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
