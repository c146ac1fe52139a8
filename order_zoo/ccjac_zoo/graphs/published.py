"""The published benchmark's graphs (Lohoff & Neftci, NeurIPS 2024, arXiv 2406.05027).

``paper/README.md`` says how they were obtained.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.graph import Graph

FOLDER = Path(__file__).parent / "paper"
_COST_OF_FOLDER = {".": STRUCTURAL, "unit_aware": MULTIPLICATIONS, "scalar": MULTIPLICATIONS}


@dataclass(frozen=True)
class Published:
    """A graph of the published benchmark.

    Attributes:
        name: Its file below the folder, without suffix: ``"RoeFlux_1d"`` (one vertex per traced equation, dead ones
            included), ``"unit_aware/g"`` (the same functions without dead code), ``"scalar/MLP"`` (the tensor tasks
            with one vertex per scalar).
        graph: The graph.
        cost: The cost model under which it is compared.
        agent: Multiplications that the published agent needs, ``None`` where it counted something else.
        record: Everything in the file.
    """

    name: str
    graph: Graph
    cost: CostModel
    agent: int | None
    record: Mapping[str, Any] = field(repr=False)


@cache
def published() -> Mapping[str, Published]:
    """All published graphs by name, the six with published counts first."""
    found = {}
    for folder, cost in _COST_OF_FOLDER.items():
        for path in sorted((FOLDER / folder).glob("*.json")):
            record = json.loads(path.read_text(encoding="utf-8"))
            graph = Graph.from_edges(
                record["n_inputs"],
                record["n_vertices"],
                record["outputs"],
                record["edges"],
                record.get("unit_edges", ()),
            )
            name = path.relative_to(FOLDER).with_suffix("").as_posix()
            agent = record["multiplications"]["alphagrad"] if cost is STRUCTURAL else None
            found[name] = Published(name, graph, cost, agent, record)
    return found
