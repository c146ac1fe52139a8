"""Sparse Jacobians and Hessians of structured functions beside asdex, sparsejac, jacfwd, jacrev and a plain copy.

    pip install asdex sparsejac
    python benchmarks/structured.py                        # call again to go on where it stopped
    python benchmarks/structured.py --tasks burgers --sizes 1000 100000 --fresh

Every row has a process of its own: a function, and about as many unknowns as asked for, float32.  Times are minima of
candidates that take turns; each returns the values of the matrix alone, in a format of its own that the process builds
once.  *Prepare* is what has to be done once: for ccjac detection, order, compilation and the first call, for asdex
detection and colouring only, which is what ``prepare / asdex`` divides.  *Floor* copies half as many numbers as are
read and written together.  *Memory* is what the process grew by while ccjac prepared.  A finished row is written to
``structured.rows.jsonl`` at once.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from common import arguments, finished_rows, interleaved, private_zoo, report

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
HESSIAN_SIZES = (1_000, 100_000)
DENSE_LIMIT = 3_000
"""Unknowns up to which dense Jacobians are measured."""
OTHERS_LIMIT = 20_000
"""Unknowns up to which sparsejac, whose colouring is plain Python, is measured."""
STENCILS = (
    "heat burgers kuramoto_sivashinsky advection_limited allen_cahn porous_medium minimal_surface biharmonic "
    "brusselator gray_scott shallow_water"
).split()
"""Stencils in one and two dimensions."""
SKIPPED = "not measured"


def size_for(make: Callable[[int], Any], small: int, unknowns: int) -> int:
    """The size that makes about so many unknowns."""
    import math

    one, two = (make(k)[1].size for k in (small, 2 * small))
    power = max(1, round(math.log2(two / one)))
    size = max(2, round(small * (unknowns / one) ** (1 / power)))
    # Patterns of some families leave no size free.
    return max(size, 101) if make.__name__ == "lennard_jones" else size


def memory() -> float:
    """The most megabytes that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def warm_up() -> None:
    """Load the compilers: what a process pays once is no function's."""
    import jax
    import jax.numpy as jnp

    import ccjac

    def function(x: Any) -> Any:
        return jnp.sin(x[1:]) * jnp.exp(x[:-1])

    x = jnp.ones(70)
    for differentiate in (jax.jacfwd, ccjac.jacobian, ccjac.sparse_values):
        jax.block_until_ready(jax.jit(differentiate(function))(x))
    try:
        import asdex
    except ImportError:
        return
    asdex.jacobian_coloring(function, x)
    asdex.hessian_coloring(lambda x: jnp.sum(function(x) ** 2), x)


def measure(name: str, unknowns: int, seconds: float, asdex_limit: int) -> dict[str, Any]:
    """One row."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    import ccjac
    from ccjac_zoo.structured import energies, structured

    warm_up()
    hessian = name in energies()
    task = (energies() if hessian else structured())[name]
    function, start = task.make(size_for(task.make, task.sizes[0], unknowns))
    shape, x = start.shape, jnp.asarray(start, "float32")
    row: dict[str, Any] = {"task": name, "wanted": unknowns, "n": int(x.size), "hessian": hessian}

    def flat(z: Any) -> Any:
        return jnp.ravel(function(z.reshape(shape)))

    def scalar(z: Any) -> Any:
        return function(z.reshape(shape))

    z = x.ravel()
    calls: dict[str, Callable[[], Any]] = {}
    before, began = memory(), time.perf_counter()
    ours: Any
    if hessian:
        hess = ccjac.hessian(function, output="bcsr")
        ours = jax.jit(lambda x: hess(x).data)
    else:
        ours = jax.jit(ccjac.sparse_values(function))
    values = jax.block_until_ready(ours(x))
    row["prepare"] = {"ccjac": time.perf_counter() - began}
    row["memory"] = memory() - before
    row["nnz"] = int(values.size)
    calls["ccjac"] = lambda: jax.block_until_ready(ours(x))
    plan = (hess if hessian else ccjac.jacobian(function, output="bcsr")).plan(x)
    row["source"], row["reason"], row["programs"] = plan.source, plan.reason, len(plan.parts)

    direction = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    derivative = jax.grad(function) if hessian else function
    expected = np.asarray(jax.jvp(derivative, (x,), (jnp.asarray(direction),))[1], np.float64).ravel()
    pattern = ccjac.sparsity(derivative, x)
    product = pattern.scipy(np.asarray(values, np.float64)) @ direction.ravel()
    row["error"] = float(np.abs(product - expected).max() / np.abs(expected).max())

    value = jax.jit(function)
    calls["f"] = lambda: jax.block_until_ready(value(x))
    source = np.ones((x.size + row["nnz"]) // 2, np.float32)
    target = np.empty_like(source)
    calls["floor"] = lambda: np.copyto(target, source)

    if unknowns <= asdex_limit:
        import asdex

        began = time.perf_counter()
        colours = asdex.hessian_coloring(scalar, z) if hessian else asdex.jacobian_coloring(flat, z)
        row["prepare"]["asdex"] = time.perf_counter() - began
        made: Any = asdex.hessian_from_coloring if hessian else asdex.jacobian_from_coloring
        of = scalar if hessian else flat
        theirs = jax.jit(lambda z: made(of, colours)(z).data)
        row["asdex_nnz"] = int(theirs(z).size)
        calls["asdex"] = lambda: jax.block_until_ready(theirs(z))
    if unknowns <= OTHERS_LIMIT and not hessian:
        try:
            import sparsejac
            from jax.experimental.sparse import BCOO
        except ImportError:
            pass
        else:
            places = jnp.asarray(np.stack([pattern.rows, pattern.cols], 1))
            given = BCOO((jnp.ones(pattern.nnz, "float32"), places), shape=pattern.shape)
            began = time.perf_counter()
            coloured = sparsejac.jacfwd(flat, given)
            row["prepare"]["sparsejac"] = time.perf_counter() - began
            other = jax.jit(lambda z: coloured(z).data)
            calls["sparsejac"] = lambda: jax.block_until_ready(other(z))
    timings = interleaved(calls, seconds=seconds, turn_seconds=0.002)
    row["seconds"] = {k: min(t.samples) for k, t in timings.items()}

    if x.size <= DENSE_LIMIT and not hessian:
        row["dense"], row["first"] = dense(function, x, seconds)
    return row


def dense(function: Callable[..., Any], x: Any, seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of later and of first calls for the dense Jacobian."""
    import jax

    import ccjac

    modes: dict[str, Callable[..., Any]] = {"ccjac": ccjac.jacobian, "jacfwd": jax.jacfwd, "jacrev": jax.jacrev}
    first: dict[str, float] = {}
    calls: dict[str, Callable[[], Any]] = {}
    for k, differentiate in modes.items():
        # A first call is short, and the machine is not ours alone: the better of two, of functions that no cache knows.
        found = []
        for _ in range(2):
            run = jax.jit(differentiate(lambda x: function(x)))
            began = time.perf_counter()
            jax.block_until_ready(run(x))
            found.append(time.perf_counter() - began)
        first[k] = min(found)
        calls[k] = lambda run=run: jax.block_until_ready(run(x))
    began, slow = time.perf_counter(), {}
    calls["jacrev"]()
    if (took := time.perf_counter() - began) > 1.0:
        # The better mode counts.
        slow = {"jacrev": took}
        del calls["jacrev"]
    timings = interleaved(calls, seconds=seconds, turn_seconds=0.002)
    return {k: min(t.samples) for k, t in timings.items()} | slow, first


def ratio(row: dict[str, Any], theirs: str, ours: str = "ccjac", kind: str = "seconds") -> float | None:
    """How many times as long as ``ours``, if both were measured."""
    times = row.get(kind, {})
    return times[theirs] / times[ours] if theirs in times and ours in times else None


def mean(found: list[float | None]) -> float | None:
    """The geometric mean of what was measured."""
    known = [f for f in found if f is not None]
    return geometric_mean(known) if known else None


def shown(number: float | None, digits: int = 2) -> str:
    """A number for the table."""
    return "" if number is None else f"{number:.{digits}f}"


def table_row(row: dict[str, Any]) -> list[Any]:
    """A row of the table."""
    seconds = row["seconds"]
    better = [t for t in (ratio(row, m, kind="dense") for m in ("jacfwd", "jacrev")) if t is not None]
    return [
        ("Hessian " if row["hessian"] else "") + row["task"],
        f"{row['n']:,}",
        f"{row['nnz']:,}",
        row["programs"],
        f"{1e3 * seconds['ccjac']:.4f}",
        shown(ratio(row, "asdex")),
        shown(ratio(row, "sparsejac")),
        shown(seconds["ccjac"] / seconds["f"]),
        shown(seconds["ccjac"] / seconds["floor"]),
        shown(min(better) if better else None),
        shown(row["prepare"]["ccjac"]),
        shown(row["prepare"].get("asdex")),
        f"{row['memory']:.0f}",
        f"{row['error']:.0e}",
    ]


HEADINGS = (
    "function, unknowns, entries, programs, ms, asdex /, sparsejac /, / f, / floor, better dense mode / dense, "
    "prepare s, asdex's s, MB, error"
).split(", ")


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What holds over all rows."""
    jacobians = [row for row in rows if not row["hessian"]]
    medium = [row for row in jacobians if 1_000 <= row["wanted"] <= 10_000]
    large = [row for row in jacobians if row["wanted"] >= 100_000]
    floors = [row["seconds"]["ccjac"] / row["seconds"]["floor"] for row in large if row["task"] in STENCILS]
    prepared = [r for row in rows if (r := ratio(row, "asdex", kind="prepare")) is not None]
    denser = [
        min(row["dense"]["jacfwd"], row["dense"]["jacrev"]) / row["dense"]["ccjac"] for row in rows if "dense" in row
    ]
    firsts = [
        row["first"]["ccjac"] / (1.5 * row["first"]["jacfwd"] + 0.1)
        for row in rows
        if "first" in row and row["wanted"] == 1_000
    ]
    every = [r for row in jacobians if (r := ratio(row, "asdex")) is not None]
    return {
        "asdex over ccjac, 10^3 to 10^4, geometric mean": mean([ratio(row, "asdex") for row in medium]),
        "asdex over ccjac, 10^5 to 10^6, geometric mean": mean([ratio(row, "asdex") for row in large]),
        "asdex over ccjac, least": min(every, default=None),
        "asdex over ccjac, Hessians, geometric mean": mean([ratio(row, "asdex") for row in rows if row["hessian"]]),
        "ccjac over floor, stencils from 10^5, most": max(floors, default=None),
        "better dense mode over dense by ccjac, geometric mean": mean(list(denser)),
        "asdex's detection over all of ccjac's preparation, least": min(prepared, default=None),
        "preparation for 10^6 unknowns, most seconds": max(
            (row["prepare"]["ccjac"] for row in rows if row["wanted"] == 1_000_000), default=None
        ),
        "preparation for 10^6 unknowns, most MB": max(
            (row["memory"] for row in rows if row["wanted"] == 1_000_000), default=None
        ),
        "first dense call over 1.5 jacfwd + 0.1 s, 10^3, most": max(firsts, default=None),
    }


def plot(rows: list[dict[str, Any]], directory: Path) -> None:
    """Time per unknown over unknowns, and the ratio to asdex."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    names = sorted({row["task"] for row in rows if not row["hessian"]})
    for k, name in enumerate(names):
        mine = sorted((row for row in rows if row["task"] == name), key=lambda row: row["n"])
        style = {"color": f"C{k % 10}", "linestyle": ("-", "--", ":")[k // 10 % 3], "label": name, "linewidth": 1.1}
        left.plot([r["n"] for r in mine], [1e9 * r["seconds"]["ccjac"] / r["nnz"] for r in mine], **style)
        compared = [(r["n"], found) for r in mine if (found := ratio(r, "asdex")) is not None]
        right.plot([n for n, _ in compared], [found for _, found in compared], **style)
    for axes, label in ((left, "ns per entry of the Jacobian"), (right, "asdex's time over ccjac's")):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("unknowns")
        axes.set_ylabel(label)
        axes.spines[["top", "right"]].set_visible(False)
    right.axhline(1.0, color="0.4", linewidth=0.8)
    figure.legend(
        *left.get_legend_handles_labels(), frameon=False, ncols=6, fontsize="small", loc="outside lower center"
    )
    figure.savefig(directory / "structured.png", dpi=120)
    plt.close(figure)


def cases(tasks: list[str] | None, sizes: list[int] | None) -> list[tuple[str, int]]:
    """What is measured: names and unknowns."""
    from ccjac_zoo.structured import energies, structured

    found = [(name, n) for n in sizes or SIZES for name in structured()]
    found += [(name, n) for n in sizes or HESSIAN_SIZES for name in energies()]
    return [(name, n) for name, n in found if not tasks or name in tasks]


def main() -> None:
    """Measure, print, write and draw."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--sizes", type=int, nargs="*", metavar="N", help="unknowns")
    parser.add_argument("--seconds", type=float, default=1.0, help="of measuring per row")
    parser.add_argument("--limit", type=int, default=600, metavar="SECONDS", help="after which a row is given up")
    parser.add_argument("--asdex", type=int, default=1_000_000, metavar="N", help="unknowns up to which asdex is run")
    parser.add_argument("--minutes", type=float, default=60.0, help="after which to stop and report")
    parser.add_argument("--fresh", action="store_true", help="forget the rows of earlier runs")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "N"), help="one row, as JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one[0], int(options.one[1]), options.seconds, options.asdex)))
        return
    private_zoo()
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / "structured.rows.jsonl"
    known = finished_rows(path, "task", "wanted", fresh=options.fresh)
    end = time.monotonic() + 60 * options.minutes
    for name, n in cases(options.tasks, options.sizes):
        if (name, n) in known:
            continue
        if time.monotonic() > end:
            print(f"{options.minutes} minutes are over; call again to go on.")
            break
        command = [sys.executable, __file__, "--one", name, str(n), "--seconds", str(options.seconds)]
        try:
            done = subprocess.run(
                [*command, "--asdex", str(options.asdex)],
                capture_output=True,
                text=True,
                timeout=options.limit,
                check=True,
            )
        except subprocess.TimeoutExpired:
            print(f"{name} {n}: given up after {options.limit} s", flush=True)
            continue
        except subprocess.CalledProcessError as error:
            print(f"{name} {n}: {error.stderr[-600:]}", flush=True)
            continue
        row = json.loads(done.stdout.splitlines()[-1])
        known[name, n] = row
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(*table_row(row), flush=True)
    rows = list(known.values())
    if not rows:
        return
    summed = summary(rows)
    report(
        "structured",
        HEADINGS,
        [table_row(row) for row in rows],
        {"rows": rows, "summary": summed},
        options.results,
        title="Sparse Jacobians of structured functions",
    )
    for line, found in summed.items():
        print(f"{line}: {shown(found)}")
    plot(rows, options.results)


if __name__ == "__main__":
    main()
