"""``ccjac demo``: a real function from tracing to a measured gain."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress, TaskID

from .. import api
from ..backends import discovery
from ..backends.showcase import Showcase
from ..calls.selection import select_backend
from ..errors import BackendError, CcjacError, nearest
from ..terminal import catalogue, console, progress, table
from ..timing import Timing, interleaved, machine

_TOLERANCE = 1e-10
_CHECKED_POINTS = 256


def demo(
    task: Annotated[
        str,
        typer.Argument(
            metavar="[TASK]",
            help="A task of the catalogue, such as RoeFlux_3d or RobotArm_6DOF.",
            autocompletion=catalogue.complete,
        ),
    ] = "RoeFlux_1d",
    batch: Annotated[
        list[int] | None,
        typer.Option(
            "--batch",
            "-b",
            min=1,
            metavar="SIZE",
            help="Points per call; repeat for several.",
            show_default="512 and 65536",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.0, metavar="SECONDS", help="Time to spend measuring each row group and size.")
    ] = 4.0,
    backend: Annotated[
        str, typer.Option(metavar="NAME", help="The framework whose modes are checked and raced against.")
    ] = "jax",
) -> None:
    """Trace a real function, show its plan, check its Jacobian against JAX's or torch's and time it beside them.

    The check is made in float64 at 256 random points. The times are medians in float32, all candidates taking turns in
    one process on the same arrays: in JAX each as jit(vmap(...)), in torch eagerly. A function of scalars is measured
    as f(x) on one array and as f(a, b, ...) on one array per argument, since JAX is much faster with the latter.
    """
    _demo(_showcase(backend), catalogue.find(task, "ccjac demo"), batch or [512, 65536], seconds)


def _demo(showcase: Showcase, found: Any, sizes: list[int], seconds: float) -> None:
    out = console()
    out.print(f"[bold]{found.name}[/bold]: {escape(found.description)}", soft_wrap=True)
    out.print(f"Source: {found.source}", markup=False, soft_wrap=True)
    out.print(f"{machine()}, {showcase.versions()}\n", markup=False, soft_wrap=True)

    function = found.vector(showcase.name)
    with showcase.double_precision():
        start = time.perf_counter()
        point = select_backend(showcase.name, (), {}).from_numpy(found.pack(*found.example()))
        plan = api.plan(function, point, backend=showcase.name)
        out.print(plan.describe(), markup=False, soft_wrap=True)
        out.print(f"traced and planned in {time.perf_counter() - start:.2f} s\n")

        with progress() as bar:
            bar.add_task("check", total=None)
            for form in showcase.forms(found, _CHECKED_POINTS, "float64", seed=1):
                _check(form.name, showcase.errors(form))

        measured: dict[str, list[dict[str, Timing]]] = {}
        with progress() as bar:
            for size in sizes:
                for form in showcase.forms(found, size, "float32"):
                    job = bar.add_task(f"{form.name}, B = {size:,}", total=1.0)
                    told = partial(_advance, bar, job)
                    timings = interleaved(showcase.races(form), seconds=seconds, turn_seconds=0.005, progress=told)
                    measured.setdefault(form.name, []).append(timings)
    out.print()
    out.print(_results(sizes, measured))


def _check(form: str, differences: Mapping[str, float]) -> None:
    for name, error in differences.items():
        line = f"float64 Jacobians at {_CHECKED_POINTS} random points: within {error:.1e} of {name}, {form}"
        console().print(line, markup=False, soft_wrap=True)
    # Also true for a NaN.
    if not max(differences.values()) <= _TOLERANCE:
        raise CcjacError(
            f"`ccjac demo`: a difference above {_TOLERANCE:g} is a defect; please report it with the output above."
        )


def _advance(bar: Progress, job: TaskID, share: float) -> None:
    bar.update(job, completed=share)


def _results(sizes: list[int], measured: dict[str, list[dict[str, Timing]]]) -> Any:
    columns = ["float32"]
    for size in sizes:
        columns += [f"B = {size:,}", "ratio"]
    rows: list[list[str]] = []
    for form, per_size in measured.items():
        rows.append([form, *[""] * (len(columns) - 1)])
        for name in per_size[0]:
            row = [f"  {name}"]
            for timings in per_size:
                ratio = timings[name].median / timings["ccjac.jacobian"].median
                row += [_duration(timings[name].median), f"{ratio:.2f}"]
            rows.append(row)
    return table(columns, rows, title="Median time of a call on B points, and its ratio to ccjac's")


def _duration(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs" if seconds < 0.1 else f"{seconds * 1e3:,.0f} ms"


def _showcase(wanted: str) -> Showcase:
    found: dict[str, Showcase] = {showcase.name: showcase for showcase in discovery.answers("ccjac_showcase")}
    if wanted not in found:
        there = f"here are {', '.join(found)}" if found else "no framework is installed here"
        known = ("jax", "torch")
        near = nearest(wanted, known)
        remedy = f"It is installed with `pip install 'ccjac[{wanted}]'`." if wanted in known else near.strip()
        raise BackendError(f"`ccjac demo` cannot run on {wanted!r}: {there}. {remedy}".rstrip())
    return found[wanted]
