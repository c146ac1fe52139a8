"""Learned rules: the same in Python and in compiled code, a checked table of weights, and what they are worth."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from order_oracles import ODD_PRICES

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import check_order, count
from ccjac.errors import CcjacError
from ccjac.ordering import greedy
from ccjac.ordering.greedy import linear, linear_numba
from ccjac.ordering.states.sets import HUB, SetState, numbered
from ccjac_zoo.graphs import generate, random_graph

GRAPHS = [*map(random_graph, range(20)), *(generate(seed, (10, 150)).graph for seed in range(24))]


@pytest.mark.parametrize("cost", [STRUCTURAL, MULTIPLICATIONS, ODD_PRICES], ids=lambda cost: cost.name)
def test_compiled_and_python_take_the_same_vertices(cost: CostModel) -> None:
    rng = np.random.default_rng(0)
    for graph in GRAPHS:
        start = numbered(graph)
        packed = linear.pack_sorted(graph, start, cost)
        fixed, statics = linear.statics_of(packed, start.order), linear.LinearStatics(graph, start)
        for _ in range(3):
            weights = rng.normal(size=linear.WEIGHTS) + np.r_[1.0, 1.0, np.zeros(linear.WEIGHTS - 2)]
            order, total = linear.apply(SetState(start, cost), statics, weights.tolist(), 1 << 60)
            arguments = (packed.rows, packed.pair, packed.units, *fixed, weights, HUB)
            compiled, compiled_total = linear_numba.apply(*arguments, 1 << 60)
            assert compiled.tolist() == order
            assert compiled_total == total
            full = check_order(graph, graph.dead + tuple(start.vertices[i] for i in order))
            assert count(graph, full).cost(cost) == total
            if total > 1:
                assert linear_numba.apply(*arguments, total // 2)[1] >= total // 2


def test_weights_of_price_and_damage_are_a_rule_of_the_literature() -> None:
    weights = [1.0, 1.0] + [0.0] * (linear.WEIGHTS - 2)
    for graph in GRAPHS:
        start = numbered(graph)
        order, _ = linear.apply(SetState(start, STRUCTURAL), linear.LinearStatics(graph, start), weights, 1 << 60)
        assert graph.dead + tuple(start.vertices[i] for i in order) == greedy.rule_order(graph, "LMMD")


def test_sets_for_both_cost_models_and_every_size() -> None:
    for cost in (STRUCTURAL, MULTIPLICATIONS):
        for n in (10, 150):
            assert 1 <= len(linear.linear_rules(cost, n)) <= 6
        assert linear.linear_rules(cost, 1_000_000) == ()
    assert linear.linear_rules(ODD_PRICES, 50) == linear.linear_rules(MULTIPLICATIONS, 50)
    assert linear.linear_rules(STRUCTURAL, 50) != linear.linear_rules(MULTIPLICATIONS, 50)


def test_they_improve_on_the_rules_of_the_literature(monkeypatch: pytest.MonkeyPatch) -> None:
    from ccjac.ordering.greedy import searcher

    graphs = [generate(seed, (60, 150)).graph for seed in range(900, 930)]
    for cost in (STRUCTURAL, MULTIPLICATIONS):
        monkeypatch.undo()
        learned = [greedy.best(graph, cost).cost for graph in graphs]
        monkeypatch.setattr(searcher, "linear_rules", lambda cost, n: ())
        without = [greedy.best(graph, cost).cost for graph in graphs]
        assert all(a <= b for a, b in zip(learned, without, strict=True))
        assert np.mean([math.log(a / b) for a, b in zip(learned, without, strict=True)]) < -0.005


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": 2, "rules": {}}',
        json.dumps({"format": 1, "rules": {"structural": [{"largest": 9, "weights": [[1.0]]}]}}),
        json.dumps({"format": 1, "rules": {"structural": [{"largest": 9, "weights": [[math.nan] * 21]}]}}),
    ],
)
def test_a_damaged_table_is_an_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text(text)
    with pytest.raises(CcjacError, match="learned rules"):
        linear.read_tables(path)
