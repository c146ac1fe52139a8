"""The agent's commands on small budgets: runs that go on, curves, judgements, explanations, several processes."""

from __future__ import annotations

import csv
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import ccjac
from ccjac.errors import CcjacError
from ccjac_trainer.agent.network import Shape
from ccjac_trainer.agent.pretraining import Plan, Pretraining
from ccjac_trainer.agent.weights import load, shipped
from ccjac_trainer.cli.curves import curves
from ccjac_trainer.cli.evaluate import evaluate
from ccjac_trainer.cli.explain import explain
from ccjac_trainer.cli.finetune import finetune
from ccjac_trainer.cli.problem import problem
from ccjac_zoo.graphs import published, random_graph

pytestmark = pytest.mark.slow


@pytest.fixture
def small(tmp_path: Path) -> str:
    graph = random_graph(2141, inner=7)
    path = tmp_path / "small.json"
    record = {
        "n_inputs": graph.n_inputs,
        "n_vertices": graph.n_vertices,
        "outputs": graph.outputs,
        "edges": graph.edges,
        "unit_edges": sorted(graph.unit_edges),
    }
    path.write_text(json.dumps(record))
    return str(path)


def test_problems_have_names(small: str, tmp_path: Path) -> None:
    assert problem("unit_aware/g") == published()["unit_aware/g"].graph
    assert problem(small) == random_graph(2141, inner=7)
    (tmp_path / "bad.json").write_text("[1]")
    with pytest.raises(CcjacError, match="no graph"):
        problem(str(tmp_path / "bad.json"))
    assert problem("PropaneCombustion", command="ccjac-train explain").eliminable or True


def test_finetune_goes_on_from_the_best_order(small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    finetune(small, folder, cost="structural", minutes=0.05)
    kept = json.loads((folder / "order.json").read_text())
    assert ccjac.evaluate_order(problem(small), kept["order"], "structural") == kept["cost"]
    finetune(small, folder, cost="structural", minutes=0.05, method="ppo")
    assert json.loads((folder / "order.json").read_text())["cost"] <= kept["cost"]
    first = load(folder / "weights.safetensors")[0].weights
    finetune(small, folder, cost="structural", minutes=0.05)
    again, shipped_again = load(folder / "weights.safetensors")[0].weights, shipped().weights
    assert _distance(again, first) < _distance(again, shipped_again)
    with (folder / "history.csv").open() as file:
        assert [row["cost"] for row in csv.DictReader(file)]
    curves([folder], tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def _distance(a: Any, b: Any) -> float:
    return max(float(np.abs(np.asarray(x) - y).max()) for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True))


def test_explain_lists_every_step(small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explain(small, cost="structural", output=tmp_path / "page.html")
    text = capsys.readouterr().out
    graph = problem(small)
    assert text.count("vertex ") == len(graph.eliminable)
    page = (tmp_path / "page.html").read_text()
    assert page.count("<tr>") == len(graph.eliminable) + 1
    assert "<svg" in page
    explain(small, cost="structural", output=tmp_path / "maps.png")
    assert (tmp_path / "maps.png").read_bytes().startswith(b"\x89PNG")


def test_evaluate_says_what_the_policy_is_worth(capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(graphs=3, sizes=(10, 20), seconds=0.2)
    assert "geometric mean over the best known: policy 1." in capsys.readouterr().out


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    with socket.socket() as s:
        s.bind(("localhost", 0))
        port = s.getsockname()[1]
    _lessons(tmp_path / "lessons")
    words = ["--width", "8", "--layers", "1", "--batch", "2", "--steps", "3", "--minutes", "8"]
    words += ["--coordinator", f"localhost:{port}", "--processes", "2"]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "ccjac_trainer", "pretrain", str(tmp_path), *words, "--process", str(k)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for k in range(2)
    ]
    texts = [process.communicate(timeout=540)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], texts
    assert all("on 2 device(s)" in text for text in texts)
    assert (tmp_path / "weights.safetensors").exists()
    # One process goes on where the two stopped.
    single_process = Pretraining(tmp_path, Plan(Shape(width=8, layers=1), batch=2))
    assert single_process.step == 3


def _lessons(folder: Path) -> None:
    from ccjac_trainer.agent import examples

    folder.mkdir(parents=True)
    for shard in range(Plan().first):
        problems = (p for p in examples.problems(shard) if len(p[0].eliminable) < 40)
        examples.save(folder / f"{shard:05d}.npz", list(examples.lessons(problems, 2)))
