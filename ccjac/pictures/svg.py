"""A picture as SVG, to stand in a page or a notebook: no script, no font, no file of its own."""

from __future__ import annotations

from html import escape

from .picture import Node, Picture

LARGEST = 400
"""Vertices beyond which a drawing shows nothing any more."""

_STEP = 44
_RADIUS = 13
_FILL = {"input": "#dbe9f6", "output": "#e3f1de"}
_STYLE = (
    ".ccjac-edge{stroke:#888;stroke-width:1;fill:none}.ccjac-unit{stroke-dasharray:4 3}"
    ".ccjac-node{stroke:#444;stroke-width:1}.ccjac-name{font:11px sans-serif;text-anchor:middle;fill:#111}"
)


def drawing(picture: Picture) -> str:
    """An ``<svg>`` element: layers from top to bottom, edges of ±1 dashed, dear vertices red, numbers in turn."""
    if len(picture.nodes) > LARGEST:
        return f"<p>{len(picture.nodes):,} vertices are too many to draw.</p>"
    points = [(x * _STEP + _STEP, y * _STEP * 1.3 + _STEP) for x, y in picture.places]
    width, height = (picture.width + 2) * _STEP, (picture.height * 1.3 + 2) * _STEP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'style="max-width:{width:.0f}px;width:100%;height:auto;background:#fff" role="img">',
        f"<style>{_STYLE}</style>",
    ]
    for a, b in picture.edges:
        (x, y), (u, v) = points[a], points[b]
        unit = " ccjac-unit" if (a, b) in picture.units else ""
        middle = (y + v) / 2
        lines.append(
            f'<path class="ccjac-edge{unit}" d="M{x:.0f} {y:.0f}C{x:.0f} {middle:.0f} {u:.0f} {middle:.0f} '
            f'{u:.0f} {v:.0f}"/>'
        )
    for node, (x, y) in zip(picture.nodes, points, strict=True):
        lines.append(
            f'<g><title>{escape(node.title)}</title><circle class="ccjac-node" cx="{x:.0f}" cy="{y:.0f}" '
            f'r="{_RADIUS}" fill="{fill(node)}"/><text class="ccjac-name" x="{x:.0f}" y="{y + 4:.0f}">'
            f"{escape(node.name)}</text></g>"
        )
    return "\n".join([*lines, "</svg>"])


def fill(node: Node) -> str:
    """The colour of a vertex: blue inputs, green outputs, the others from white to red by what they cost."""
    if node.kind in _FILL:
        return _FILL[node.kind]
    fade = round(255 - 150 * node.weight)
    return f"#ff{fade:02x}{fade:02x}"
