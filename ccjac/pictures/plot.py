"""A picture drawn by matplotlib, which is imported where somebody asks for it."""

from __future__ import annotations

from typing import Any

from ..errors import UnsupportedError
from .picture import Picture
from .svg import LARGEST, fill


def plot(picture: Picture, axes: Any = None, title: str = "") -> Any:
    """Draw ``picture`` into ``axes``, by default into those of a new figure.  Returns the axes.

    Raises:
        UnsupportedError: It has more vertices than a drawing can show.
    """
    if len(picture.nodes) > LARGEST:
        raise UnsupportedError(
            f"{len(picture.nodes):,} vertices are too many to draw, the most are {LARGEST}; `Graph.to_dot()` and "
            "`Graph.to_networkx()` hold the graph for other programs, `ccjac explain` goes by lines."
        )
    if axes is None:
        # A figure of its own and no state of pyplot's: nothing pops up, nothing has to be closed.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        size = (max(4.0, 0.45 * picture.width + 1), max(3.0, 0.55 * picture.height + 1))
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
    points = [(x, -float(y)) for x, y in picture.places]
    for a, b in picture.edges:
        (x, y), (u, v) = points[a], points[b]
        style = "dashed" if (a, b) in picture.units else "solid"
        axes.plot([x, u], [y, v], color="0.6", linewidth=0.7, linestyle=style, zorder=1)
    if points:
        colours = [fill(node) for node in picture.nodes]
        axes.scatter(*zip(*points, strict=True), s=180, c=colours, edgecolors="0.3", linewidths=0.7, zorder=2)
    for node, (x, y) in zip(picture.nodes, points, strict=True):
        axes.text(x, y, node.name, fontsize=7, ha="center", va="center", zorder=3)
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=9)
    return axes
