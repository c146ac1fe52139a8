"""``ccjac zoo`` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ccjac

GRAPH = ccjac.Graph.from_edges(
    2, 5, [5, 6], [(0, 2), (1, 2), (2, 3), (3, 4), (2, 5), (4, 5), (3, 6), (4, 6)], [(3, 6), (4, 6)]
)


@pytest.fixture
def fingerprint(zoo_directory: Path) -> str:
    """A zoo with one trained and one waiting order of one graph."""
    from ccjac.fingerprint import canonical

    zoo = ccjac.Zoo(zoo_directory)
    found = ccjac.search(GRAPH, method="greedy", cost="structural")
    zoo.remember_miss(GRAPH, ccjac.search(GRAPH, method="greedy"), name="pair")
    zoo.improve(GRAPH, found, "structural", name="pair", seed=7)
    return canonical(GRAPH).fingerprint


def test_path_is_the_directory_in_use(run, zoo_directory: Path, tmp_path: Path) -> None:
    assert run("zoo", "path") == (0, f"{zoo_directory}\n", "")
    assert run("zoo", "path", "--zoo", str(tmp_path))[1] == f"{tmp_path}\n"


def test_an_empty_zoo_says_so(run) -> None:
    code, out, _ = run("zoo", "list", "--mine")
    assert code == 0
    assert "No entries" in out
    assert json.loads(run("zoo", "list", "--mine", "--json")[1]) == []


def test_list(run, fingerprint: str) -> None:
    code, out, _ = run("zoo", "list", "--mine")
    assert code == 0
    assert fingerprint[:8] in out
    assert "pair" in out
    (row,) = json.loads(run("zoo", "list", "--mine", "--json")[1])
    assert row["fingerprint"] == fingerprint
    assert row["pending"] is True
    assert (row["inputs"], row["vertices"], row["outputs"]) == (2, 3, 2)
    assert len(json.loads(run("zoo", "list", "--mine", "--pending", "--json")[1])) == 1
    assert json.loads(run("zoo", "list", "--mine", "--pending", "--cost", "structural", "--json")[1]) == []


def test_show_by_name_or_beginning(run, fingerprint: str) -> None:
    for wanted in ("pair", fingerprint, fingerprint[:6].upper()):
        code, out, _ = run("zoo", "show", wanted)
        assert code == 0
        assert fingerprint in out
        assert "structural" in out
        assert "pending" in out
    (shown,) = json.loads(run("zoo", "show", "pair", "--json")[1])
    assert shown["orders"]["structural"]["seed"] == 7
    assert shown["source"] == "user"


def test_show_by_a_part_of_a_name(run, fingerprint: str) -> None:
    code, out, _ = run("zoo", "show", "hllc")
    assert code == 0
    assert "HLLCFlux_1d" in out
    assert "Did you mean 'pair'?" in run("zoo", "show", "paair")[2]


def test_show_what_is_not_there(run, fingerprint: str) -> None:
    code, out, err = run("zoo", "show", "nobody")
    assert (code, out) == (1, "")
    assert "nobody" in err
    assert "ccjac zoo list" in err


def test_export_import_verify_round_trip(run, fingerprint: str, tmp_path: Path) -> None:
    file, other = tmp_path / "mine.json", tmp_path / "other"
    assert run("zoo", "export", str(file))[:2] == (0, f"1 entries written to {file}\n")
    code, out, _ = run("zoo", "import", str(file), "--zoo", str(other))
    assert code == 0
    assert out.startswith("1 new, 0 improved, 0 unchanged, 0 refused")
    assert run("zoo", "import", str(file), "--zoo", str(other))[1].startswith("0 new, 0 improved, 1 unchanged")
    assert run("zoo", "verify", "--zoo", str(other))[0] == 0
    (shown,) = json.loads(run("zoo", "show", "pair", "--json", "--zoo", str(other))[1])
    assert shown["fingerprint"] == fingerprint


def test_a_wrong_cost_is_refused(run, fingerprint: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    run("zoo", "export", str(file))
    document = json.loads(file.read_text())
    document["entries"][0]["orders"]["structural"]["cost"] += 1
    document["entries"][0]["orders"]["multiplications"]["cost"] += 1
    file.write_text(json.dumps(document))
    code, out, _ = run("zoo", "import", str(file), "--zoo", str(tmp_path / "other"))
    assert code == 1
    assert "2 refused" in out
    assert fingerprint in out


@pytest.mark.parametrize("content", ["", "{}", "[1, 2]", '{"schema": 999, "entries": []}', "\x00\x01"])
def test_a_file_that_is_no_zoo_is_an_error(run, tmp_path: Path, content: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(content)
    code, _, err = run("zoo", "import", str(file))
    assert code == 1
    assert err.startswith("error: ")
    assert "Traceback" not in err


def test_a_missing_file_is_an_error(run, tmp_path: Path) -> None:
    code, _, err = run("zoo", "import", str(tmp_path / "nowhere.json"))
    assert code == 1
    assert "nowhere.json" in err
    assert run("zoo", "export", str(tmp_path / "no" / "directory.json"))[0] == 1


def test_verify_finds_a_damaged_entry_and_prune_removes_it(run, fingerprint: str, zoo_directory: Path) -> None:
    import sqlite3

    assert run("zoo", "verify")[0] == 0
    with sqlite3.connect(zoo_directory / "orders.db") as database:
        database.execute("UPDATE orders SET entry = '{}'")
    database.close()
    code, out, _ = run("zoo", "verify")
    assert code == 1
    assert "1 problems" in out
    assert json.loads(run("zoo", "verify", "--json")[1])[0]["source"] == "user"
    assert run("zoo", "prune")[1] == "1 entries deleted\n"
    assert run("zoo", "verify")[0] == 0


def test_prune_pending(run, zoo_directory: Path) -> None:
    ccjac.Zoo(zoo_directory).remember_miss(GRAPH, ccjac.search(GRAPH, method="greedy"))
    assert run("zoo", "prune")[1] == "0 entries deleted\n"
    assert run("zoo", "prune", "--pending")[1] == "1 entries deleted\n"


@pytest.mark.parametrize("command", ["path", "list", "show", "verify", "export", "import", "prune"])
def test_every_command_has_help(run, command: str) -> None:
    code, out, _ = run("zoo", command, "--help")
    assert code == 0
    assert "--zoo" in out
