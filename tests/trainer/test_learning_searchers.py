"""How the learning searchers are found, and what they say where their packages are missing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ccjac
from ccjac.backends import discovery
from ccjac.errors import CcjacError
from ccjac.ordering import searchers
from ccjac_trainer import plugin
from ccjac_trainer.lazy import LearningSearcher


@pytest.fixture(autouse=True)
def registered() -> None:
    """As an installed package is; an environment may be older than the entry point."""
    if not discovery.manager().is_registered(plugin):
        discovery.manager().register(plugin, name="trainer")


def test_the_package_names_the_plugin() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["ccjac"]["trainer"] == plugin.__name__


def test_they_are_searchers_like_any_other() -> None:
    assert {"alphazero", "ppo"} <= set(searchers())
    assert [s.name for s in plugin.ccjac_searchers()] == ["alphazero", "ppo"]


def test_the_look_up_asks_the_plugins_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searchers()
    monkeypatch.setattr("ccjac.backends.discovery.answers", lambda hook: pytest.fail("asked again"))
    assert "alphazero" in searchers()
    searchers().clear()
    assert "alphazero" in searchers()


def test_listing_them_imports_no_framework() -> None:
    code = (
        "import sys\n"
        "from ccjac_trainer.plugin import ccjac_searchers\n"
        "ccjac_searchers()\n"
        "sys.exit(bool({'jax', 'flax', 'optax', 'mctx', 'numba'} & set(sys.modules)))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_package_is_named_with_its_extra() -> None:
    graph = ccjac.Graph.from_edges(1, 3, [3], [(0, 1), (1, 2), (2, 3)])
    searcher = LearningSearcher("alphazero", ("flax", "mctx"))
    with pytest.raises(CcjacError, match=r"flax, mctx.*ccjac\[train\]"):
        searcher.search(graph, cost=ccjac.cost.STRUCTURAL, seconds=1, seed=0)
