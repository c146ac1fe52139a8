"""``ccjac-train pretrain``: train the network on generated graphs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from ccjac.terminal import console

from ..needs import require
from ..refresh.interrupts import EXIT_CODE


def pretrain(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the run is kept; an existing one goes on.")],
    minutes: Annotated[float, typer.Option(metavar="N", min=0.0, help="Wall-clock budget.")] = 60.0,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Stop at this step.", show_default="none")
    ] = None,
    kind: Annotated[str, typer.Option(metavar="KIND", help="messages or transformer.")] = "messages",
    width: Annotated[int, typer.Option(metavar="N", min=4, help="Length of a vertex's state.")] = 64,
    layers: Annotated[int, typer.Option(metavar="N", min=1, help="Rounds of mixing.")] = 4,
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="Positions in a batch of small ones.")] = 64,
    rate: Annotated[float, typer.Option(metavar="X", min=0.0, help="Learning rate.")] = 1e-3,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of everything.")] = 0,
    coordinator: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Train in several processes that meet here.", show_default="one process"
        ),
    ] = None,
    processes: Annotated[int, typer.Option(metavar="N", min=1, help="How many there are.")] = 1,
    process: Annotated[int, typer.Option(metavar="N", min=0, help="Which of them this is.")] = 0,
) -> None:
    """Imitate annealed orders of generated graphs, then what is best where the policy itself goes.

    The run uses all visible devices. Stop it at any moment with Ctrl-C: the same command goes on from the last step,
    to the same losses. DIR/weights.safetensors holds the running mean of the weights, DIR/log.csv the losses, which
    `ccjac-train curves` draws.
    """
    require("`ccjac-train pretrain`")
    import jax

    if coordinator is not None:
        jax.distributed.initialize(coordinator, processes, process)
    from ..agent.network import Shape
    from ..agent.precision import single
    from ..agent.pretraining import Plan, Pretraining

    if kind not in ("messages", "transformer"):
        raise typer.BadParameter(f"the kind of a network is messages or transformer; got {kind!r}")
    out, end = console(), f"of {minutes:g} min"
    with single():
        run = Pretraining(
            folder, Plan(Shape("messages" if kind == "messages" else "transformer", width, layers), seed, batch, rate)
        )
        begun = run.step
        out.print(
            f"{'Going on' if begun else 'Beginning'} at step {begun} on {jax.device_count()} device(s).", markup=False
        )

        def report(row: dict[str, float]) -> None:
            speed = (row["step"] - begun) / max(row["seconds"], 1e-9)
            out.print(
                f"step {row['step']:.0f}: divergence {row['divergence']:.4f}, value off by {row['value']:.3f}, "
                f"first choice right {row['hits']:.1%}; {speed:.2f} steps/s, {row['seconds'] / 60:.1f} {end}",
                markup=False,
                soft_wrap=True,
            )

        try:
            run.run(60.0 * minutes if minutes else math.inf, report, steps)
        except KeyboardInterrupt:
            out.print(f"Stopped at step {run.step}; the same command goes on.", markup=False)
            raise typer.Exit(EXIT_CODE) from None
        out.print(f"Step {run.step}: {folder / 'weights.safetensors'}", markup=False, soft_wrap=True)
