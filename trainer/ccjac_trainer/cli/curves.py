"""``ccjac-train curves``: draw what runs have logged."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

from ccjac.errors import CcjacError
from ccjac.terminal import console

from ..needs import missing, require


def curves(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Runs of pretrain or finetune.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The picture.")] = Path("curves.png"),
) -> None:
    """Draw the losses of pretraining, or the best cost against time on one graph, of one or more runs."""
    require("`ccjac-train curves`", missing(("matplotlib",)))
    from matplotlib.figure import Figure

    panels = {"divergence": "step", "value": "step", "hits": "step", "cost": "seconds"}
    tables = {folder: _table(folder) for folder in folders}
    names = [name for name in panels if any(name in table for table in tables.values())]
    figure = Figure(figsize=(5.0 * len(names), 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for folder, table in tables.items():
            if name in table:
                style = "steps-post" if name == "cost" else "default"
                axes.plot(table[panels[name]], table[name], label=folder.name, drawstyle=style)
        axes.set_xlabel(panels[name])
        axes.set_ylabel(name)
        axes.legend()
    figure.savefig(output, dpi=150)
    console().print(str(output), markup=False, soft_wrap=True)


def _table(folder: Path) -> dict[str, list[float]]:
    path = next((p for p in (folder / "log.csv", folder / "history.csv") if p.exists()), None)
    if path is None:
        raise CcjacError(f"{folder} holds no log of a run: neither log.csv nor history.csv.")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ()) if name != "method"}
