"""A package with orders: built, installed and found, by nothing but what ccjac writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import ccjac
from ccjac.errors import ZooError
from ccjac.graph import Graph
from ccjac.ordering import SearchResult
from ccjac.zoo import Zoo

Results = tuple[SearchResult, SearchResult]

LOOKUP = """
import sys
from zoo_samples import make_graph
from ccjac.planning.choose import choose
plan = choose(make_graph())
print(plan.source, *plan.order)
"""


def pip(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "--quiet", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_package_is_built_installed_and_found(tmp_path: Path, graph: Graph, results: Results) -> None:
    pytest.importorskip("setuptools")
    zoo, tree = Zoo(tmp_path / "zoo"), tmp_path / "tree"
    zoo.improve(graph, replace(results[1], method="exact"), name="flux")
    assert zoo.export_package(tree, "solver-orders") == 1
    words = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    pip("wheel", *words, "--wheel-dir", str(tmp_path), str(tree))
    (wheel,) = tmp_path.glob("solver_orders-*.whl")
    pip("install", *words, "--target", str(tmp_path / "site"), str(wheel))
    paths = [tmp_path / "site", Path(__file__).parent, Path(ccjac.__file__).parents[1]]
    done = subprocess.run(
        [sys.executable, "-c", LOOKUP],
        env={**os.environ, "CCJAC_ZOO": str(tmp_path / "none"), "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.split() == ["zoo:solver_orders", *map(str, results[1].order)]


def test_a_second_export_keeps_what_is_there(
    tmp_path: Path, graph: Graph, graphs: Callable[..., Graph], results: Results
) -> None:
    worse, better = results
    other = graphs(5)
    first, second = Zoo(tmp_path / "first"), Zoo(tmp_path / "second")
    first.improve(graph, replace(better, method="exact"))
    second.improve(graph, replace(worse, method="beam"))
    second.improve(other, SearchResult(other.eliminable, 0, 0, "beam", 0.0))
    second.remember_miss(graphs(6), SearchResult(graphs(6).eliminable, 0, 0, "greedy:LM", 0.0))
    tree = tmp_path / "tree"
    assert first.export_package(tree, "orders") == 1
    (tree / "pyproject.toml").write_text("# mine\n")
    (tree / "orders" / "__init__.py").write_text("# mine too\n")
    assert second.export_package(tree, "orders") == 2
    assert (tree / "pyproject.toml").read_text() == "# mine\n"
    assert (tree / "orders" / "__init__.py").read_text() == "# mine too\n"
    entries = json.loads((tree / "orders" / "orders" / "orders.json").read_text())["entries"]
    costs = {entry["orders"]["multiplications"]["cost"] for entry in entries}
    assert better.cost in costs
    assert worse.cost not in costs


@pytest.mark.parametrize("name", ["", "-a", "a--b", "1st", "a b", "a/b", "..", "ä"])
def test_impossible_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ZooError, match="A package is named"):
        Zoo(tmp_path / "zoo").export_package(tmp_path / "tree", name)
    assert not (tmp_path / "tree").exists()


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ZooError, match="cannot write into"):
        Zoo(tmp_path / "zoo").export_package(tmp_path / "file", "orders")


def test_the_command(tmp_path: Path, graph: Graph, results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    from ccjac import cli

    monkeypatch.chdir(tmp_path)
    Zoo.default().improve(graph, replace(results[1], method="exact"))
    monkeypatch.setattr("sys.argv", ["ccjac", "zoo", "export", "--package", "my-orders"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    assert (tmp_path / "my-orders" / "my_orders" / "orders" / "my_orders.json").is_file()
    monkeypatch.setattr("sys.argv", ["ccjac", "zoo", "export"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
