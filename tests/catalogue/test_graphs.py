"""Graphs without functions: the generated ones are what they say, the published ones are the published ones."""

from __future__ import annotations

import hashlib

import pytest

import ccjac
from ccjac.cost import STRUCTURAL
from ccjac.elimination import count
from ccjac_zoo.graphs import FAMILIES, generate, published


@pytest.mark.parametrize("family", FAMILIES)
def test_families_keep_to_their_size(family: str) -> None:
    sizes = [len(generate(seed, (40, 160), family).graph.eliminable) for seed in range(40)]
    assert min(sizes) >= 8
    assert max(sizes) <= 320
    assert len(set(sizes)) > 10


@pytest.mark.parametrize("family", FAMILIES)
def test_every_generated_graph_has_orders_that_cost_something(family: str) -> None:
    for seed in range(25):
        graph = generate(seed, (20, 60), family).graph
        assert count(graph, graph.eliminable).structural > 0
        assert set(graph.eliminable) - set(graph.dead)
        assert any(len(row) > 1 for row in graph.predecessors)


def test_a_seed_is_a_graph_on_every_platform() -> None:
    text = "".join(repr(generate(seed, (5, 60)).graph.edges) for seed in range(60))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "e9c93e3e09df81dd"
    assert generate(1).graph != generate(2).graph


def test_ten_thousand_operations() -> None:
    graph = generate(0, (10_000, 10_000), "expressions").graph
    assert 8_000 < len(graph.eliminable) < 13_000


def test_published_graphs_replay() -> None:
    for name, task in published().items():
        if task.agent is not None:
            assert task.cost is STRUCTURAL, name
            order = task.record["alphagrad_order"]
            assert ccjac.evaluate_order(task.graph, order, "structural") == task.record["alphagrad_order_cost"]
    assert len(published()) == 16
