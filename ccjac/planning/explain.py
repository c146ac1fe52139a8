"""What an order does with a function, line by line: turns, costs, and where it beats forward and reverse."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from .. import elimination
from ..errors import UnsupportedError
from ..graph import Graph
from ..pictures.html import Markup, bar, page, table
from ..pictures.svg import drawing
from .plan import Plan
from .wording import PROOFS, source_in_words

_PLACE = re.compile(r"(?P<what>.*) at (?P<file>[^:]+):(?P<line>\d+)")
_SHOWN_STEPS = 500
_HEAVIEST = 10
_PIECES = 5
MODES = ("this order", "forward", "reverse")


@dataclass
class Line:
    """A line of source code with the vertices that come from it.

    Attributes:
        file: Name without directories, as in the graph's labels; empty for vertices that have no place.
        number: Of the line, from 1; 0 likewise.
        text: The line, if its file is known.
        turns: When its vertices are eliminated, from 1, ascending.
        costs: Multiplications of its vertices, by :data:`MODES`.
    """

    file: str
    number: int
    text: str
    turns: list[int] = field(default_factory=list)
    costs: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MODES, 0))

    @property
    def place(self) -> str:
        """``flux.py:12``."""
        return f"{self.file}:{self.number}" if self.number else "elsewhere"

    @property
    def when(self) -> str:
        """The turns, runs of them in short: ``3-7, 12``."""
        runs: list[list[int]] = []
        for turn in self.turns:
            if runs and turn == runs[-1][-1] + 1:
                runs[-1][1:] = [turn]
            else:
                runs.append([turn])
        return ", ".join("-".join(map(str, run)) for run in runs)


def lines(plan: Plan, fun: Callable[..., Any] | None = None) -> list[Line]:
    """The source lines of a plan's vertices, in the order of the source.

    Args:
        plan: Of a function, not a fallback.
        fun: The function, whose file is looked into for the text of its lines.

    Raises:
        UnsupportedError: The plan is a fallback.
    """
    graph = _graph(plan)
    found: dict[tuple[str, int], Line] = {}
    texts: dict[str, Sequence[str]] = {}
    costs = {mode: _costs(graph, order) for mode, order in _orders(plan, graph).items()}
    for turn, v in enumerate(plan.order, 1):
        file, number = _place(graph, v)
        if (file, number) not in found:
            text = texts.setdefault(file, _source(file, fun))
            found[file, number] = Line(file, number, text[number - 1] if 0 < number <= len(text) else "")
        line = found[file, number]
        line.turns.append(turn)
        for mode in MODES:
            line.costs[mode] += costs[mode].get(v, 0)
    return [found[key] for key in sorted(found)]


def document(plan: Plan, title: str, fun: Callable[..., Any] | None = None) -> str:
    """A page of HTML that needs nothing else: costs, source, graph, steps, heaviest vertices, bound and proof.

    Raises:
        UnsupportedError: The plan is a fallback.
    """
    pieces = explained(plan)
    sections: list[tuple[str, str]] = []
    for name, piece in pieces:
        of = f": {name}" if name else ""
        sections += [(heading + of, markup) for heading, markup in _sections(piece, fun)]
    if len(plan.pieces) > len(pieces):
        left = len(plan.pieces) - len(pieces)
        sections.append(("And", f"<p>{left} cheaper pieces are left out.</p>"))
    return page(title, sections)


def explained(plan: Plan) -> list[tuple[str, Plan]]:
    """What is worth explaining: the plan itself, or the dearest of its pieces with their names.

    Raises:
        UnsupportedError: The plan is a fallback.
    """
    if plan.graph is None and plan.pieces:
        dear = sorted(plan.pieces, key=lambda piece: piece[1].multiplications, reverse=True)[:_PIECES]
        return [piece for piece in plan.pieces if any(piece[1] is d[1] for d in dear)]
    _graph(plan)
    return [("", plan)]


def _sections(plan: Plan, fun: Callable[..., Any] | None) -> list[tuple[str, str]]:
    graph, rows = _graph(plan), lines(plan, fun)
    return [
        ("What it costs", _summary(plan)),
        ("The order beside the source", _beside(rows)),
        ("Where it saves most", _savings(rows)),
        ("The graph", f"<p>{_LEGEND}</p>{drawing(plan.picture())}"),
        ("Heaviest vertices", _heaviest(plan, graph)),
        ("Step by step", _steps(plan, graph)),
    ]


_LEGEND = (
    "Inputs (blue) above, outputs (green) below. Numbers say when a vertex is eliminated; the redder, the dearer. "
    "Dashed edges are partial derivatives of +1 or -1, by which multiplications are free. Values run downwards; "
    "eliminating a vertex joins each of its predecessors to each of its successors."
)


def _graph(plan: Plan) -> Graph:
    if plan.graph is None:
        raise UnsupportedError(f"There is no order to explain: the plan is a fallback ({plan.reason}).")
    return plan.graph


def _orders(plan: Plan, graph: Graph) -> Mapping[str, Sequence[int]]:
    orders = (plan.order, elimination.forward_order(graph), elimination.reverse_order(graph))
    return dict(zip(MODES, orders, strict=True))


def _costs(graph: Graph, order: Sequence[int]) -> dict[int, int]:
    return {step.vertex: step.counts.multiplications for step in elimination.steps(graph, order)}


def _label(graph: Graph, v: int) -> str:
    return graph.labels[v - graph.n_inputs] if graph.labels else ""


def _place(graph: Graph, v: int) -> tuple[str, int]:
    found = _PLACE.fullmatch(_label(graph, v))
    return (found["file"], int(found["line"])) if found else ("", 0)


def _source(file: str, fun: Callable[..., Any] | None) -> Sequence[str]:
    """The lines of the file that labels call ``file``; nothing if it cannot be told which that is."""
    paths = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    try:
        own = inspect.getsourcefile(inspect.unwrap(fun)) if fun is not None else None
    except TypeError:
        own = None
    candidates = [own] if own and Path(own).name == file else [p for p in paths if p and Path(p).name == file]
    if len(candidates) != 1 or candidates[0] is None:
        return ()
    try:
        return Path(candidates[0]).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return ()


def _summary(plan: Plan) -> str:
    columns = ("order", "multiplications", "structural", "additions")
    rows = [(name, c.multiplications, c.structural, c.additions) for name, c in plan.comparison.items()]
    words = source_in_words(plan.source)
    proof = plan.certificate.proof if plan.certificate is not None else "none"
    facts = [
        f"The order comes from {plan.source}" + (f": {words}." if words else "."),
        f"Bound: {plan.certainty}." + (f" Proof: {PROOFS.get(proof, proof)}." if plan.claimed_bound else ""),
        f"It runs as {plan.executor}{f' ({plan.reason})' if plan.reason else ''}." if plan.executor else "",
        *(f"Region: {region.about}." for region in plan.regions),
        f"Fingerprint {plan.fingerprint}.",
    ]
    return table(columns, rows) + "".join(f"<p>{escape(fact)}</p>" for fact in facts if fact)


def _beside(rows: Sequence[Line]) -> str:
    columns = ("line", "source", "eliminated as", *MODES)
    cells = [
        (row.place, Markup(f'<span class="code">{escape(row.text)}</span>'), row.when, *row.costs.values())
        for row in rows
    ]
    return table(columns, cells, left=(0, 1))


def _savings(rows: Sequence[Line]) -> str:
    parts = []
    for mode in MODES[1:]:
        saved = sorted(rows, key=lambda row, mode=mode: row.costs["this order"] - row.costs[mode])  # type: ignore[misc]
        best = [row for row in saved[:5] if row.costs["this order"] < row.costs[mode]]
        total = sum(row.costs[mode] - row.costs["this order"] for row in rows)
        cells = [
            (
                row.place,
                row.text.strip(),
                row.costs[mode],
                row.costs["this order"],
                bar((row.costs[mode] - row.costs["this order"]) / max(1, total)),
            )
            for row in best
        ]
        parts.append(f"<p>Against {mode}: {total:,} multiplications in all.</p>")
        if cells:
            parts.append(table(("line", "source", mode, "this order", "saved"), cells, left=(0, 1, 4)))
    return "".join(parts)


def _heaviest(plan: Plan, graph: Graph) -> str:
    steps = list(enumerate(elimination.steps(graph, plan.order), 1))
    steps.sort(key=lambda pair: (-pair[1].counts.multiplications, -pair[1].counts.structural, pair[0]))
    rows = [
        (
            _label(graph, s.vertex) or f"vertex {s.vertex}",
            turn,
            f"{s.in_degree} x {s.out_degree}",
            s.counts.multiplications,
            s.fill_in,
        )
        for turn, s in steps[:_HEAVIEST]
    ]
    return table(("vertex", "eliminated as", "edges in x out", "multiplications", "new edges"), rows)


def _steps(plan: Plan, graph: Graph) -> str:
    steps = elimination.steps(graph, plan.order)
    dearest = max((s.counts.multiplications for s in steps), default=0) or 1
    rows, total = [], 0
    for turn, s in enumerate(steps, 1):
        total += s.counts.multiplications
        if turn <= _SHOWN_STEPS:
            share = bar(s.counts.multiplications / dearest)
            rows.append(
                (
                    turn,
                    _label(graph, s.vertex) or f"vertex {s.vertex}",
                    f"{s.in_degree} x {s.out_degree}",
                    s.counts.multiplications,
                    s.fill_in,
                    total,
                    share,
                )
            )
    columns = ("turn", "vertex", "edges in x out", "multiplications", "new edges", "so far", "")
    rest = f"<p>The other {len(steps) - _SHOWN_STEPS:,} are left out.</p>" if len(steps) > _SHOWN_STEPS else ""
    return table(columns, rows, left=(0, 1, 6)) + rest
