"""The benchmark scripts run on one small task; nothing is asserted about times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
PEERS = {"c_export": "casadi", "structured": "asdex"}
"""Benchmarks that need a library beside which they measure."""


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
        ("torch_runtime", ["--tasks", "Robertson", "--seconds", "0.05"]),
        ("torch_agreement", ["--tasks", "Robertson"]),
        ("structured", ["--tasks", "burgers", "--sizes", "100", "--seconds", "0.1"]),
        ("accuracy", ["--tasks", "Robertson", "--samples", "9"]),
        ("c_export", ["--tasks", "Robertson", "--turns", "3"]),
        ("search", ["--tasks", "unit_aware/g", "--seconds", "0.2"]),
        ("scaling", ["--sizes", "100", "--shapes", "local", "links", "--seconds", "0.2"]),
    ],
)
def test_a_benchmark_prints_a_table_and_writes_json_and_a_plot(script: str, options: list[str], tmp_path: Path) -> None:
    if script in PEERS:
        pytest.importorskip(PEERS[script])
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


def test_without_a_device_the_benchmark_says_so(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "runtime.py"), "--device", "gpu", "--results", str(tmp_path)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "nothing to measure on a device: JAX has no CUDA device" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_contenders_on_a_device_agree(tmp_path: Path) -> None:
    # The processor stands in for it.
    script = f"""
import sys
sys.path.insert(0, {str(BENCHMARKS)!r})
import jax, numpy as np
import ccjac_zoo, on_device
from contenders import Case
case = Case(ccjac_zoo.task("Robertson"), 7, "float32", "vector")
calls = on_device.contenders(case, jax.devices()[0], torch_device="cpu")
found = {{name: np.asarray(call()) for name, call in calls.items() if name != "primal"}}
for name, jacobian in found.items():
    np.testing.assert_allclose(jacobian, found["jacfwd"], rtol=1e-5, err_msg=name)
print(*found, on_device.copy_bandwidth(jax.devices()[0], 1 << 16) > 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:3] == ["ccjac", "jacfwd", "jacrev"]
    assert done.stdout.split()[-1] == "True"
