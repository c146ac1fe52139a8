"""``ccjac-train`` from the outside, in this process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from drip_plugin import chain, interrupt
from train_samples import Start, add_pending, costs, make_graph

from ccjac.cost import MULTIPLICATIONS
from ccjac.ordering import Certificate, SearchResult, searchers
from ccjac.zoo import Zoo
from ccjac_trainer import cli
from ccjac_trainer.cli.options import chosen_method, chosen_seed, duration
from ccjac_trainer.refresh.pool import Pool

Run = Callable[..., tuple[int, str, str]]

OPTIONS = {
    "refresh": [
        "--zoo",
        "--seconds-per-graph",
        "--total",
        "--jobs",
        "--method",
        "--cost",
        "--engine",
        "--pending-only",
        "--seed",
    ],
    "status": ["--zoo", "--cost", "--json"],
    "search": [
        "--arg",
        "--shape",
        "--argnums",
        "--backend",
        "--seconds",
        "--method",
        "--cost",
        "--seed",
        "--zoo",
    ],
    "pretrain": [
        "--minutes",
        "--steps",
        "--kind",
        "--width",
        "--layers",
        "--batch",
        "--rate",
        "--seed",
        "--coordinator",
        "--processes",
        "--process",
    ],
    "finetune": ["--arg", "--shape", "--method", "--scratch", "--weights", "--cost", "--minutes", "--seed"],
    "evaluate": ["--graphs", "--sizes", "--published", "--cost", "--seconds", "--seed"],
    "curves": ["--output"],
    "explain": ["--arg", "--shape", "--cost", "--weights", "--output"],
}

SEARCHED = Certificate("exhausted")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("status", ...)`` gives the exit code, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["ccjac-train", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return run


@pytest.mark.parametrize("command", OPTIONS)
def test_help_mentions_every_option(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    # Options are listed at the beginning of a line; elsewhere one may be mentioned by another.
    listed = set(re.findall(r"^\W*(--[a-z-]+)", out, re.MULTILINE))
    assert set(OPTIONS[command]) <= listed
    assert listed <= {*OPTIONS[command], "--help"}


def test_help_lists_the_commands(run: Run) -> None:
    out = run("--help")[1]
    assert all(command in out for command in OPTIONS)


@pytest.mark.parametrize("command", [["refresh"], ["search", "RoeFlux_1d"]])
def test_an_unknown_method_lists_the_known_ones(run: Run, command: list[str]) -> None:
    code, _, err = run(*command, "--method", "divination")
    assert code == 1
    assert "divination" in err
    assert all(name in err for name in searchers())
    assert "Traceback" not in err


def test_the_default_method_exists() -> None:
    assert chosen_method(None) in searchers()


@pytest.mark.parametrize(
    "words",
    [["--cost", "nonsense"], ["--zoo", __file__]],
    ids=["cost", "zoo"],
)
def test_errors_in_one_paragraph(run: Run, words: list[str]) -> None:
    for command in ("refresh", "status"):
        code, _, err = run(command, *words)
        assert code == 1
        assert err.startswith("error: ")
        assert "Traceback" not in err


@pytest.mark.parametrize(
    "words", [["--total", "soon"], ["--jobs", "0"], ["--seed", "-1"], ["--seconds-per-graph", "0"]]
)
def test_wrong_usage(run: Run, words: list[str]) -> None:
    assert run("refresh", *words)[0] == 2


def test_durations() -> None:
    assert [duration(text) for text in ("90", "1.5", "90s", "1.5m", "2 min", "2h")] == [90, 1.5, 90, 90, 120, 7200]
    for wrong in ("", "0", "-1", "1d", "inf", "nan", "1e400", "9" * 400):
        with pytest.raises(typer.BadParameter):
            duration(wrong)


def test_seeds() -> None:
    assert chosen_seed(7) == 7
    assert chosen_seed(None) != chosen_seed(None)


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("command", [["refresh"], ["search", "RoeFlux_1d"]], ids=["refresh", "search"])
def test_an_interrupt_before_the_first_search_is_not_lost(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """After the announcement, in the middle of writing the zoo, where an exception would vanish."""
    zoo = Zoo(tmp_path / "zoo")
    add_pending(zoo, make_graph())
    charge = Zoo.charge

    def interrupted(*values: Any) -> bool:
        interrupt()
        return charge(*values)

    monkeypatch.setattr(Zoo, "charge", interrupted)
    monkeypatch.setattr(Pool, "assign", lambda *_: pytest.fail("a search began"))
    code, out, err = run(*command, "--zoo", zoo.path)
    assert (code, err) == (130, "")
    assert "Stopping; everything found so far is kept." in out
    assert all(entry.pending for _, entry in zoo.entries())
    assert zoo.verify() == []


def test_an_empty_zoo(run: Run, tmp_path: Path) -> None:
    for command in ("refresh", "status"):
        code, out, err = run(command, "--zoo", tmp_path / "none")
        assert (code, err) == (0, "")
        assert out.startswith("No orders")
    assert json.loads(run("status", "--json")[1]) == []
    assert not (tmp_path / "none").exists()


def test_status(run: Run, tmp_path: Path) -> None:
    zoo = Zoo(tmp_path)
    worst = add_pending(zoo, make_graph(1), "waiting")
    best = chain(make_graph(2), MULTIPLICATIONS)[-1]
    zoo.improve(
        make_graph(2),
        SearchResult(best[1], best[0], best[0], "exact", 90.0, certificate=SEARCHED),
        name="proven",
    )
    far = chain(make_graph(3), MULTIPLICATIONS)[2]
    zoo.improve(make_graph(3), SearchResult(far[1], far[0], far[0] // 4, "annealing", 1.5, certificate=SEARCHED))
    rows = json.loads(run("status", "--zoo", tmp_path, "--json")[1])
    assert [(row["state"], row["cost"], row["lower_bound"], row["seconds"]) for row in rows] == [
        ("pending", worst, 0, 0.0),
        ("open", far[0], far[0] // 4, 1.5),
        ("optimal", best[0], best[0], 90.0),
    ]
    assert [row["gap"] for row in rows] == [1.0, pytest.approx(0.75, abs=0.01), 0.0]
    code, out, _ = run("status", "--zoo", tmp_path)
    assert code == 0
    for word in ("waiting", "proven", rows[1]["fingerprint"][:12], "exact", "90.0", f"{worst:,}", "100.0%"):
        assert word in out
    assert f"3 orders in {tmp_path}: 1 pending, 1 open, 1 optimal; 92 s of search so far." in out
    assert "cost model" not in out
    zoo.improve(make_graph(3), SearchResult(far[1], 0, 0, "annealing", 1.5), "structural")
    assert "structural" in run("status", "--zoo", tmp_path)[1]
    assert json.loads(run("status", "--zoo", tmp_path, "--json", "--cost", "structural")[1])[0]["state"] == "open"


def test_nothing_left_to_do(run: Run, tmp_path: Path) -> None:
    zoo = Zoo(tmp_path)
    best = chain(make_graph(2), MULTIPLICATIONS)[-1]
    zoo.improve(make_graph(2), SearchResult(best[1], best[0], best[0], "exact", 90.0, certificate=SEARCHED))
    code, out, _ = run("refresh", "--zoo", tmp_path)
    assert code == 0
    assert "No orders to improve" in out
    assert "1 meet their bound" in out


def test_search_shows_the_plan_before_and_after_and_stores(start: Start, tmp_path: Path) -> None:
    source = tmp_path / "flux.py"
    source.write_text(
        "import jax.numpy as jnp\n"
        "def residual(x, k):\n"
        "    y = jnp.sin(x[0]) * x[1] + k\n"
        "    for _ in range(6):\n"
        "        y = jnp.sin(y * x[2]) * y + jnp.exp(y)\n"
        "    return jnp.stack([y * x[0], y * y, jnp.cos(y) * x[1]])\n"
    )
    zoo = Zoo(tmp_path / "mine")
    words = ["search", f"{source}:residual", "--arg", "f32[3]", "--arg", "2.0", "--zoo", zoo.path, "--seconds", "0.3"]
    process = start(*words, "--method", "drip", "--cost", "structural")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.count("this order") == 2
    assert f"stored in {zoo.path}" in out
    ((_, entry),) = zoo.entries(mine=True)
    assert entry.names == ("flux:residual(f32[3], float)",)
    assert not entry.orders["structural"].pending
    assert entry.orders["structural"].seconds >= 0.3
    assert f"{costs(zoo, 'structural')[entry.fingerprint]:,}" in out
    assert zoo.verify() == []


def test_search_speaks_of_itself(run: Run) -> None:
    code, _, err = run("search", "there.is.no.such:function")
    assert code == 1
    assert "`ccjac-train search" in err


def test_the_command_is_installed_under_its_name() -> None:
    root = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").is_file())
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["scripts"]["ccjac-train"] == f"{cli.__name__}:{cli.main.__name__}"


def test_the_entry_point_imports_nothing_heavy() -> None:
    code = "import sys, ccjac_trainer.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"jax", "torch", "numba", "rich", "typer"}.isdisjoint(done.stdout.split())
