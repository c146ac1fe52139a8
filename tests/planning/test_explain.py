"""Explanations: every vertex stands at its line, every number adds up, the page needs nothing else."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import ccjac
from ccjac.errors import UnsupportedError
from ccjac.planning.explain import Line, document, lines
from ccjac.planning.plan import Plan
from ccjac.planning.wording import RULES, source_in_words

X = jnp.array([0.3, -0.7, 1.9])


def flux(x: Any) -> Any:
    a = jnp.sin(x[0]) * x[1]
    b = jnp.exp(x[1] * x[2]) + a if True else x  # <tag> & more
    return jnp.stack([a * b * x[0], b / a])


def test_lines_hold_every_vertex_once_and_the_costs_of_three_orders() -> None:
    plan = ccjac.plan(flux, X, zoo=False)
    found = lines(plan, flux)
    assert sorted(turn for line in found for turn in line.turns) == list(range(1, len(plan.order) + 1))
    for mode in ("this order", "forward", "reverse"):
        assert sum(line.costs[mode] for line in found) == plan.comparison[mode].multiplications
    texts = {line.text.strip() for line in found}
    assert "a = jnp.sin(x[0]) * x[1]" in texts
    assert {line.file for line in found} == {Path(__file__).name}


def test_runs_of_turns_are_short() -> None:
    assert Line("f.py", 1, "", [3, 4, 5, 9, 11, 12]).when == "3-5, 9, 11-12"
    assert Line("", 0, "").place == "elsewhere"


class Balanced(HTMLParser):
    """Counts what is open."""

    void = frozenset({"meta", "circle", "path", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.void:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    plan = ccjac.plan(flux, X, order="exact")
    page = document(plan, "flux & <co>", flux)
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert parser.references == []
    assert "<script" not in page
    assert "flux &amp; &lt;co&gt;" in page
    assert "&lt;tag&gt; &amp; more" in page
    for heading in ("What it costs", "beside the source", "Where it saves", "graph", "Heaviest", "Step by step"):
        assert heading in page
    assert f"{plan.multiplications:,}" in page
    assert "optimal" in page
    assert re.search(r"<svg.*</svg>", page, re.DOTALL)


def cells(x: Any) -> Any:
    return (x[1:] - x[:-1]) ** 2


def loop(x: Any) -> Any:
    return jax.lax.fori_loop(0, 400, lambda k, c: jnp.sin(c) * jnp.roll(c, 1), x)


@pytest.mark.parametrize(
    ("fun", "n", "name"), [(cells, 100_000, "cell of 99,999 members"), (loop, 4, "scan at test_explain.py")]
)
def test_functions_in_pieces_are_explained_piece_by_piece(fun: Any, n: int, name: str) -> None:
    plan = ccjac.plan(fun, jnp.ones(n))
    assert plan.graph is None
    found = document(plan, "pieces", fun)
    assert f"The order beside the source: {name}" in found
    assert "<svg" in found
    with pytest.raises(UnsupportedError, match=r"`plan.pieces\[0\]\[1\].plot\(\)`"):
        plan.plot()
    assert plan.pieces[0][1].plot() is not None


def test_functions_of_torch_are_explained() -> None:
    torch = pytest.importorskip("torch")

    def tool(x: Any) -> Any:
        return torch.stack([torch.sin(x[0] * x[1]), torch.exp(x[2]) * x[0]])

    plan = ccjac.plan(tool, torch.ones(3))
    (line,) = lines(plan, tool)
    assert (line.file, line.turns) == (Path(__file__).name, [1, 2])
    assert "<svg" in plan._repr_html_()
    assert plan.graph.to_networkx().number_of_nodes() == plan.graph.size
    assert "digraph" in plan.graph.to_dot()


def test_a_fallback_cannot_be_explained() -> None:
    with pytest.raises(UnsupportedError, match="a while loop"):
        lines(Plan(None, (), "fallback", reason="a while loop"))


def test_every_rule_is_explained() -> None:
    from ccjac.ordering.greedy import NAMES

    assert set(NAMES) - {"forward", "reverse"} <= RULES.keys()
    assert source_in_words("greedy:LM") == "lowest Markowitz degree first"
    assert source_in_words("search:portfolio:annealing") == "simulated annealing"
    assert source_in_words("greedy:learned-3") == "a rule learned on many graphs"
    assert source_in_words("search:portfolio:greedy:MF") == "least fill-in first"
    assert source_in_words("zoo:user") == source_in_words("given") == ""
    plan = ccjac.plan(flux, X, order="markowitz")
    assert "lowest Markowitz degree first" in plan.describe()


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from ccjac import cli

    monkeypatch.setenv("COLUMNS", "200")
    target = f"{Path(__file__)}:flux"
    monkeypatch.setattr("sys.argv", ["ccjac", "explain", target, "--shape", "3", "--html", str(tmp_path / "x.html")])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    out = capsys.readouterr().out
    assert "a = jnp.sin(x[0]) * x[1]" in out
    assert "eliminated as" in out
    assert (tmp_path / "x.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
