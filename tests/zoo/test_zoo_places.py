"""Where orders lie besides the user's own file: a team's directory, an older version's file, nowhere."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ccjac.errors import ZooError
from ccjac.graph import Graph
from ccjac.ordering import SearchResult
from ccjac.planning.choose import choose
from ccjac.zoo import Zoo, resolve

Results = tuple[SearchResult, SearchResult]
Once = Callable[[str], Any]


def make_old(directory: Path) -> None:
    """Turn a zoo's file into what version 0.1 wrote, with a pickle and a file name among the rows."""
    with closing(sqlite3.connect(directory / "orders.db")) as new:
        rows = new.execute("SELECT fingerprint, entry FROM orders").fetchall()
    (directory / "orders.db").unlink()
    with closing(sqlite3.connect(directory / "cache.db")) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.execute("CREATE TABLE Settings (key TEXT NOT NULL UNIQUE, value)")
        old.execute(
            "CREATE TABLE Cache ( rowid INTEGER PRIMARY KEY, key BLOB, raw INTEGER, store_time REAL, expire_time REAL, "
            "access_time REAL, access_count INTEGER DEFAULT 0, tag BLOB, size INTEGER DEFAULT 0, "
            "mode INTEGER DEFAULT 0, filename TEXT, value BLOB)"
        )
        insert = "INSERT INTO Cache (key, raw, mode, filename, value) VALUES (?, ?, ?, ?, ?)"
        old.executemany(insert, [(key, 1, 1, None, text) for key, text in rows])
        old.execute(insert, ("p" * 32, 1, 4, None, b"pickle"))
        old.execute(insert, ("f" * 32, 1, 1, "../elsewhere", "{}"))
        old.commit()


def test_an_older_versions_orders_are_read_and_taken_over_by_the_first_write(
    tmp_path: Path, graph: Graph, results: Results, graphs: Callable[..., Graph]
) -> None:
    worse, better = results
    Zoo(tmp_path).improve(graph, better, name="flux")
    make_old(tmp_path)
    before = (tmp_path / "cache.db").read_bytes()
    old = Zoo(tmp_path)
    hit = old.lookup(graph)
    assert hit is not None
    assert (hit.order, hit.source) == (better.order, "user")
    assert old.lookup(graphs(3)) is None
    assert [entry.names for _, entry in old.entries()] == [("flux",)]
    assert old.verify() == []
    assert not (tmp_path / "orders.db").exists()

    other = graphs(3)
    assert not old.improve(graph, worse)
    old.remember_miss(other, SearchResult(other.eliminable, 10**6, 0, "greedy:LM", 0.0))
    assert (tmp_path / "orders.db").exists()
    assert (tmp_path / "cache.db").read_bytes() == before
    (tmp_path / "cache.db").unlink()
    again = Zoo(tmp_path)
    assert len(list(again.entries())) == 2
    assert again.verify() == []


@pytest.fixture
def team(tmp_path: Path, graph: Graph, results: Results, monkeypatch: pytest.MonkeyPatch) -> Path:
    Zoo(tmp_path / "team").improve(graph, results[1])
    monkeypatch.setenv("CCJAC_ZOO_SHARED", str(tmp_path / "team"))
    return tmp_path / "team"


def test_a_teams_zoo_is_read_and_never_written(team: Path, graph: Graph, results: Results) -> None:
    before = {file.name: file.read_bytes() for file in team.iterdir()}
    plan = choose(graph)
    assert (plan.source, plan.order) == ("zoo:shared", results[1].order)
    zoo = Zoo.default()
    zoo.remember_miss(graph, results[0])
    assert choose(graph).source == "zoo:shared"
    assert [source for source, _ in zoo.entries()][:2] == ["user", "shared"]
    assert {file.name: file.read_bytes() for file in team.iterdir()} == before
    # A network may be gone tomorrow: what only the team has stays here.
    assert zoo.prune() == 0


def test_a_teams_zoo_may_be_json(team: Path, tmp_path: Path, graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").mkdir()
    Zoo(team).export(tmp_path / "text" / "solvers.json")
    monkeypatch.setenv("CCJAC_ZOO_SHARED", os.pathsep.join([str(tmp_path / "text"), str(team)]))
    assert choose(graph).source == "zoo:solvers"


def test_a_teams_zoo_that_is_missing_or_damaged_is_told_of(
    team: Path, tmp_path: Path, graph: Graph, monkeypatch: pytest.MonkeyPatch, warned_once: Once
) -> None:
    monkeypatch.setattr("ccjac.zoo.layers.answers", lambda hook: [])
    (team / "orders.db").write_bytes(b"no database" * 1000)
    with warned_once("cannot be read"):
        assert choose(graph).source.startswith("greedy:")
    assert len(Zoo.default().verify()) == 1
    monkeypatch.setenv("CCJAC_ZOO_SHARED", str(tmp_path / "nowhere"))
    with warned_once("no such directory"):
        assert choose(graph).source.startswith("greedy:")
    assert ["no such directory" in finding.problem for finding in Zoo.default().verify()] == [True]


def test_off_is_off(team: Path, graph: Graph, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CCJAC_ZOO", "off")
    assert resolve(None) is None
    assert choose(graph).source.startswith("greedy:")
    with pytest.raises(ZooError, match="CCJAC_ZOO=off"):
        Zoo.default()
    assert resolve(team) is not None
    assert not (tmp_path / "off").exists()


def test_off_touches_no_file_and_loads_no_database(tmp_path: Path) -> None:
    program = (
        "import sys; from ccjac.graph import Graph; from ccjac.planning.choose import choose; "
        "choose(Graph.from_edges(1, 2, (2,), [(0, 1), (1, 2)])); print('ccjac_zoo' in sys.modules)"
    )
    home = tmp_path / "home"
    environment = {**os.environ, "CCJAC_ZOO": "OFF", "HOME": str(home), "XDG_DATA_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "False"
    assert not home.exists()


def test_verify_finds_a_file_that_cannot_be_read(tmp_path: Path, graph: Graph, results: Results) -> None:
    Zoo(tmp_path / "zoo").improve(graph, results[0])
    (tmp_path / "zoo" / "orders.db").write_bytes(b"garbage" * 999)
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "bad.json").write_text("{")
    (tmp_path / "shipped" / "binary.json").write_bytes(bytes(range(256)))
    zoo = Zoo(tmp_path / "zoo", shipped=[tmp_path / "shipped"])
    with pytest.warns(Warning, match="Order zoo"):
        findings = zoo.verify()
    assert [finding.source for finding in findings] == ["user", "bad.json", "binary.json"]
