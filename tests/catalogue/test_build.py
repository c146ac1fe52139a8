"""The rebuild of the prebuilt zoo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ccjac.ordering import SearchResult, searcher
from ccjac.zoo import Zoo, write_shipped
from ccjac_zoo import build
from ccjac_zoo.build import entry_of
from ccjac_zoo.registry import task


@pytest.mark.parametrize("open_only", [False, True])
def test_open_only_searches_what_is_not_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_only: bool
) -> None:
    lotka = task("LotkaVolterra")
    first = entry_of(lotka, "greedy", 1.0, 0, Zoo(tmp_path / "none"))
    claims = {"multiplications": first.orders["multiplications"].cost, "structural": 0}
    orders = {name: replace(first.orders[name], lower_bound=bound) for name, bound in claims.items()}
    write_shipped(tmp_path, "one", [replace(first, orders=orders)])

    searched = []

    class Recording:
        def search(self, *values: Any, **options: Any) -> SearchResult:
            searched.append(options["cost"].name)
            assert options["start"], "a rebuild starts from the orders that are there"
            return searcher("greedy").search(*values, **options)

    monkeypatch.setattr(build, "searcher", lambda method: Recording())
    again = entry_of(lotka, "greedy", 1.0, 0, Zoo(tmp_path / "none", shipped=[tmp_path]), open_only=open_only)
    assert searched == (["structural"] if open_only else ["multiplications", "structural"])
    assert {name: order.cost for name, order in again.orders.items()} == {
        name: order.cost for name, order in first.orders.items()
    }
    assert again.orders["multiplications"] == orders["multiplications"]
