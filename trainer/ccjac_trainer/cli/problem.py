"""Graphs named on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ccjac import api
from ccjac.errors import CcjacError
from ccjac.graph import Graph

Problem = Annotated[
    str,
    typer.Argument(
        metavar="GRAPH",
        help="A published graph (RoeFlux_1d, unit_aware/g, scalar/MLP), a JSON file as Graph.from_edges takes it, or a "
        "function: of the catalogue, or module:name with --arg and --shape.",
        show_default=False,
    ),
]


def problem(name: str, arg: list[str] | None = None, shape: list[str] | None = None, command: str = "") -> Graph:
    """The graph of a name.

    Raises:
        CcjacError: Nothing has this name.
    """
    from ccjac.terminal.arguments import resolve
    from ccjac_zoo.graphs import published

    if name in published():
        return published()[name].graph
    if name.endswith(".json"):
        return _read(Path(name))
    target, call, wrt = resolve(name, arg or [], shape or [], None, None, command)
    return api.trace(target, *call.positional, argnums=wrt, **call.keywords)


def _read(path: Path) -> Graph:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Graph.from_edges(
            record["n_inputs"], record["n_vertices"], record["outputs"], record["edges"], record.get("unit_edges", ())
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CcjacError(f"{path} holds no graph: {error}.") from error
