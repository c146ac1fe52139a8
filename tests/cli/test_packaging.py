"""The distribution's promises about imports, which no unit test would notice breaking."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ccjac

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["ccjac", "plugins/ccjac_jax", "order_zoo/ccjac_zoo", "trainer/ccjac_trainer"]


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_ships_its_types(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("module", ["ccjac", "ccjac.cli"])
def test_import_leaves_heavy_modules_out(module: str) -> None:
    heavy = {"jax", "torch", "flax", "numba", "llvmlite", "rich", "typer", "matplotlib"}
    loaded = run(f"import sys, {module}; print(*sys.modules)").split()
    assert heavy.isdisjoint(loaded), sorted(heavy & set(loaded))


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "ccjac/__init__.py"
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {ccjac.__version__}\n" in citation


def test_plugin_modules_do_not_import_their_framework() -> None:
    loaded = run("import sys, ccjac_jax.plugin, ccjac_zoo.plugin; print(*sys.modules)").split()
    assert "jax" not in loaded
    assert "torch" not in loaded
