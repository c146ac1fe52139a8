"""A zoo that is damaged, hostile, newer, locked, read-only or full: a miss, one warning, never more."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from zoo_samples import make_graph, make_result

import ccjac
from ccjac.errors import ZooError, ZooWarning
from ccjac.fingerprint import canonical
from ccjac.graph import Graph
from ccjac.ordering import SearchResult
from ccjac.zoo import MalformedError, Zoo, codec

resource = pytest.importorskip("resource")
Results = tuple[SearchResult, SearchResult]
Once = Callable[[str], Any]


class Bomb:
    """Unpickling this creates a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.file), "w")


def edit(directory: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(directory / "orders.db")) as connection:
        connection.execute(statement, values)
        connection.commit()


def stored(directory: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(directory / "orders.db")) as connection:
        ((text,),) = connection.execute("SELECT entry FROM orders").fetchall()
    return json.loads(text)


@pytest.fixture
def filled(tmp_path: Path, graph: Graph, results: Results) -> Path:
    """A directory with one good entry."""
    Zoo(tmp_path / "zoo").improve(graph, results[0])
    return tmp_path / "zoo"


def test_the_bomb_would_go_off(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "fired"))).close()  # noqa: S301 - shows that the next tests can fail
    assert (tmp_path / "fired").exists()


def test_pickled_rows_do_not_execute(
    tmp_path: Path, filled: Path, graph: Graph, results: Results, warned_once: Once
) -> None:
    fired = tmp_path / "fired"
    bomb = pickle.dumps(Bomb(fired))
    edit(filled, "UPDATE orders SET entry = ?", bomb)
    edit(filled, "INSERT INTO orders VALUES (?, ?)", bomb, bomb)
    zoo = Zoo(filled)
    with warned_once("not JSON text"):
        assert zoo.lookup(graph) is None
        assert list(zoo.entries()) == []
        assert [finding.source for finding in zoo.verify()] == ["user", "user"]
        assert zoo.export(tmp_path / "out.json") == 0
        assert zoo.improve(graph, results[1])
    hit = Zoo(filled).lookup(graph)
    assert hit is not None
    assert hit.order == results[1].order
    assert zoo.prune() == 1
    assert len(list(zoo.entries())) == 1
    assert not fired.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE Other (a)",
        "CREATE TRIGGER evil AFTER INSERT ON orders BEGIN DELETE FROM orders; END",
        "CREATE VIEW evil AS WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i FROM r) SELECT i FROM r",
    ],
)
def test_a_database_with_foreign_content_is_not_written(
    filled: Path, graph: Graph, results: Results, statement: str, warned_once: Once
) -> None:
    edit(filled, statement)
    zoo = Zoo(filled)
    before = stored(filled)
    with warned_once("other things than orders"):
        assert zoo.improve(graph, results[1])
    assert stored(filled) == before
    hit = zoo.lookup(graph)
    assert hit is not None
    assert (hit.source, hit.order) == ("memory", results[1].order)


def make_endless(directory: Path) -> None:
    """Define the table of orders as a view without end."""
    edit(directory, "DROP TABLE orders")
    endless = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT i FROM r"
    edit(directory, f"CREATE VIEW orders AS SELECT i AS fingerprint, '{{}}' AS entry FROM ({endless})")


def test_views_in_place_of_the_table_are_not_read(filled: Path, graph: Graph, warned_once: Once) -> None:
    make_endless(filled)
    with warned_once("other things than orders"):
        assert Zoo(filled).lookup(graph) is None
        assert list(Zoo(filled, shipped=()).path.iterdir())


@pytest.fixture
def endless(filled: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo whose queries do not end, as those of a file that holds one page a billion times would not."""
    make_endless(filled)
    with closing(sqlite3.connect(filled / "orders.db")) as connection:
        ((statement,),) = connection.execute("SELECT sql FROM sqlite_master").fetchall()
    monkeypatch.setattr("ccjac.zoo.user_store._TABLE", statement)
    return filled


def test_endless_queries_are_given_up(
    endless: Path, graph: Graph, monkeypatch: pytest.MonkeyPatch, warned_once: Once
) -> None:
    monkeypatch.setattr("ccjac.zoo.sqlite_file.STEPS", 100_000)
    with warned_once("cannot be read"):
        assert Zoo(endless).lookup(graph) is None


def test_an_interrupt_during_a_query_is_not_lost(endless: Path, graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccjac.zoo.sqlite_file.STEPS", 5_000_000)
    zoo, label = Zoo(endless), canonical(graph)
    # Of processor time, so that a busy machine does not spend it before the query begins.
    before = signal.signal(signal.SIGPROF, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_PROF, 0.03)
        with pytest.raises(KeyboardInterrupt):
            zoo.lookup(label)
    finally:
        signal.signal(signal.SIGPROF, before)


BREAKAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "noise": lambda data: bytes(range(256)) * 64,
    "truncated in the header": lambda data: data[:50],
    "truncated in a page": lambda data: data[:5000],
    "truncated by half": lambda data: data[: len(data) // 2],
    "pages zeroed": lambda data: data[:4096] + bytes(len(data) - 4096),
    "pages garbled": lambda data: data[:4096] + bytes(b ^ 0x5A for b in data[4096:]),
    "header garbled": lambda data: data[:16] + bytes(84) + data[100:],
    "text": lambda data: b"SQLite format 3\0" + b"hello" * 1000,
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_damaged_files(filled: Path, graph: Graph, results: Results, name: str) -> None:
    for file in filled.iterdir():
        if file.name != "orders.db":
            file.unlink()
    database = filled / "orders.db"
    database.write_bytes(BREAKAGES[name](database.read_bytes()))
    zoo = Zoo(filled)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert zoo.lookup(graph) is None
        assert isinstance(zoo.verify(), list)
        zoo.remember_miss(graph, results[0])
        assert zoo.improve(graph, results[1])
    assert {w.category for w in caught} <= {ZooWarning}
    assert len(caught) == (0 if name == "empty" else 1)
    hit = zoo.lookup(graph)
    assert hit is not None
    assert hit.order == results[1].order


@pytest.mark.parametrize("name", BREAKAGES)
def test_damaged_by_another_process_under_our_feet(filled: Path, graph: Graph, results: Results, name: str) -> None:
    """With SQLite's helper files of the undamaged database still lying around."""
    database = filled / "orders.db"
    database.write_bytes(BREAKAGES[name](database.read_bytes()))
    zoo = Zoo(filled)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        zoo.lookup(graph)
        zoo.improve(graph, results[1])
    assert len(caught) <= 1
    hit = zoo.lookup(graph)
    assert hit is not None
    assert hit.order == results[1].order


@given(st.binary(max_size=300), st.integers(0, 20_000))
@example(b"\x80", 3193)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_damage(tmp_path_factory: pytest.TempPathFactory, noise: bytes, where: int) -> None:
    directory, graph = tmp_path_factory.mktemp("zoo"), make_graph()
    Zoo(directory).improve(graph, make_result(graph, graph.eliminable))
    database = directory / "orders.db"
    data = bytearray(database.read_bytes())
    where %= len(data)
    data[where : where + len(noise)] = noise
    database.write_bytes(bytes(data))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        zoo = Zoo(directory)
        hit = zoo.lookup(graph)
        assert hit is None or sorted(hit.order) == list(graph.eliminable)
        zoo.verify()
        zoo.improve(graph, make_result(graph, graph.eliminable[::-1]))
    assert {w.category for w in caught} <= {ZooWarning}
    assert len(caught) <= 1


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


HOSTILE: dict[str, Any] = {
    "no JSON": "{",
    "no object": "[1, 2]",
    "null": "null",
    "empty": "",
    "deep nesting": deep(200_000),
    "NaN": '{"schema": NaN}',
    "infinite": '{"schema": -Infinity}',
    "huge integer": '{"schema": ' + "9" * 10_000 + "}",
    "other schema type": {"schema": "1"},
    "no schema": {"schema": None},
    "schema zero": {"schema": 0},
    "schema true": {"schema": True},
    "other fingerprint": {"fingerprint": "0" * 32},
    "fingerprint list": {"fingerprint": ["a"]},
    "orders list": {"orders": []},
    "orders null": {"orders": None},
    "order missing": {"orders.order": None},
    "order text": {"orders.order": "1 2 3"},
    "order of floats": {"orders.order": [1.0, 2.0]},
    "order of huge numbers": {"orders.order": [10**30]},
    "order of booleans": {"orders.order": [True]},
    "order negative": {"orders.order": [-1]},
    "order too long": {"orders.order": [5] * 100_000},
    "order empty": {"orders.order": []},
    "order names an input": {"orders.order": [0]},
    "cost too low": {"orders.cost": 0},
    "cost huge": {"orders.cost": 10**400},
    "cost float": {"orders.cost": 1.5},
    "cost negative": {"orders.cost": -1},
    "bound above cost": {"orders.lower_bound": 10**6},
    "method number": {"orders.method": 5},
    "method with escapes": {"orders.method": "\x1b[2Jgone"},
    "method endless": {"orders.method": "x" * 10_000},
    "seconds text": {"orders.seconds": "1"},
    "seconds true": {"orders.seconds": True},
    "seconds negative": {"orders.seconds": -1},
    "seconds huge": {"orders.seconds": 10**400},
    "seed float": {"orders.seed": 0.5},
    "pending number": {"orders.pending": 1},
}


def hostile(entry: dict[str, Any], change: Any) -> str:
    if isinstance(change, str):
        return change
    for path, value in change.items():
        *parents, key = path.split(".")
        target = entry["orders"]["multiplications"] if parents else entry
        target[key] = value
    return json.dumps(entry)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_json_is_a_miss_with_one_warning(
    filled: Path, graph: Graph, results: Results, name: str, warned_once: Once
) -> None:
    edit(filled, "UPDATE orders SET entry = ?", hostile(stored(filled), HOSTILE[name]))
    zoo = Zoo(filled)
    with warned_once("ignored"):
        assert zoo.lookup(graph) is None
        assert zoo.lookup(graph) is None
        list(zoo.entries())
        assert len(zoo.verify()) == 1
        assert zoo.improve(graph, results[1])
    hit = Zoo(filled).lookup(graph)
    assert hit is not None
    assert hit.order == results[1].order


GRAPHS: dict[str, dict[str, Any]] = {
    "granularity": {"granularity": "both"},
    "huge": {"n_vertices": 10**9},
    "edges list": {"edges": [[0, 1]]},
    "edges garbage": {"edges": "0>1 1>"},
    "edges beyond": {"edges": "0>99999"},
    "edges unicode digits": {"edges": "٠>٣"},
    "cycle": {"edges": "3>4 4>3"},
    "parallel": {"edges": "0>3 0>3"},
    "outputs": {"outputs": ["1"]},
    "outputs twice": {"outputs": [3, 3]},
    "other graph": {"edges": "0>3"},
}


@pytest.mark.parametrize("name", GRAPHS)
def test_hostile_graphs_are_found_by_verify_and_steer_no_lookup(
    tmp_path: Path, filled: Path, graph: Graph, results: Results, name: str
) -> None:
    entry = stored(filled)
    entry["graph"] |= GRAPHS[name]
    edit(filled, "UPDATE orders SET entry = ?", json.dumps(entry))
    zoo = Zoo(filled)
    hit = zoo.lookup(graph)
    assert hit is not None
    assert hit.order == results[0].order
    assert len(zoo.verify()) == 1
    assert zoo.improve(graph, results[1])
    assert zoo.verify() == []


KEYS = st.sampled_from(["schema", "fingerprint", "orders", "graph", "cost", "order", "names"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@settings(max_examples=50)
@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner)))
def test_any_json_is_decoded_or_malformed(value: Any) -> None:
    with pytest.raises(MalformedError):
        codec.decode(value)


def test_entries_of_a_newer_schema_are_neither_read_nor_overwritten(
    filled: Path, graph: Graph, results: Results, warned_once: Once
) -> None:
    entry = stored(filled) | {"schema": 2, "orders": "in another form"}
    edit(filled, "UPDATE orders SET entry = ?", json.dumps(entry))
    zoo = Zoo(filled)
    with warned_once("schema 2"):
        assert zoo.lookup(graph) is None
        zoo.remember_miss(graph, results[0])
        assert zoo.improve(graph, results[1])
        assert zoo.prune(pending=True) == 0
    assert stored(filled) == entry
    hit = zoo.lookup(graph)
    assert hit is not None
    assert hit.source == "memory"


def test_a_false_order_does_not_stand_in_the_way(filled: Path, graph: Graph, results: Results) -> None:
    """An entry that claims an impossible cost must not win against honest ones."""
    entry = stored(filled)
    entry["orders"]["multiplications"] |= {"cost": 0, "lower_bound": 0}
    edit(filled, "UPDATE orders SET entry = ?", json.dumps(entry))
    zoo = Zoo(filled)
    assert zoo.improve(graph, results[0])
    hit = zoo.lookup(graph)
    assert hit is not None
    assert hit.cost == results[0].cost


def test_a_directory_that_cannot_exist(tmp_path: Path, graph: Graph, results: Results, warned_once: Once) -> None:
    (tmp_path / "file").write_text("in the way")
    zoo = Zoo(tmp_path / "file" / "zoo")
    with warned_once("kept in memory"):
        assert zoo.lookup(graph) is None
        zoo.remember_miss(graph, results[0])
        zoo.improve(graph, results[1])
    hit = zoo.lookup(graph)
    assert hit is not None
    assert (hit.source, hit.order) == ("memory", results[1].order)
    assert [entry.fingerprint for _, entry in zoo.entries()] == [canonical(graph).fingerprint]


@pytest.mark.parametrize(
    "message", ["database or disk is full", "disk I/O error", "attempt to write a readonly database"]
)
def test_writes_that_fail(
    tmp_path: Path, graph: Graph, results: Results, message: str, monkeypatch: pytest.MonkeyPatch, warned_once: Once
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError(message)

    zoo = Zoo(tmp_path)
    with warned_once(message), monkeypatch.context() as patch:
        patch.setattr("ccjac.zoo.user_store.UserStore._put", fail)
        zoo.remember_miss(graph, results[0])
        assert zoo.improve(graph, results[1])
    assert zoo.improve(graph, results[0]) is True
    # The disk works again: what memory kept went with it, and the better order won.
    hit = Zoo(tmp_path).lookup(graph)
    assert hit is not None
    assert (hit.source, hit.order) == ("user", results[1].order)


CHILD = """
import resource, sys, warnings
from zoo_samples import make_graph, two_results
from ccjac.zoo import Zoo
graph = make_graph()
worse, better = two_results(graph)
zoo = Zoo(sys.argv[1])
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    hit = zoo.lookup(graph)
    before = None if hit is None else hit.source
    zoo.remember_miss(graph, worse)
    zoo.improve(graph, better)
    hit = zoo.lookup(graph)
print(before, hit.source, hit.order == better.order, len(caught))
"""


def child(directory: Path, limit: int) -> list[str]:
    paths = [str(Path(__file__).parent), str(Path(ccjac.__file__).parents[1])]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(directory), str(limit)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("limit", [1, 1000, 10_000])
def test_a_disk_that_is_really_full(tmp_path: Path, limit: int) -> None:
    """No file may grow beyond ``limit`` bytes: SQLite sees what it sees on a full disk."""
    assert child(tmp_path / "zoo", limit) == ["None", "memory", "True", "1"]


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Permissions do not bind the superuser, so that one steps down."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_directory_is_read(
    tmp_path_factory: pytest.TempPathFactory, graph: Graph, results: Results, warned_once: Once
) -> None:
    """Entries are found, nothing is written, one warning."""
    directory = tmp_path_factory.mktemp("shared") / "zoo"
    Zoo(directory).improve(graph, results[0])
    edit(directory, "INSERT INTO orders VALUES ('junk', 'junk')")
    base = tmp_path_factory.getbasetemp()
    # Each process of a parallel run has a directory of its own, one level further down.
    for folder in (base.parent.parent, base.parent, base, directory.parent):
        if folder.stat().st_uid == os.geteuid() and folder != Path(tempfile.gettempdir()):
            folder.chmod(0o755)
    (directory / "orders.db").chmod(0o444)
    directory.chmod(0o555)
    before = (directory / "orders.db").read_bytes()
    try:
        with as_ordinary_user(), warned_once("kept in memory"):
            zoo = Zoo(directory)
            hit = zoo.lookup(graph)
            assert hit is not None
            assert hit.source == "user"
            zoo.remember_miss(graph, results[0])
            assert zoo.improve(graph, results[1])
            hit = zoo.lookup(graph)
            assert hit is not None
            assert (hit.source, hit.order) == ("memory", results[1].order)
            with pytest.raises(ZooError, match=r"`Zoo\.prune` cannot write"):
                zoo.prune()
        assert (directory / "orders.db").read_bytes() == before
        assert [file.name for file in directory.iterdir()] == ["orders.db"]
    finally:
        directory.chmod(0o755)


def test_the_journal_needs_no_shared_memory(filled: Path, graph: Graph, results: Results) -> None:
    """Network file systems have none; a file that was switched to a write-ahead log is switched back."""
    edit(filled, "PRAGMA journal_mode = WAL")
    assert (filled / "orders.db").read_bytes()[18:20] == b"\2\2"
    Zoo(filled).improve(graph, results[1])
    assert (filled / "orders.db").read_bytes()[18:20] == b"\1\1"
    assert [file.name for file in filled.iterdir()] == ["orders.db"]


def test_a_miss_waits_for_nobody(filled: Path, graphs: Callable[..., Graph], results: Results) -> None:
    """Thousands of processes may start at once: who meets another's write keeps its order in memory, without a word."""
    zoo, graph = Zoo(filled), graphs(7)
    with closing(sqlite3.connect(filled / "orders.db", isolation_level=None, timeout=0)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert zoo.lookup(graph) is None
            zoo.remember_miss(graph, make_result(graph, graph.eliminable))
        hit = zoo.lookup(graph)
        assert hit is not None
        assert hit.source == "memory"
        other.execute("ROLLBACK")
    # It was no failure: the next miss is stored.
    zoo.remember_miss(graph, make_result(graph, graph.eliminable))
    hit = Zoo(filled).lookup(graph)
    assert hit is not None
    assert hit.source == "user"


def test_a_locked_file(
    filled: Path, graph: Graph, results: Results, monkeypatch: pytest.MonkeyPatch, warned_once: Once
) -> None:
    zoo = Zoo(filled)
    monkeypatch.setattr("ccjac.zoo.user_store.PATIENCE", 0.1)
    with closing(sqlite3.connect(filled / "orders.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with warned_once("locked"):
            assert zoo.improve(graph, results[1])
            hit = zoo.lookup(graph)
    assert hit is not None
    assert (hit.source, hit.order) == ("memory", results[1].order)
