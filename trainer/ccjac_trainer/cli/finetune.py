"""``ccjac-train finetune``: let an agent learn on one graph."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Annotated

import typer

from ccjac.backends.discovery import cost_model
from ccjac.elimination import check_order
from ccjac.ordering.protocol import Progress
from ccjac.terminal import console
from ccjac.terminal.options import Arg, Shape

from ..needs import require
from .problem import Problem, problem


def finetune(
    graph: Problem,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where orders and curves are kept.")],
    arg: Arg = None,
    shape: Shape = None,
    method: Annotated[str, typer.Option(metavar="NAME", help="alphazero or ppo.")] = "alphazero",
    scratch: Annotated[bool, typer.Option("--scratch", help="Begin with random weights, as published.")] = False,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Begin with these.", show_default="DIR's or the package's")
    ] = None,
    cost: Annotated[str, typer.Option(metavar="NAME", help="The cost model.")] = "multiplications",
    minutes: Annotated[float, typer.Option(metavar="N", min=0.0, help="Wall-clock budget.")] = 1.0,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of everything.")] = 0,
) -> None:
    """Play and learn on one graph, from the pretrained policy or from scratch.

    Every improvement goes to DIR/history.csv, the best order ever seen to DIR/order.json, and what the policy became
    to DIR/weights.safetensors; the next run goes on from both. Ctrl-C ends the run and keeps everything.
    """
    require("`ccjac-train finetune`")
    from ..agent.alphazero import AlphaZero
    from ..agent.network import Shape as NetworkShape
    from ..agent.ppo import PPO
    from ..agent.weights import load, save

    agents = {"alphazero": AlphaZero, "ppo": PPO}
    if method not in agents:
        raise typer.BadParameter(f"the agents are alphazero and ppo; got {method!r}")
    made = problem(graph, arg, shape, "ccjac-train finetune")
    model, out, best = cost_model(cost), console(), folder / "order.json"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "weights.safetensors"
    begun = weights or (kept if kept.exists() else None)
    agent = agents[method](load(begun)[0] if begun else None, shape=NetworkShape() if scratch and not begun else None)
    start = [check_order(made, json.loads(best.read_text(encoding="utf-8"))["order"])] if best.exists() else []
    with (folder / "history.csv").open("a", newline="", encoding="utf-8") as file:
        writer, told = csv.writer(file), [1 << 62]
        if file.tell() == 0:
            writer.writerow(("seconds", "cost", "method"))

        def report(progress: Progress) -> None:
            if progress.cost < told[0]:
                told[0] = progress.cost
                writer.writerow((f"{progress.seconds:.3f}", progress.cost, progress.method))
                file.flush()
                best.write_text(json.dumps({"cost": progress.cost, "order": progress.order}) + "\n", encoding="utf-8")
                left = max(0.0, 60 * minutes - progress.seconds)
                out.print(f"{progress.cost:,} by {progress.method}, {left:.0f} s left", markup=False)

        try:
            found = agent.search(made, cost=model, seconds=60.0 * minutes, seed=seed, start=start, progress=report)
        finally:
            if agent.learned is not None:
                save(kept, agent.learned, {"graph": graph, "cost": cost, "method": method})
    out.print(f"{model.name}: {found.cost:,} (bound {found.lower_bound:,}); {best}", markup=False, soft_wrap=True)
