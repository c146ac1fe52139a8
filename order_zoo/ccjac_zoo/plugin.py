"""Tells ccjac where the prebuilt orders of the catalogue lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ccjac.backends.hooks import hookimpl


@hookimpl
def ccjac_zoos() -> Sequence[Path]:
    """The directory of the prebuilt order zoo, one JSON file per domain."""
    return [Path(__file__).parent / "orders"]
