"""Zoos as JSON files: shipped ones, export, import, verify, prune."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ccjac.errors import ZooError, ZooWarning
from ccjac.fingerprint import canonical
from ccjac.graph import Graph
from ccjac.ordering import SearchResult
from ccjac.zoo import Entry, StoredOrder, Zoo, codec, decode_graph, encode_graph, write_shipped

Results = tuple[SearchResult, SearchResult]
Once = Callable[[str], Any]


def entry_of(graph: Graph, found: SearchResult, *names: str) -> Entry:
    label = canonical(graph)
    stored = StoredOrder(label.to_canonical(found.order), found.cost, 0, found.method, seconds=0.5)
    return Entry(label.fingerprint, label.graph, {"multiplications": stored}, names, "2025-01-01", "2025-01-02")


@pytest.fixture
def entries(graphs: Callable[..., Graph], result: Callable[..., SearchResult]) -> list[Entry]:
    found = []
    for seed in range(3):
        graph = graphs(seed)
        found.append(entry_of(graph, result(graph, graph.eliminable), f"f{seed}"))
    return found


def test_entries_and_graphs_survive_the_way_through_json(entries: list[Entry]) -> None:
    for entry in entries:
        assert codec.decode(codec.loads(codec.dumps(codec.encode(entry)))) == entry
        assert decode_graph(encode_graph(entry.graph)) == entry.graph
    tensor = replace(entries[0].graph, granularity="tensor")
    assert decode_graph(encode_graph(tensor)) == tensor


def test_shipped_files_are_stable_and_reviewable(tmp_path: Path, entries: list[Entry]) -> None:
    file = write_shipped(tmp_path, "fluid", entries)
    text = file.read_text()
    assert write_shipped(tmp_path, "fluid", reversed(entries)).read_text() == text
    assert [e["names"] for e in json.loads(text)["entries"]] == [["f0"], ["f1"], ["f2"]]
    # Another order changes one line.
    better = replace(entries[1].orders["multiplications"], seed=7)
    entries[1] = replace(entries[1], orders={"multiplications": better})
    changed = write_shipped(tmp_path, "fluid", entries).read_text()
    assert sum(a != b for a, b in zip(text.splitlines(), changed.splitlines(), strict=True)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["fluid.json"]
    with pytest.raises(ValueError, match="one fingerprint"):
        write_shipped(tmp_path, "fluid", [entries[0], entries[0]])


@pytest.mark.parametrize("layout", ["as written", "indented", "keys sorted", "one line"])
def test_shipped_entries_are_found_in_any_layout(
    tmp_path: Path, entries: list[Entry], graphs: Callable[..., Graph], layout: str
) -> None:
    write_shipped(tmp_path, "empty", [])
    file = write_shipped(tmp_path, "fluid", entries)
    value = json.loads(file.read_text())
    if layout == "indented":
        file.write_text(json.dumps(value, indent=3))
    elif layout == "keys sorted":
        file.write_text(json.dumps(value, sort_keys=True))
    elif layout == "one line":
        file.write_text(json.dumps(value))
    zoo = Zoo(tmp_path / "user", shipped=[tmp_path])
    for seed in range(3):
        hit = zoo.lookup(graphs(seed))
        assert hit is not None
        assert (hit.source, hit.order) == ("fluid", graphs(seed).eliminable)
    assert zoo.lookup(graphs(3)) is None
    assert [source for source, _ in zoo.entries()] == ["fluid"] * 3
    assert zoo.get(entries[2].fingerprint) == entries[2]
    assert zoo.get("0" * 32) is None
    assert zoo.verify() == []


@pytest.mark.parametrize("damage", ["cut", "noise", "newer", "hostile", "directory"])
def test_damaged_shipped_files_are_skipped(
    tmp_path: Path, entries: list[Entry], graphs: Callable[..., Graph], damage: str, warned_once: Once
) -> None:
    good = write_shipped(tmp_path, "z_good", entries[:1])
    file = write_shipped(tmp_path, "bad", entries[1:])
    text = file.read_text()
    if damage == "cut":
        file.write_text(text[: text.index('"graph"')])
    elif damage == "noise":
        file.write_bytes(bytes(range(256)))
    elif damage == "newer":
        file.write_text(text.replace('"schema": 1', '"schema": 2'))
    elif damage == "hostile":
        file.write_text(text.replace('"cost": ', '"cost": -'))
    else:
        file.unlink()
        file.mkdir()
    zoo = Zoo(tmp_path / "user", shipped=[tmp_path, tmp_path / "missing"])
    with warned_once("bad.json was" if damage != "hostile" and damage != "newer" else "ignored"):
        assert zoo.lookup(graphs(1)) is None
        hit = zoo.lookup(graphs(0))
    assert hit is not None
    assert hit.source == good.stem


def test_export_and_import(tmp_path: Path, graph: Graph, results: Results) -> None:
    worse, better = results
    here, there = Zoo(tmp_path / "here"), Zoo(tmp_path / "there")
    here.improve(graph, better, name="flux")
    here.improve(graph, worse, "structural")
    assert here.export(tmp_path / "out.json") == 1
    there.remember_miss(graph, worse, name="other")
    report = there.import_(tmp_path / "out.json")
    assert (report.new, report.improved, report.unchanged, report.rejected) == (0, 1, 0, ())
    (entry,) = (entry for _, entry in there.entries())
    assert entry.names == ("other", "flux")
    assert entry.orders["multiplications"].cost == better.cost
    assert not entry.pending
    assert there.import_(tmp_path / "out.json").unchanged == 1
    empty = Zoo(tmp_path / "empty")
    assert empty.import_(tmp_path / "out.json").new == 1
    assert empty.verify() == []


def test_import_refuses_what_is_wrong_and_takes_the_rest(tmp_path: Path, entries: list[Entry]) -> None:
    lying = replace(entries[1].orders["multiplications"], cost=0)
    foreign = {"multiplications": entries[2].orders["multiplications"], "unheard-of": lying}
    renumbered = replace(entries[0], fingerprint="0" * 32)
    file = write_shipped(
        tmp_path,
        "mixed",
        [
            entries[0],
            replace(entries[1], orders={"multiplications": lying}),
            replace(entries[2], orders=foreign),
            renumbered,
        ],
    )
    text = json.loads(file.read_text())
    text["entries"].append("no entry")
    file.write_text(json.dumps(text))
    zoo = Zoo(tmp_path / "zoo")
    report = zoo.import_(file)
    assert report.new == 2
    assert len(report.rejected) == 4
    assert {entry.fingerprint for _, entry in zoo.entries()} == {entries[0].fingerprint, entries[2].fingerprint}


def test_requests_that_cannot_be_served_are_errors(tmp_path: Path, graph: Graph, results: Results) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.improve(graph, results[0])
    for name, text in {
        "no": "{",
        "other": "[]",
        "newer": '{"schema": 2, "entries": []}',
        "list": '{"schema": 1}',
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(ZooError, match=r"`Zoo\.import_` cannot use"):
            zoo.import_(tmp_path / name)
    (tmp_path / "noise").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "noise", tmp_path / "missing", tmp_path):
        with pytest.raises(ZooError, match=r"`Zoo\.import_` cannot use"):
            zoo.import_(path)
    for path in (tmp_path / "missing" / "file", tmp_path):
        with pytest.raises(ZooError, match=r"`Zoo\.export` cannot write"):
            zoo.export(path)
    zoo.export(tmp_path / "good.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(ZooError, match=r"`Zoo\.import_` cannot write"):
        Zoo(tmp_path / "file" / "zoo").import_(tmp_path / "good.json")
    (zoo.path / "orders.db").write_bytes(b"no database at all, but long enough to be taken for one")
    with pytest.raises(ZooError, match=r"`Zoo\.prune` cannot write"):
        zoo.prune()


def test_prune(tmp_path: Path, entries: list[Entry], graphs: Callable[..., Graph], result: Callable[..., Any]) -> None:
    zoo = Zoo(tmp_path)
    for seed in range(3):
        graph = graphs(seed)
        zoo.remember_miss(graph, result(graph, graph.eliminable))
    zoo.improve(graphs(2), result(graphs(2), graphs(2).eliminable))
    with closing(sqlite3.connect(tmp_path / "orders.db")) as connection:
        connection.execute("INSERT INTO orders VALUES ('junk', 'junk')")
        connection.execute(
            "UPDATE orders SET entry = replace(entry, '\"cost\":', '\"cost\":1') WHERE fingerprint = ?",
            (entries[1].fingerprint,),
        )
        connection.commit()
    assert len(zoo.verify()) == 2
    assert zoo.prune() == 2
    assert zoo.verify() == []
    assert {entry.fingerprint for _, entry in zoo.entries()} == {entries[0].fingerprint, entries[2].fingerprint}
    assert zoo.prune(pending=True) == 1
    assert [entry.fingerprint for _, entry in zoo.entries()] == [entries[2].fingerprint]
    assert zoo.prune() == 0


def test_unreadable_entries_are_passed_over_by_iteration(tmp_path: Path, graph: Graph, results: Results) -> None:
    zoo = Zoo(tmp_path)
    zoo.improve(graph, results[0])
    with closing(sqlite3.connect(tmp_path / "orders.db")) as connection:
        connection.execute("INSERT INTO orders VALUES ('junk', '{}')")
        connection.commit()
    with pytest.warns(ZooWarning, match="ignored"):
        assert len(list(zoo.entries())) == 1
    assert os.listdir(tmp_path)
