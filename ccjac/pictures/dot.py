"""A picture in Graphviz's language, for `dot -Tsvg` and whatever else reads it."""

from __future__ import annotations

from .picture import Picture
from .svg import fill


def text(picture: Picture) -> str:
    """A ``digraph``: numbered in turn where there is an order, edges of ±1 dashed, inputs and outputs on ranks."""
    lines = ["digraph ccjac {", "  node [shape=circle, style=filled, fixedsize=true, width=0.5, fontsize=10];"]
    for node in picture.nodes:
        lines.append(
            f'  {node.number} [label={_quoted(node.name)}, tooltip={_quoted(node.title)}, fillcolor="{fill(node)}"];'
        )
    for kind, rank in (("input", "source"), ("output", "sink")):
        same = " ".join(f"{node.number};" for node in picture.nodes if node.kind == kind)
        if same:
            lines.append(f"  {{ rank={rank}; {same} }}")
    for a, b in picture.edges:
        lines.append(f"  {a} -> {b}{' [style=dashed]' if (a, b) in picture.units else ''};")
    return "\n".join([*lines, "}", ""])


def _quoted(label: str) -> str:
    escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'
