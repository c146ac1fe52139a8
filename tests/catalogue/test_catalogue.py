"""Every catalogued function: the same numbers on every framework, and derivatives that three methods agree on."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from catalogue_helpers import reference

import ccjac_zoo
from ccjac_zoo import Task

TASKS = ccjac_zoo.tasks()
SEEDS = (0, 1, 2)
each_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())

_HEAVY = {
    "BiggsEXP6",
    "BrownDennis",
    "KowalikOsborne",
    "Meyer",
    "MooneyRivlin",
    "Osborne1",
    "TransformerEncoder",
    "Watson",
    "random_f",
}
"""Half of the time that XLA takes to compile the catalogue goes into these."""

each_task_heavy_ones_slow = pytest.mark.parametrize(
    "task",
    [pytest.param(task, id=name, marks=pytest.mark.slow if name in _HEAVY else ()) for name, task in TASKS.items()],
)


def _points(task: Task) -> list[np.ndarray]:
    return [task.pack(*task.example(seed)) for seed in SEEDS]


def _scale(values: np.ndarray) -> float:
    return 1.0 + float(np.max(np.abs(values), initial=0.0))


def _finite_differences(task: Task, x: np.ndarray) -> np.ndarray:
    """Central differences of fourth order, steps relative to each argument."""
    f = task.vector("numpy")
    columns = []
    for i in range(x.size):
        h = 2e-4 * abs(x[i])
        e = np.zeros_like(x)
        e[i] = h
        columns.append((8.0 * (f(x + e) - f(x - e)) - (f(x + 2 * e) - f(x - 2 * e))) / (12.0 * h))
    return np.stack(columns, 1)


def _check_against_differences(task: Task, x: np.ndarray, jacobian: np.ndarray) -> None:
    """Columns scaled by their argument and rows to size one, so that large and small quantities count alike."""
    scaled = jacobian * np.abs(x)
    rows = np.max(np.abs(scaled), axis=1, keepdims=True)
    rows[rows == 0.0] = 1.0
    differences = _finite_differences(task, x) * np.abs(x)
    np.testing.assert_allclose(differences / rows, scaled / rows, rtol=1e-6, atol=3e-8)


@each_task
def test_examples_are_float64_and_repeat(task: Task) -> None:
    first, again, other = task.example(3), task.example(3), task.example(4)
    assert [np.shape(a) for a in first] == list(task.shapes)
    assert all(np.asarray(a).dtype == np.float64 for a in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@each_task
def test_forms_agree(task: Task) -> None:
    args = task.example(0)
    x = task.pack(*args)
    assert x.shape == (task.n,)
    results = task.bind(np)(*args)
    results = results if isinstance(results, (tuple, list)) else (results,)
    assert tuple(np.shape(y) for y in results) == task.output_shapes
    flat = task.vector(np)(x)
    assert flat.shape == (task.m,)
    np.testing.assert_array_equal(flat, np.concatenate([np.ravel(y) for y in results]))


@each_task
def test_batch_holds_valid_points(task: Task) -> None:
    columns = task.batch(5, seed=1)
    assert [c.shape for c in columns] == [(5, *shape) for shape in task.shapes]
    for row in range(5):
        y = task.vector(np)(task.pack(*(c[row] for c in columns)))
        assert np.all(np.isfinite(y))


@each_task
def test_documented(task: Task) -> None:
    assert len(task.source) > 20
    assert any(character.isdigit() for character in task.source)
    assert task.description.endswith(".")
    assert task.argnums
    doc = task.function.__doc__ or ""
    assert "Args:" in doc
    assert "Returns:" in doc


@each_task_heavy_ones_slow
def test_values_and_derivatives_on_jax(task: Task) -> None:
    jax = pytest.importorskip("jax")
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        low = jax.eval_shape(task.vector("jax"), task.pack(*task.example()).astype(np.float32))
    assert low.dtype == np.float32
    assert low.shape == (task.m,)
    for x in _points(task):
        weights = rng.uniform(0.5, 1.5, task.m)
        y, forward, reverse = reference(task.name)(x, weights)
        assert y.dtype == forward.dtype == np.float64
        assert np.all(np.isfinite(y))
        assert np.all(np.isfinite(forward))
        assert np.any(forward)
        np.testing.assert_allclose(y, task.vector("numpy")(x), rtol=1e-11, atol=1e-11 * _scale(y))
        np.testing.assert_allclose(reverse, weights @ forward, rtol=1e-9, atol=1e-12 * _scale(forward))
        _check_against_differences(task, x, forward)


@each_task
def test_float32_stays_float32(task: Task) -> None:
    for seed in SEEDS:
        args = [np.asarray(a, np.float32)[()] for a in task.example(seed)]
        results = task.bind(np)(*args)
        exact = task.bind(np)(*task.example(seed))
        results, exact = (r if isinstance(r, (tuple, list)) else (r,) for r in (results, exact))
        for low, high in zip(results, exact, strict=True):
            assert np.asarray(low).dtype == np.float32
            np.testing.assert_allclose(low, high, rtol=5e-3, atol=1e-3 * _scale(high))


@each_task
def test_values_and_derivatives_on_torch(task: Task) -> None:
    torch = pytest.importorskip("torch")
    x = _points(task)[0]
    f = task.vector("torch")
    y = f(torch.from_numpy(x))
    assert y.dtype == torch.float64
    np.testing.assert_allclose(y.numpy(), task.vector("numpy")(x), rtol=1e-11, atol=1e-11)
    jacobian = torch.func.jacrev(f)(torch.from_numpy(x)).numpy()
    _check_against_differences(task, x, jacobian)


def test_domains_partition_the_catalogue() -> None:
    domains = ccjac_zoo.domains()
    members = [task.name for tasks in domains.values() for task in tasks]
    assert sorted(members) == sorted(TASKS)
    assert all(task.domain == domain for domain, tasks in domains.items() for task in tasks)


def test_unknown_task_and_namespace_are_named() -> None:
    with pytest.raises(KeyError, match="no task 'Nonsense'"):
        ccjac_zoo.task("Nonsense")
    with pytest.raises(ValueError, match="numpy, jax, torch"):
        ccjac_zoo.namespace("tensorflow")


def test_catalogue_imports_no_framework() -> None:
    code = (
        "import ccjac_zoo, sys; ccjac_zoo.tasks(); sys.exit(any(m in sys.modules for m in ('jax', 'torch', 'ccjac')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_plugin_names_the_orders() -> None:
    from ccjac_zoo import plugin

    (folder,) = plugin.ccjac_zoos()
    assert folder.name == "orders"
    assert folder.parent.name == "ccjac_zoo"
