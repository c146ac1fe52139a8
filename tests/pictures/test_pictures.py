"""Drawings of graphs: layers, SVG, DOT, matplotlib, networkx."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ccjac.elimination import count, heaviest, steps
from ccjac.errors import UnsupportedError
from ccjac.graph import Graph
from ccjac.pictures.layers import places
from ccjac.pictures.svg import LARGEST
from ccjac.planning.choose import choose
from ccjac.planning.plan import Plan


@pytest.fixture
def graph() -> Graph:
    edges = [(0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (4, 6), (0, 5)]
    labels = ["mul at f.py:1", 'a "quoted" <label>', "sin at f.py:2", "copy", "copy"]
    return Graph.from_edges(2, 5, (5, 6), edges, [(2, 3), (4, 6)], labels=labels)


def random_graph(seed: int, size: int) -> Graph:
    rng = random.Random(seed)
    edges = sorted({(rng.randrange(v), v) for v in range(3, size) for _ in range(rng.randint(1, 3))})
    used = {a for a, _ in edges}
    return Graph.from_edges(3, size - 3, [v for v in range(3, size) if v not in used], edges)


@pytest.mark.parametrize("seed", range(5))
def test_layers_lead_downwards_and_nobody_stands_on_another(seed: int) -> None:
    graph = random_graph(seed, 40)
    found = places(graph.size, graph.edges, graph.outputs)
    assert all(found[a][1] < found[b][1] for a, b in graph.edges)
    assert len(set(found)) == graph.size
    deepest = max(y for _, y in found)
    assert {found[v][1] for v in graph.outputs} == {deepest}


def test_sweeps_untangle_crossed_ladders() -> None:
    """Two chains whose second vertices are numbered the other way round need not cross."""
    found = places(6, [(0, 3), (1, 2), (3, 4), (2, 5)], ())
    crossed = [(a, b) for a in ((0, 3), (3, 4)) for b in ((1, 2), (2, 5))]
    for (a, b), (c, d) in crossed:
        if found[a][1] == found[c][1]:
            assert (found[a][0] - found[c][0]) * (found[b][0] - found[d][0]) > 0


def test_svg_shows_every_vertex_edge_and_turn(graph: Graph) -> None:
    plan = choose(graph, (3, 2, 4))
    html = plan._repr_html_()
    svg = ET.fromstring(re.search(r"<svg.*</svg>", html, re.DOTALL)[0])  # type: ignore[index]
    name = "{http://www.w3.org/2000/svg}"
    assert len(svg.findall(f".//{name}circle")) == graph.size
    paths = svg.findall(f".//{name}path")
    assert len(paths) == len(graph.edges)
    assert sum("ccjac-unit" in p.get("class", "") for p in paths) == 2
    assert [t.text for t in svg.findall(f".//{name}text")] == ["x0", "x1", "2", "1", "3", "y5", "y6"]
    titles = [t.text for t in svg.findall(f".//{name}title")]
    assert titles[3] == 'intermediate 3: a "quoted" <label>, eliminated as number 1'
    assert "<script" not in html
    assert "this order" in html


def test_graphs_too_large_to_draw_say_so() -> None:
    graph = random_graph(0, LARGEST + 1)
    assert "too many to draw" in graph._repr_html_()
    assert "<svg" in random_graph(0, 30)._repr_html_()
    with pytest.raises(UnsupportedError, match=r"too many to draw, the most are 400; `Graph\.to_dot"):
        Plan(graph, tuple(graph.eliminable), "given").plot()
    assert str(graph.n_inputs) in graph._repr_html_()


def test_a_fallback_shows_its_reason_and_has_no_picture() -> None:
    plan = Plan(None, (), "fallback", executor="forward", reason="a <while> loop")
    assert "a &lt;while&gt; loop" in plan._repr_html_()
    with pytest.raises(UnsupportedError, match="fallback"):
        plan.plot()


def test_dot_holds_the_same_graph(graph: Graph) -> None:
    text = graph.to_dot((3, 2, 4))
    edges = {
        (int(a), int(b)): bool(dashed) for a, b, dashed in re.findall(r"(\d+) -> (\d+)( \[style=dashed\])?;", text)
    }
    assert edges == {edge: edge in graph.unit_edges for edge in graph.edges}
    assert r"\"quoted\"" in text
    assert "rank=source; 0; 1;" in text
    assert "rank=sink; 5; 6;" in text
    assert re.search(r'3 \[label="1"', text)


def test_networkx_holds_the_same_graph(graph: Graph) -> None:
    networkx = pytest.importorskip("networkx")
    found = graph.to_networkx()
    assert networkx.is_directed_acyclic_graph(found)
    assert sorted(found.edges) == list(graph.edges)
    assert {edge for edge in found.edges if found.edges[edge]["unit"]} == graph.unit_edges
    assert [v for v, kind in found.nodes(data="kind") if kind == "intermediate"] == list(graph.eliminable)
    assert found.nodes[2]["label"] == "mul at f.py:1"
    assert found.graph["outputs"] == (5, 6)


def test_plots_are_drawn_into_the_axes_that_are_given(graph: Graph, tmp_path: Path) -> None:
    figures = pytest.importorskip("matplotlib.figure")
    axes = figures.Figure().add_subplot()
    plan = choose(graph, (3, 2, 4))
    assert plan.plot(axes) is axes
    assert [t.get_text() for t in axes.texts] == ["x0", "x1", "2", "1", "3", "y5", "y6"]
    assert len(axes.lines) == len(graph.edges)
    own = plan.plot()
    own.figure.savefig(tmp_path / "plan.png")
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("seed", range(5))
def test_steps_add_up_to_the_counts(seed: int) -> None:
    graph = random_graph(seed, 30)
    order = list(graph.eliminable)
    random.Random(seed).shuffle(order)
    whole, found = count(graph, order), steps(graph, order)
    assert [step.vertex for step in found] == order
    assert sum(step.counts.multiplications for step in found) == whole.multiplications
    assert sum(step.counts.additions for step in found) == whole.additions
    assert all(sum(s.counts.pairs) == s.in_degree * s.out_degree == s.fill_in + s.counts.additions for s in found)
    assert heaviest(graph, order)[1] == max(step.counts.structural for step in found)
