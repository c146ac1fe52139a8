"""``ccjac-train evaluate``: a policy on graphs that it was never trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccjac.backends.discovery import cost_model
from ccjac.terminal import console

from ..needs import require
from .options import duration


def evaluate(
    weights: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Weights to judge.", show_default="the package's")
    ] = None,
    graphs: Annotated[int, typer.Option(metavar="N", min=1, help="Generated graphs.")] = 20,
    sizes: Annotated[tuple[int, int], typer.Option(metavar="LOW HIGH", help="Operations of them.")] = (20, 128),
    published: Annotated[bool, typer.Option("--published", help="The published graphs instead.")] = False,
    cost: Annotated[str, typer.Option(metavar="NAME", help="The cost model.")] = "multiplications",
    seconds: Annotated[
        float, typer.Option(parser=duration, metavar="TIME", help="Search for each graph's best known cost.")
    ] = 10.0,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the generated graphs.")] = 0,
) -> None:
    """One greedy rollout per graph, beside the greedy rules and the best order that is known."""
    require("`ccjac-train evaluate`")
    from ccjac_zoo.graphs import generate
    from ccjac_zoo.graphs import published as known

    from ..agent.evaluation import evaluate as judge
    from ..agent.evaluation import excess
    from ..agent.precision import single
    from ..agent.weights import load, shipped

    out = console()
    policy = shipped() if weights is None else load(weights)[0]
    if published:
        chosen = [(name, task.graph) for name, task in known().items() if len(task.graph.eliminable) <= 512]
    else:
        # Far from the seeds of the examples.
        made = [generate((1 << 50) + 1_000_003 * seed + k, sizes) for k in range(graphs)]
        chosen = [(item.name, item.graph) for item in made if item.graph.eliminable]

    def say(text: str) -> None:
        out.print(text, markup=False, soft_wrap=True)

    with single():
        verdicts = judge(policy, chosen, cost_model(cost), seconds, say)
    say(
        f"{len(verdicts)} graphs, geometric mean over the best known: "
        f"policy {excess(verdicts, lambda v: v.policy):.4f}, "
        f"greedy {excess(verdicts, lambda v: v.greedy):.4f}, "
        f"better of both {excess(verdicts, lambda v: min(v.policy, v.greedy)):.4f}"
    )
