"""Certificates for the published graphs: orders and groups from long searches, checked without any search."""

from __future__ import annotations

import json
from typing import Any

import pytest
from order_oracles import DATA, paper_graph

from ccjac.backends.discovery import cost_model
from ccjac.elimination import check_order, count
from ccjac.ordering.bounds.groups import group_bound

PROOFS: dict[str, dict[str, Any]] = json.loads((DATA / "proofs.json").read_text())
OPTIMAL = {"RoeFlux_1d": 295, "unit_aware/RoeFlux_1d": 184, "unit_aware/RobotArm_6DOF": 151}


@pytest.mark.parametrize("name", PROOFS)
def test_orders_cost_and_groups_bound_what_they_claim(name: str) -> None:
    graph, _ = paper_graph(name)
    proof = PROOFS[name]
    model = cost_model(proof["cost_model"])
    assert count(graph, check_order(graph, proof["order"])).cost(model) == proof["cost"]
    assert group_bound(graph, model, proof["groups"]) == proof["lower_bound"] <= proof["cost"]


@pytest.mark.parametrize(("name", "optimum"), OPTIMAL.items())
def test_proven_optima(name: str, optimum: int) -> None:
    assert PROOFS[name]["lower_bound"] == PROOFS[name]["cost"] == optimum
