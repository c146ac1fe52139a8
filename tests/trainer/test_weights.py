"""Weights in files: they come back as they went, damage is an error, nothing is unpickled."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from ccjac.errors import CcjacError
from ccjac_trainer.agent import weights
from ccjac_trainer.agent.learner import fresh
from ccjac_trainer.agent.network import Shape
from ccjac_trainer.agent.rollout import Policy

SHAPE = Shape(width=8, layers=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "a.safetensors"
    weights.save(made, Policy(SHAPE, fresh(SHAPE, 3)), {"steps": 5})
    return made


def test_weights_come_back(path: Path) -> None:
    policy, card = weights.load(path)
    assert policy.shape == SHAPE
    assert card == {"steps": 5}
    expected = fresh(SHAPE, 3)
    assert jax.tree.structure(policy.weights) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(policy.weights), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)


def test_damage_is_an_error(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    damaged = [data[: len(data) // 2], b"", pickle.dumps({"a": 1}), data[:100] + b"\0" * 40 + data[140:]]
    for k, text in enumerate(damaged):
        other = tmp_path / f"{k}.safetensors"
        other.write_bytes(text)
        with pytest.raises(CcjacError, match="pretrain"):
            weights.load(other)
    with pytest.raises(CcjacError, match="no weights"):
        weights.load(tmp_path / "missing.safetensors")


def test_other_tensors_are_an_error(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.safetensors"
    about = {"format": weights.FORMAT, "shape": json.dumps(SHAPE.record()), "card": "{}"}
    save_file({"x": np.zeros(3, np.float32)}, other, about)
    with pytest.raises(CcjacError):
        weights.load(other)
    save_file({"x": np.zeros(3, np.float32)}, other, {"format": "something else"})
    with pytest.raises(CcjacError, match="something else"):
        weights.load(other)
    policy = weights.load(path)[0]
    broken = jax.tree.map(lambda x: np.full_like(x, np.nan), policy.weights)
    weights.save(other, Policy(SHAPE, broken), {})
    with pytest.raises(CcjacError, match="finite"):
        weights.load(other)


def test_the_package_has_weights_of_less_than_ten_megabytes() -> None:
    assert sum(f.stat().st_size for f in weights.SHIPPED.iterdir()) < 10_000_000
    assert weights.shipped() is weights.shipped()
    assert weights.shipped().shape.kind == "messages"
