"""One structure, one entry: shuffled statements, other names, other precision, another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest

import ccjac
from ccjac.zoo import Zoo

X = jnp.array([0.3, -0.7, 1.9])


def original(x: Any) -> Any:
    a = jnp.sin(x[0]) * x[1]
    b = jnp.exp(x[1] * x[2]) + a
    c = jnp.sqrt(a * a + b * b)
    return jnp.stack([c * x[0], b / c])


def shuffled(v: Any) -> Any:
    p, q, r = v[2], v[0], v[1]
    e = jnp.exp(p * r)
    s = r * jnp.sin(q)
    t = s + e
    root = jnp.sqrt(t * t + s * s)
    return jnp.stack([t / root, q * root])


def other(x: Any) -> Any:
    a = jnp.sin(x[0]) * x[1]
    b = jnp.exp(x[1] * x[2]) * a
    c = jnp.sqrt(a * a + b * b)
    return jnp.stack([c * x[0], b / c])


def test_the_second_trace_finds_the_first_ones_order(zoo_directory: Path) -> None:
    first = ccjac.plan(original, X)
    assert first.source.startswith("greedy:")
    ccjac.jacobian(original)(X)
    (entry,) = Zoo.default().pending()
    assert entry.fingerprint == first.fingerprint
    assert entry.names == (f"{__name__}:original(f64[3])",)
    assert any(zoo_directory.iterdir())
    again = ccjac.plan(shuffled, X)
    assert again.fingerprint == first.fingerprint
    assert again.multiplications == first.multiplications
    assert len(list(Zoo.default().entries(mine=True))) == 1


def test_a_plan_alone_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCJAC_ZOO", str(tmp_path / "none"))
    assert ccjac.plan(original, X).source.startswith("greedy:")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_precision_and_statement_order_do_not_matter(dtype: str) -> None:
    expected = ccjac.plan(original, X, zoo=False).fingerprint
    for fun in (original, shuffled):
        assert ccjac.plan(fun, X.astype(dtype), zoo=False).fingerprint == expected
    assert ccjac.plan(other, X, zoo=False).fingerprint != expected


def test_a_trained_order_is_used_and_named(tmp_path: Path) -> None:
    graph = ccjac.trace(original, X)
    found = ccjac.search(graph, method="greedy")
    zoo = Zoo(tmp_path / "mine")
    assert zoo.improve(graph, found)
    plan = ccjac.plan(shuffled, X, zoo=zoo)
    assert plan.source.startswith("zoo:")
    assert ccjac.plan(shuffled, X, zoo=tmp_path / "mine").source == plan.source
    assert ccjac.plan(shuffled, X, zoo=False).source.startswith("greedy:")


@pytest.mark.parametrize("seed", ["1", "2"])
def test_another_process_with_another_hash_seed_hits(seed: str, zoo_directory: Path) -> None:
    plan = ccjac.plan(original, X)
    Zoo.default().improve(ccjac.trace(original, X), ccjac.search(ccjac.trace(original, X), method="greedy"))
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_zoo_hits as t, ccjac, jax.numpy as jnp; "
        "p = ccjac.plan(t.shuffled, t.X.astype(jnp.float32)); print(p.fingerprint, p.source)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed, "CCJAC_ZOO": str(zoo_directory)}
    output = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert output[0] == plan.fingerprint
    assert output[1].startswith("zoo:")
