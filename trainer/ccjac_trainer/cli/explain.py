"""``ccjac-train explain``: what the policy does on one graph, and what it looks at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccjac.backends.discovery import cost_model
from ccjac.terminal import console
from ccjac.terminal.options import Arg, Shape

from ..needs import missing, require
from .problem import Problem, problem


def explain(
    graph: Problem,
    arg: Arg = None,
    shape: Shape = None,
    cost: Annotated[str, typer.Option(metavar="NAME", help="The cost model.")] = "multiplications",
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The policy.", show_default="the package's")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="A page (.html) or a picture of the maps (.png, .svg)."),
    ] = None,
) -> None:
    """Show the policy's order step by step, beside source lines, with its first choices and their probabilities.

    Maps show what the choices depend on: the attention of a transformer, or derivatives of a network that passes
    messages, at the beginning and half way.
    """
    require("`ccjac-train explain`")
    from ..agent.explanation import explain as steps_of
    from ..agent.explanation import influence, page
    from ..agent.precision import single
    from ..agent.weights import load, shipped

    made, model, out = problem(graph, arg, shape, "ccjac-train explain"), cost_model(cost), console()
    policy = shipped() if weights is None else load(weights)[0]
    with single():
        steps = steps_of(policy, made, model)
        order = tuple(step.vertex for step in steps)
        maps = [influence(policy, made, model, order[:known]) for known in (0, len(order) // 2) if known < len(order)]
    for k, step in enumerate(steps):
        choices = ", ".join(f"{c.vertex} {c.chance:.0%}" for c in step.choices)
        source = f" {step.label}" if step.label else ""
        out.print(
            f"{k + 1:4d}  vertex {step.vertex}{source}: {step.price}, {step.spent} so far; {choices}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if output is None:
        return
    if output.suffix == ".html":
        output.write_text(page(graph, steps, maps), encoding="utf-8")
    else:
        require("a picture", missing(("matplotlib",)))
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.0 * len(maps), 4.6), layout="constrained")
        for axes, table in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps, strict=True):
            axes.imshow(table.table**0.5, cmap="Blues")
            axes.set_title(f"{table.kind}, {len(table.vertices)} vertices left")
        figure.savefig(output, dpi=150)
    out.print(str(output), markup=False, soft_wrap=True)
