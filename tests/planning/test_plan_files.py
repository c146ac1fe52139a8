"""Plans as files: the same plan comes back, anything else is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
from ccjac.errors import InputError, OrderError
from ccjac.planning.files import SCHEMA

X = jnp.array([0.3, -0.7, 1.9])


def flux(x: Any) -> Any:
    a = jnp.sin(x[0]) * x[1]
    b = jnp.exp(x[1] * x[2]) + a
    return jnp.stack([a * b * x[0], b / a])


def renumbered(v: Any) -> Any:
    e = jnp.exp(v[1] * v[2])
    s = v[1] * jnp.sin(v[0])
    b = s + e
    return jnp.stack([b / s, v[0] * (s * b)])


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    ccjac.plan(flux, X, order="exact").save(tmp_path / "flux.json")
    return tmp_path / "flux.json"


def test_the_same_plan_comes_back(saved: Path) -> None:
    plan, loaded = ccjac.plan(flux, X, order="exact"), ccjac.Plan.load(saved)
    assert loaded.graph == plan.graph
    assert loaded.graph is not None
    assert plan.graph is not None
    assert loaded.graph.labels == plan.graph.labels
    assert (loaded.order, loaded.source, loaded.fingerprint) == (plan.order, plan.source, plan.fingerprint)
    assert (loaded.executor, loaded.counts) == (plan.executor, plan.counts)
    assert plan.optimal
    # What a file says is a claim, and this one can be proven.
    assert not loaded.trusted
    assert loaded.optimal
    J = ccjac.jacobian(flux, order=loaded)(X)
    np.testing.assert_allclose(J, jax.jacfwd(flux)(X), rtol=1e-12)


def test_a_plan_fits_the_same_structure_with_other_numbers(saved: Path) -> None:
    loaded = ccjac.Plan.load(saved)
    plan = ccjac.plan(flux, X, order=loaded)
    assert plan.order == loaded.order
    other = ccjac.trace(renumbered, X)
    if ccjac.plan(renumbered, X, zoo=False).fingerprint != loaded.fingerprint:
        pytest.fail("the two functions should have one structure")
    assert other != loaded.graph
    moved = ccjac.plan(renumbered, X, order=loaded)
    assert moved.graph == other
    assert moved.multiplications == loaded.multiplications
    np.testing.assert_allclose(ccjac.jacobian(renumbered, order=loaded)(X), jax.jacfwd(renumbered)(X), rtol=1e-12)
    with pytest.raises(OrderError, match="Make the plan with the same function"):
        ccjac.plan(lambda x: jnp.sin(x) * x[0], X, order=loaded)


def test_a_fallback_comes_back(tmp_path: Path) -> None:
    plan = ccjac.planning.plan.Plan(None, (), "fallback", executor="forward", reason="a while loop")
    plan.save(tmp_path / "f.json")
    loaded = ccjac.Plan.load(tmp_path / "f.json")
    assert (loaded.graph, loaded.source, loaded.reason) == (None, "fallback", "a while loop")


def change(**fields: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda value: value | fields


DAMAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a list": lambda value: [value],
    "another kind": change(kind="recipe"),
    "a newer schema": change(schema=SCHEMA + 1),
    "no schema": change(schema=None),
    "another cost": lambda value: value | {"multiplications": value["multiplications"] - 1},
    "no cost": change(multiplications=None),
    "a bound above the cost": change(lower_bound=10**6),
    "another fingerprint": change(fingerprint="0" * 32),
    "an order that names a vertex twice": lambda value: value | {"order": [value["order"][0]] * len(value["order"])},
    "an order with one vertex less": lambda value: value | {"order": value["order"][1:]},
    "an order of text": change(order="1 2 3"),
    "no order": change(order=None),
    "huge numbers": change(order=[10**30]),
    "a graph of nothing": change(graph={}),
    "a graph that is a list": change(graph=[1]),
    "edges beyond": lambda value: value | {"graph": value["graph"] | {"edges": "0>99999"}},
    "groups of text": change(groups="all"),
    "a source with escapes": change(source="\x1b[2J"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_no_plan_is_refused(saved: Path, name: str) -> None:
    saved.write_text(json.dumps(DAMAGES[name](json.loads(saved.read_text()))))
    with pytest.raises(InputError, match=r"`Plan\.load` takes a file that `Plan\.save` wrote"):
        ccjac.Plan.load(saved)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"null", b"[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match=r"`Plan\.load`"):
        ccjac.Plan.load(tmp_path / "x.json")
    with pytest.raises(FileNotFoundError):
        ccjac.Plan.load(tmp_path / "missing.json")


def test_a_lying_bound_proves_nothing(saved: Path) -> None:
    value = json.loads(saved.read_text())
    dear = ccjac.plan(flux, X, order="forward")
    lie = {"order": list(dear.order), "multiplications": dear.multiplications, "lower_bound": dear.multiplications}
    saved.write_text(json.dumps(value | lie))
    loaded = ccjac.Plan.load(saved)
    assert loaded.claimed_bound == loaded.multiplications > value["multiplications"]
    assert not loaded.optimal
