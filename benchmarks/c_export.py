"""The C that ccjac and CasADi write for the same Jacobians, compiled alike: time of a call for one sample.

    python benchmarks/c_export.py --casadi-python /path/to/python    # one that has CasADi; by default this one

Both packages are given the same Python function of float64 numbers, and all code is compiled by the same compiler with
the same options and called from one C program that times the candidates in turns.  A call computes one dense Jacobian,
row by row, or only its entries that are not always zero, at one of 64 points; CasADi's dense one also after its
elimination of common subexpressions.  The table holds medians in nanoseconds over all turns; values are compared with
JAX's at every point.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from common import ROOT, arguments, bars, report
from runtime import PAPER

POINTS = 64
TOLERANCE = 1e-12
OURS = ("ccjac", "ccjac_nonzeros")
CASADI = ("dense", "cse", "nonzeros")
KINDS = (*OURS, *CASADI)
FLAGS = (("-O2",), ("-O3", "-march=native"))
LABELS = dict(zip(KINDS, ("ccjac", "ccjac, nonzeros", "CasADi", "CasADi, cse", "CasADi, nonzeros"), strict=True))

_DRIVER = """
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
{declarations}
enum {{ KINDS = {kinds} }};
static const int entries[KINDS] = {{ {entries} }};
static double x[{points}][{n}], y[KINDS][{m} * {n}];
static double seconds(void) {{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}}
static void call(int k, int p) {{
  const double *arg[1];
  double *res[1];
  arg[0] = x[p];
  res[0] = y[k];
  switch (k) {{
{cases}
  }}
}}
int main(int argc, char **argv) {{
  FILE *file = fopen(argv[1], "rb");
  int turns = atoi(argv[2]), k, p, turn;
  if (argc != 3 || !file || fread(x, sizeof x, 1, file) != 1) return 1;
  for (p = 0; p < {points}; ++p)
    for (k = 0; k < KINDS; ++k) {{
      int j;
      call(k, p);
      for (j = 0; j < entries[k]; ++j) printf("%.17g ", y[k][j]);
      printf("\\n");
    }}
  for (turn = 0; turn < turns; ++turn) {{
    for (k = 0; k < KINDS; ++k) {{
      int r;
      double start = seconds();
      for (r = 0; r < {repeats}; ++r) for (p = 0; p < {points}; ++p) call(k, p);
      printf("%.9e ", (seconds() - start) / ({repeats}.0 * {points}.0));
    }}
    printf("\\n");
  }}
  return 0;
}}
"""


def write_ours(name: str, directory: Path) -> Any:
    """ccjac's sources, and the task."""
    import jax.numpy as jnp

    import ccjac
    import ccjac_zoo

    task = ccjac_zoo.task(name)
    point = jnp.asarray(task.pack(*task.example()))
    plan = ccjac.plan(task.vector("jax"), point)
    for kind in OURS:
        plan.to_c(f"{name}_{kind}", nonzeros=kind != OURS[0]).save(directory / f"{name}_{kind}.c")
    return task


def write_casadis(python: str, directory: Path, names: list[str]) -> dict[str, Any]:
    """CasADi's sources, and what it says of them."""
    paths = os.pathsep.join(str(ROOT.parent / folder) for folder in (".", "order_zoo"))
    command = [python, str(ROOT / "casadi_code.py"), str(directory), *names]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{python} has no CasADi, or it failed; --casadi-python names another Python.\n{done.stderr[-600:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measured(task: Any, nonzeros: int, directory: Path, compiler: str, flags: tuple[str, ...], turns: int) -> Any:
    """Points, values ``[kinds][points, entries]`` and times ``[turns, kinds]``."""
    import numpy as np

    name = task.name
    own, types = "const double *, double *", "const double **, double **, long long *, double *, int"
    calls = {
        kind: f"{name}_{kind}" + (f"(x[p], y[{k}])" if kind in OURS else "(arg, res, 0, 0, 0)")
        for k, kind in enumerate(KINDS)
    }
    driver = _DRIVER.format(
        name=name,
        declarations="\n".join(
            f"void {name}_{kind}({own});" if kind in OURS else f"int {name}_{kind}({types});" for kind in KINDS
        ),
        cases="\n".join(f"    case {k}: {calls[kind]}; break;" for k, kind in enumerate(KINDS)),
        kinds=len(KINDS),
        entries=", ".join(str(nonzeros if "nonzeros" in kind else task.m * task.n) for kind in KINDS),
        points=POINTS,
        n=task.n,
        m=task.m,
        repeats=100,
    )
    (directory / f"{name}_driver.c").write_text(driver, encoding="utf-8")
    objects = []
    for part in (*OURS, "casadi", "driver"):
        objects.append(f"{name}_{part}.o")
        subprocess.run([compiler, *flags, "-c", f"{name}_{part}.c", "-o", objects[-1]], cwd=directory, check=True)
    subprocess.run([compiler, *objects, "-lm", "-o", name], cwd=directory, check=True)
    rows = np.stack([task.pack(*task.example(seed)) for seed in range(POINTS)])
    rows.tofile(directory / f"{name}.bin")
    text = subprocess.run(
        [f"./{name}", f"{name}.bin", str(turns)], cwd=directory, check=True, capture_output=True, text=True
    ).stdout
    numbers = [list(map(float, line.split())) for line in text.splitlines()]
    n_values = len(KINDS) * POINTS
    values = [np.array(numbers[k : n_values : len(KINDS)]) for k in range(len(KINDS))]
    return rows, values, np.array(numbers[n_values:])


def disagreement(task: Any, rows: Any, values: list[Any], places: Any) -> dict[str, float]:
    """Largest differences from JAX's forward mode, over the largest entry of each Jacobian."""
    import jax
    import numpy as np

    expected = np.asarray(jax.jit(jax.vmap(jax.jacfwd(task.vector("jax"))))(rows)).reshape(POINTS, -1)
    scale = np.abs(expected).max(axis=1, keepdims=True)
    # CasADi's go by columns.
    flat = np.array(places[0]) * task.n + np.array(places[1])
    of_kind = {"ccjac_nonzeros": expected[:, np.sort(flat)], "nonzeros": expected[:, flat]}
    return {
        kind: float((np.abs(found - of_kind.get(kind, expected)) / scale).max())
        for kind, found in zip(KINDS, values, strict=True)
    }


def main() -> None:
    parser = arguments((__doc__ or "").split("\n\n")[0])
    parser.add_argument("--casadi-python", default=sys.executable, metavar="PATH", help="a Python that has CasADi")
    parser.add_argument("--compiler", default="gcc", metavar="CC", help="the C compiler")
    parser.add_argument("--turns", type=int, default=200, help="how often each candidate is timed")
    options = parser.parse_args()
    if shutil.which(options.compiler) is None:
        sys.exit(f"there is no {options.compiler} here; --compiler names another C compiler")

    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    names = options.tasks or list(PAPER)
    rows, data = [], []
    with tempfile.TemporaryDirectory(prefix="ccjac-benchmark-") as folder:
        directory = Path(folder)
        os.environ["CCJAC_ZOO"] = str(directory / "zoo")
        tasks = [write_ours(name, directory) for name in names]
        theirs = write_casadis(options.casadi_python, directory, names)
        for flags in FLAGS:
            for task in tasks:
                places = theirs["places"][task.name]
                points, values, times = measured(
                    task, len(places[0]), directory, options.compiler, flags, options.turns
                )
                apart = disagreement(task, points, values, places)
                if not all(error < TOLERANCE for error in apart.values()):
                    sys.exit(f"{task.name}: the Jacobians differ: {apart}")
                medians = dict(zip(LABELS, np.median(times, axis=0) * 1e9, strict=True))
                dense = min(medians["dense"], medians["cse"]) / medians["ccjac"]
                packed = medians["nonzeros"] / medians["ccjac_nonzeros"]
                rows.append(
                    [
                        task.name,
                        " ".join(flags),
                        *(f"{medians[k]:.0f}" for k in LABELS),
                        f"{dense:.2f}",
                        f"{packed:.2f}",
                        f"{max(apart.values()):.0e}",
                    ]
                )
                data.append(
                    {
                        "task": task.name,
                        "flags": list(flags),
                        "nanoseconds": medians,
                        "dense": dense,
                        "nonzeros": packed,
                        "difference": apart,
                    }
                )
    means = {
        f"{kind}, {' '.join(flags)}": geometric_mean(row[kind] for row in data if row["flags"] == list(flags))
        for kind in ("dense", "nonzeros")
        for flags in FLAGS
    }
    compiler = subprocess.run([options.compiler, "--version"], capture_output=True, text=True, check=True).stdout
    columns = ["task", "flags", *LABELS.values(), "CasADi / ccjac", "nonzeros", "difference"]
    report(
        "c_export",
        columns,
        rows,
        {
            "casadi": theirs["version"],
            "compiler": compiler.splitlines()[0],
            "rows": data,
            "geometric_mean": means,
        },
        options.results,
        title=f"Nanoseconds per Jacobian, one sample, float64; {compiler.splitlines()[0]}, CasADi {theirs['version']}",
        left=2,
    )
    for kind, mean in means.items():
        print(f"geometric mean of CasADi / ccjac, {kind}: {mean:.2f}")
    last = [row for row in data if row["flags"] == list(FLAGS[-1])]
    bars(
        "c_export",
        [row["task"] for row in last],
        {label: [row["nanoseconds"][kind] for row in last] for kind, label in LABELS.items()},
        options.results,
        title=f"Generated C of one Jacobian, float64, {options.compiler} {' '.join(FLAGS[-1])}",
        xlabel="nanoseconds per call",
    )


if __name__ == "__main__":
    main()
