"""The network: blind to the numbering and to padding, one policy for every size and both cost models."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import count
from ccjac.ordering.states.bits import pack
from ccjac_trainer.agent import weights
from ccjac_trainer.agent.learner import fresh
from ccjac_trainer.agent.network import Kind, Shape
from ccjac_trainer.agent.observation import Observation, blank
from ccjac_trainer.agent.precision import single
from ccjac_trainer.agent.rollout import Line, Policy, finish, look, zero_shot
from ccjac_zoo.graphs import generate

KINDS: tuple[Kind, Kind] = ("messages", "transformer")


@pytest.fixture(autouse=True)
def precision() -> Iterator[None]:
    with single():
        yield


def policy(kind: Kind) -> Policy:
    shape = Shape(kind, width=16, layers=2, heads=2)
    # Random heads too, which would otherwise start at nothing.
    rng = np.random.default_rng(0)
    made = fresh(shape, 0)
    made["head"]["kernel"] = rng.normal(size=made["head"]["kernel"].shape).astype(np.float32)
    return Policy(shape, made)


def position(cost: CostModel, size: int) -> Observation:
    line = Line(pack(generate(5, (40, 50)).graph, cost))
    for v in (3, 17, 8):
        line.move(v)
    return look([line], size)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cost", [STRUCTURAL, MULTIPLICATIONS], ids=lambda cost: cost.name)
def test_relabelling_relabels_the_answer(kind: Kind, cost: CostModel) -> None:
    seen = position(cost, 64)
    order = np.random.default_rng(1).permutation(64)
    mixed = Observation(
        seen.measures[:, order],
        seen.fixed[:, order],
        seen.edges[:, order][:, :, order],
        seen.alive[:, order],
        seen.pair,
    )
    a, b = policy(kind).answer(seen), policy(kind).answer(mixed)
    np.testing.assert_allclose(np.asarray(a.logits)[:, order], b.logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.asarray(a.payments)[:, order], b.payments, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind: Kind) -> None:
    small, large = position(MULTIPLICATIONS, 64), position(MULTIPLICATIONS, 128)
    a, b = policy(kind).answer(small), policy(kind).answer(large)
    alive = small.alive[0]
    np.testing.assert_allclose(
        np.asarray(a.logits)[0, alive], np.asarray(b.logits)[0, :64][alive], rtol=1e-4, atol=1e-4
    )


def test_the_cost_model_is_seen() -> None:
    a, b = (policy("messages").answer(position(cost, 64)) for cost in (STRUCTURAL, MULTIPLICATIONS))
    assert not np.allclose(a.logits, b.logits)


def test_rollouts_are_orders_that_cost_what_they_say() -> None:
    graphs = [generate(seed, (10, 80)).graph for seed in range(6)]
    for cost in (STRUCTURAL, MULTIPLICATIONS):
        lines = zero_shot(policy("messages"), [pack(graph, cost) for graph in graphs])
        for graph, line in zip(graphs, lines, strict=True):
            order = graph.dead + line.packed.unpack_order(line.order)
            assert sorted(order) == list(graph.eliminable)
            assert count(graph, order).cost(cost) == line.cost


def test_drawn_rollouts_differ_and_repeat() -> None:
    packed = pack(generate(5, (40, 50)).graph, STRUCTURAL)

    def draw() -> list[tuple[int, ...]]:
        lines = [Line(packed) for _ in range(4)]
        finish(policy("messages"), lines, 1.0, np.random.default_rng(0))
        return [tuple(line.order) for line in lines]

    assert draw() == draw()
    assert len(set(draw())) == 4


@pytest.mark.slow
def test_the_shipped_policy_beats_the_published_agent_without_having_seen_its_graphs() -> None:
    from ccjac_zoo.graphs import published

    tasks = [task for task in published().values() if task.agent is not None]
    lines = zero_shot(weights.shipped(), [pack(task.graph, STRUCTURAL) for task in tasks])
    for task, line in zip(tasks, lines, strict=True):
        assert task.agent is not None
        assert line.cost <= task.agent, task.name
    assert sum(line.cost for line in lines) < sum(task.agent or 0 for task in tasks)


def test_nothing_is_alive_in_a_blank_position() -> None:
    seen = blank(2, 8)
    assert not seen.alive.any()
