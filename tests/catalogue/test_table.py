"""The documentation's table of the catalogue."""

from __future__ import annotations

from pathlib import Path

import ccjac_zoo
from ccjac_zoo.table import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "catalogue.md"


def test_page_shows_the_shipped_orders() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m ccjac_zoo.table docs/catalogue.md`"


def test_page_has_every_function_and_the_proven_ones_in_bold() -> None:
    text = page().replace("&nbsp;", " ")
    assert [line.split(" | ")[0][2:] for line in text.splitlines() if " → " in line and line.startswith("| ")] == [
        task.name for group in ccjac_zoo.domains().values() for task in group
    ]
    # Lotka and Volterra's equations have 8 structural multiplications in any order.
    assert "| LotkaVolterra | 6 → 2, 4, 12 |" in text
    assert "**8**, 8" in next(line for line in text.splitlines() if line.startswith("| LotkaVolterra "))
