"""Zoos with something to improve, and ``ccjac-train`` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from train_samples import Start, add_pending, make_graph

import ccjac
from ccjac.zoo import Zoo

HERE = Path(__file__).parent


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the plugin's searcher writes."""
    return tmp_path / "drip.log"


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    """Three pending orders."""
    made = Zoo(tmp_path / "zoo")
    for seed in range(3):
        add_pending(made, make_graph(seed), f"task{seed}")
    return made


@pytest.fixture
def start(tmp_path: Path, log: Path) -> Start:
    """``start("refresh", ...)`` runs ``ccjac-train`` with the plugin, in a process group of its own."""
    metadata = tmp_path / "plugin" / "drip-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: drip\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ccjac]\ndrip = drip_plugin\n")
    root = Path(ccjac.__file__).parents[1]
    paths = [metadata.parent, HERE, root, root / "plugins", root / "order_zoo", root / "trainer"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "DRIP_LOG": str(log),
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "ccjac_trainer", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )

    return start
