"""``ccjac plan``, ``ccjac demo`` and ``ccjac-train search`` with torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

FUNCTION = """
import torch

def flux(x, y):
    return torch.sin(x) * y.sum()
"""


PATHS = [path for path in sys.path if not (Path(path) / "torch" / "test_torch_commands.py").exists()]
"""Without the folder whose folders are called after frameworks."""


def run(program: str, *words: str, zoo: Path) -> str:
    script = f"from {program} import main; main()"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *words],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "CCJAC_ZOO": str(zoo), "PYTHONPATH": os.pathsep.join(PATHS)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_plan_and_search_of_a_function_of_one_s_own(tmp_path):
    file = tmp_path / "functions.py"
    file.write_text(FUNCTION)
    words = (f"{file}:flux", "--shape", "3", "--shape", "2", "--backend", "torch")
    assert "executor     kernel" in run("ccjac.cli", "plan", *words, zoo=tmp_path / "zoo")
    assert "stored in" in run("ccjac_trainer.cli", "search", *words, "--seconds", "1", zoo=tmp_path / "zoo")
    assert "zoo:user" in run("ccjac.cli", "plan", *words, zoo=tmp_path / "zoo")


def test_demo_checks_and_races(tmp_path):
    told = run(
        "ccjac.cli", "demo", "Rosenbrock", "--backend", "torch", "--batch", "8", "--seconds", "0", zoo=tmp_path / "zoo"
    )
    assert "torch.func.jacrev" in told
    assert "ccjac.jacobian in vmap" in told
