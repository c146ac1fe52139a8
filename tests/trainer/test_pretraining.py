"""Pretraining: examples say what they promise, a run that stops goes on to the same losses, damage is an error."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL
from ccjac.elimination import count
from ccjac.errors import CcjacError
from ccjac.ordering import greedy
from ccjac.ordering.states.bits import pack
from ccjac.ordering.states.bits_numba import order_price
from ccjac_trainer.agent import examples
from ccjac_trainer.agent.learner import fresh
from ccjac_trainer.agent.network import Shape
from ccjac_trainer.agent.precision import single
from ccjac_trainer.agent.pretraining import COLUMNS, Plan, Pretraining
from ccjac_trainer.agent.rollout import Policy
from ccjac_trainer.agent.visited import reduced, visited_lessons
from ccjac_zoo.graphs import generate

TINY = Plan(Shape(width=8, layers=1), batch=4, graphs=3, first=2, every=4, imitated=3, checkpoint=5)


@pytest.fixture(autouse=True)
def small_problems(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(examples, "SIZES", (((10, 25), 1.0),))
    with single():
        yield


def check(lesson: examples.Lesson) -> None:
    """Each choice's extra cost, by replaying the order with that vertex first."""
    units, sequence = lesson.units, lesson.sequence.astype(np.int64)
    assert sorted(sequence) == list(range(len(sequence)))
    for k, step in enumerate(lesson.steps):
        left = np.flatnonzero(lesson.deltas[k] >= 0)
        assert set(left) == set(sequence[step:])
        assert lesson.deltas[k][left].min() == 0

        def price(order: np.ndarray) -> int:
            return int(order_price(lesson.rows.copy(), order, lesson.pair, units))

        spent = price(sequence) - _rest(lesson, sequence, int(step))
        assert lesson.left[k] + spent <= price(sequence) or lesson.left[k] > 0


def _rest(lesson: examples.Lesson, sequence: np.ndarray, step: int) -> int:
    from ccjac.ordering.states.bits_numba import payments

    paid = payments(lesson.rows.copy(), sequence, lesson.pair, lesson.units)
    return int(paid[sequence[step:]].sum())


def test_lessons_and_their_files(tmp_path: Path) -> None:
    made = list(examples.lessons(examples.problems(1), 4))
    for lesson in made:
        check(lesson)
        assert lesson.best[1] <= lesson.best[0]
    examples.save(tmp_path / "a.npz", made)
    for a, b in zip(made, examples.load(tmp_path / "a.npz"), strict=True):
        for name in ("rows", "pair", "sequence", "steps", "deltas", "left", "best"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_examples_are_no_worse_than_the_best_greedy_order() -> None:
    graph = generate(8_200_001, (150, 480)).graph  # products of matrices: annealing finds no sweep from elsewhere
    packed, best = pack(graph, MULTIPLICATIONS), greedy.best(graph, MULTIPLICATIONS)
    start = examples.start_order(graph, packed, MULTIPLICATIONS)
    assert examples.cost_of(packed, start) == best.cost < greedy.price(graph, greedy.rule_order(graph, "LMMD-priced"))
    cost, order = examples.anneal(packed, start, 0, passes=2, hottest=30.0)
    assert cost == greedy.price(graph, packed.unpack_order(order), MULTIPLICATIONS) <= best.cost


def test_a_position_is_a_graph() -> None:
    graph = generate(3, (30, 40)).graph
    for cost in (STRUCTURAL, MULTIPLICATIONS):
        packed = pack(graph, cost)
        order = np.random.default_rng(0).permutation(packed.n)
        rest, left = reduced(packed, order[:9].tolist())
        place = {int(v): i for i, v in enumerate(left)}
        behind = int(order_price(rest.rows.copy(), np.array([place[v] for v in order[9:]]), rest.pair, rest.units))
        full = count(graph, graph.dead + packed.unpack_order(order)).cost(cost)
        from ccjac.ordering.states.bits_numba import payments

        paid = payments(packed.rows.copy(), order, packed.pair, packed.units)
        assert paid[order[:9]].sum() + behind == full


def test_lessons_from_where_the_policy_goes() -> None:
    graphs = [pack(generate(seed, (20, 30)).graph, MULTIPLICATIONS) for seed in range(6)]
    made = visited_lessons(Policy(TINY.shape, fresh(TINY.shape, 0)), graphs, 0)
    assert made
    for lesson in made:
        check(lesson)


def losses(folder: Path) -> list[list[str]]:
    with (folder / "log.csv").open() as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == COLUMNS
    return [[row[0], *row[2:]] for row in rows[1:]]


def test_an_interrupted_run_goes_on_to_the_same_losses(tmp_path: Path) -> None:
    whole = Pretraining(tmp_path / "whole", TINY)
    whole.run(600, lambda row: None, steps=20)
    Pretraining(tmp_path / "parts", TINY).run(600, lambda row: None, steps=10)
    parts = Pretraining(tmp_path / "parts", TINY)
    assert parts.step == 10

    def interrupt(row: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parts.run(600, interrupt, steps=30)
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")
    assert (tmp_path / "parts" / "weights.safetensors").exists()
    assert Pretraining(tmp_path / "parts", TINY).step == 20


def test_other_settings_and_damage(tmp_path: Path) -> None:
    Pretraining(tmp_path, TINY).run(600, lambda row: None, steps=5)
    with pytest.raises(CcjacError, match="other settings"):
        Pretraining(tmp_path, Plan(TINY.shape, batch=8))
    for path in (tmp_path / "checkpoints" / "5").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\x80\x04damaged")
    with pytest.raises(CcjacError, match="damaged"):
        Pretraining(tmp_path, TINY)
