"""What the benchmarks share: a command line, one table, one JSON file and one plot per benchmark.

A benchmark prints its table and writes ``results/NAME.json`` and ``results/NAME.png``.  Times are medians of candidates
that take turns in one process (:func:`ccjac.timing.interleaved`), so that ratios are fair on a busy machine as
well.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ccjac.terminal import console, progress, table
from ccjac.timing import Timing, interleaved, machine

ROOT = Path(__file__).resolve().parent
RESULTS = ROOT / "results"
PACKAGES = ("ccjac", "jax", "jaxlib", "numpy", "numba", "llvmlite")

__all__ = [
    "RESULTS",
    "Timing",
    "arguments",
    "bars",
    "finished_rows",
    "interleaved",
    "machine",
    "microseconds",
    "private_zoo",
    "progress",
    "report",
]


def arguments(description: str, *, tasks: bool = True) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has; ``tasks``: also one to choose tasks."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    if tasks:
        parser.add_argument("--tasks", nargs="*", metavar="NAME", help="all that the benchmark covers if left out")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where the JSON and the plot go")
    return parser


def private_zoo() -> None:
    """What earlier runs remembered must not change this one, of whose processes all have the same zoo."""
    os.environ["CCJAC_ZOO"] = tempfile.mkdtemp(prefix="ccjac-benchmark-")


def finished_rows(path: Path, *fields: str, fresh: bool) -> dict[Any, dict[str, Any]]:
    """Rows of earlier runs by these fields; a line that a stopped run left unfinished does not count."""
    if fresh:
        path.unlink(missing_ok=True)
    rows: dict[Any, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        rows[row[fields[0]] if len(fields) == 1 else tuple(row[f] for f in fields)] = row
    return rows


def report(
    name: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    data: Any,
    directory: Path,
    *,
    title: str = "",
    left: int = 1,
) -> Path:
    """Print the table and write the JSON file.

    Args:
        name: File name without suffix.
        columns: Headings of the table.
        rows: Its rows, as many values as columns.
        data: Everything that was measured, for the file; must be serialisable.
        directory: Where the file goes; created if missing.
        title: Printed above the table.
        left: How many columns hold text.

    Returns:
        The path of the JSON file.
    """
    out = console()
    if not sys.stdout.isatty():
        # A log has no window; let the table be as wide as it needs.
        out.width = 200
    out.print(machine(), markup=False)
    out.print(table(columns, rows, title=title, left=left))
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.json"
    document = {"benchmark": name, **_circumstances(), "data": data}
    scratch = path.with_suffix(".json.tmp")
    scratch.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    os.replace(scratch, path)
    return path


def bars(
    name: str,
    groups: Sequence[str],
    series: Mapping[str, Sequence[float]],
    directory: Path,
    *,
    title: str,
    xlabel: str,
    log: bool = False,
    stacked: bool = False,
    reference: float | None = None,
) -> Path:
    """Draw horizontal bars, one group per task and one bar (or one segment, if ``stacked``) per series.

    Args:
        name: File name without suffix.
        groups: Labels of the groups, the first on top.
        series: For each label in the legend a value per group.
        directory: Where the picture goes.
        title: What is shown.
        xlabel: The quantity and its unit.
        log: Whether the axis is logarithmic.
        stacked: Whether the series are parts of a whole.
        reference: Where to draw a line to compare with.

    Returns:
        The path of the PNG file.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rows = len(groups) * (1 if stacked else len(series))
    figure, axes = plt.subplots(figsize=(9, 1.4 + 0.13 * rows + 0.06 * len(groups)), layout="constrained")
    height = 0.7 if stacked else 0.84 / len(series)
    base = [0.0] * len(groups)
    for k, (label, values) in enumerate(series.items()):
        offset = 0.0 if stacked else (k - (len(series) - 1) / 2) * height
        places = [i + offset for i in range(len(groups))]
        axes.barh(places, values, height, left=base if stacked else 0.0, label=label, color=f"C{k}")
        if stacked:
            base = [b + v for b, v in zip(base, values, strict=True)]
    axes.set_yticks(range(len(groups)), groups)
    axes.invert_yaxis()
    axes.set_xlabel(xlabel)
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize="medium")
    axes.margins(y=0.01)
    axes.tick_params(axis="y", labelsize="small")
    if reference is not None:
        axes.axvline(reference, color="0.4", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    if log:
        axes.set_xscale("log")
    figure.legend(frameon=False, ncols=min(4, len(series)), loc="outside lower center")
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.png"
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path


def microseconds(seconds: float) -> float:
    """Seconds as microseconds, to a tenth."""
    return round(seconds * 1e6, 1)


def _circumstances() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name)) is not None},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
