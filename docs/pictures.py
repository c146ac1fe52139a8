"""Draw the documentation's pictures into ``docs/images``: ``python docs/pictures.py``, with matplotlib."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import jax.numpy as jnp
import matplotlib as mpl
import matplotlib.pyplot as plt

import ccjac
import ccjac_zoo

HERE = Path(__file__).parent
IMAGES = HERE / "images"
GALLERY = ("shock_tube", "arm_reach", "greeks", "kalman_pendulum", "bundle_adjustment", "hodgkin_huxley")


def save(figure: plt.Figure, name: str) -> None:
    """As SVG without dates and with numbers to a hundredth of a point, so that unchanged pictures stay unchanged."""
    file = IMAGES / f"{name}.svg"
    figure.savefig(file, metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)
    text = re.sub(r"(\d+\.\d{2})\d+", r"\1", file.read_text(encoding="utf-8"))
    file.write_text(re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE), encoding="utf-8")


def graph() -> None:
    """A small function's graph, numbered in the order of its elimination."""

    def f(x):
        u = x[0] * x[1]
        w = jnp.sin(u) * x[0]
        return jnp.stack([w * u, jnp.exp(w) / x[1]])

    figure, axes = plt.subplots(figsize=(4.8, 3.8))
    ccjac.plan(f, jnp.ones(2), zoo=False, order="exact").plot(axes)
    save(figure, "graph")


def catalogue() -> None:
    """What the best known order multiplies, as a share of the better mode, over the catalogue."""
    shares = []
    for task in ccjac_zoo.tasks().values():
        plan = ccjac.plan(task.vector("jax"), jnp.asarray(task.pack(*task.example())))
        if plan.graph is None:
            continue
        modes = plan.comparison
        better = min(modes["forward"].multiplications, modes["reverse"].multiplications)
        if better:
            shares.append(plan.multiplications / better)
    figure, axes = plt.subplots(figsize=(6.4, 2.6))
    axes.plot(sorted(shares), ".", markersize=4)
    axes.axhline(1.0, color="0.7", linewidth=1)
    axes.set(
        xlabel="functions of the catalogue, sorted",
        ylabel="multiplications",
        title="Best known order, relative to the better of forward and reverse",
        ylim=(0, 1.05),
    )
    save(figure, "catalogue")


def brusselator() -> None:
    """What the page on sparse Jacobians integrates."""
    text = (HERE / "sparse.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        exec(block, names)
        if "y = step(y" in block:
            break
    figure, axes = plt.subplots(figsize=(4.4, 3.4))
    drawn = axes.contourf(names["y"][0], 12)  # type: ignore[index]
    figure.colorbar(drawn)
    axes.set(title="u after two units of time", aspect="equal", xticks=[], yticks=[])
    save(figure, "brusselator")


def results(name: str) -> list[dict]:
    """Rows of a benchmark that was run."""
    file = HERE.parent / "benchmarks" / "results" / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8"))["data"]["rows"]


def grouped(axes: plt.Axes, groups: list[str], series: dict[str, list[float]]) -> None:
    """Horizontal bars with their numbers, the first group on top."""
    height = 0.8 / len(series)
    for k, (label, values) in enumerate(series.items()):
        places = [at + (k - (len(series) - 1) / 2) * height for at in range(len(groups))]
        drawn = axes.barh(places, values, height, label=label)
        axes.bar_label(drawn, [f"{value:.3g}" for value in values], padding=2, fontsize="small")
    axes.set_yticks(range(len(groups)), groups)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")


def runtime() -> None:
    """How many times as long the better mode of JAX takes."""
    rows = [row for row in results("runtime") if row["form"] == "vector" and row["dtype"] == "float32"]
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    found = {(row["task"], row["batch"]): row["speedup"] for row in rows}
    batches = sorted({row["batch"] for row in rows})
    figure, axes = plt.subplots(figsize=(6.4, 3.8))
    grouped(axes, tasks, {f"{batch:,} samples": [found[task, batch] for task in tasks] for batch in batches})
    axes.set_title("Time of jit(vmap(jacfwd)) or jit(vmap(jacrev)), the better one, over ccjac's")
    save(figure, "runtime")


def c_export() -> None:
    """How many times as long CasADi's C takes."""
    rows = results("c_export")
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    found = {(row["task"], " ".join(row["flags"])): row["dense"] for row in rows}
    flags = list(dict.fromkeys(" ".join(row["flags"]) for row in rows))
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    grouped(axes, tasks, {f"gcc {flag}": [found[task, flag] for task in tasks] for flag in flags})
    axes.axvline(1.0, color="0.4", linewidth=0.8)
    axes.set_title("Time of CasADi's generated C over ccjac's, one dense Jacobian")
    save(figure, "c_export")


def main() -> None:
    """All pictures."""
    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "ccjac", "svg.fonttype": "none", "font.size": 9, "axes.titlesize": 10})
    IMAGES.mkdir(exist_ok=True)
    graph()
    catalogue()
    brusselator()
    runtime()
    c_export()
    for name in GALLERY:
        example = runpy.run_path(str(HERE.parent / "examples" / f"{name}.py"))
        figure, axes = plt.subplots(figsize=(5.6, 3.2))
        example["draw"](axes)
        save(figure, name)


if __name__ == "__main__":
    main()
