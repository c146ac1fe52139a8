"""The benchmark scripts run on one small task; nothing is asserted about times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "options"),
    [
        ("multiplications", ["--tasks", "RoeFlux_1d"]),
        ("latency", ["--tasks", "Robertson", "--repeats", "1"]),
        ("derivatives", ["--tasks", "Robertson", "--seconds", "0.1"]),
        ("medium", ["--tasks", "second_differences_300", "--repeats", "1", "--seconds", "0.1"]),
        ("steps", ["--tasks", "implicit_euler", "--batch", "16", "--seconds", "0.1"]),
        ("whole_functions", ["--tasks", "whitening", "--batch", "16", "--seconds", "0.1"]),
        ("accuracy", ["--tasks", "Robertson", "--samples", "9"]),
        ("c_export", ["--tasks", "Robertson", "--turns", "3"]),
        ("search", ["--tasks", "unit_aware/g", "--seconds", "0.2"]),
        ("scaling", ["--sizes", "100", "--shapes", "local", "links", "--seconds", "0.2"]),
    ],
)
def test_a_benchmark_prints_a_table_and_writes_json_and_a_plot(script: str, options: list[str], tmp_path: Path) -> None:
    if script == "c_export":
        pytest.importorskip("casadi")
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), *options, "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "MPLBACKEND": "Agg"})
    assert done.returncode == 0, done.stderr
    if options[0] == "--tasks":
        assert options[1] in done.stdout
    document = json.loads((tmp_path / f"{script}.json").read_text())
    assert document["benchmark"] == script
    assert document["data"]
    assert document["machine"]
    assert (tmp_path / f"{script}.png").read_bytes().startswith(b"\x89PNG")
    kept = {p.name for p in tmp_path.iterdir()} - {f"{script}.rows.jsonl"}
    assert kept == {f"{script}.json", f"{script}.png"}
