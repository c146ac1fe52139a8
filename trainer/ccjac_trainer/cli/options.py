"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import math
import random
import re
from pathlib import Path
from typing import Annotated

import typer

from ccjac import zoo as zoos
from ccjac.ordering import searcher, searchers
from ccjac.zoo import Zoo

_PREFERENCE = ("portfolio", "annealing", "lns", "beam", "greedy")
"""Methods in the order in which they are worth an offline search."""

_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(s|m|min|h|)")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def duration(text: str | float) -> float:
    """Seconds from ``"90"``, ``"90s"``, ``"1.5m"`` or ``"2h"``.

    Raises:
        typer.BadParameter: Anything else, or no time at all.
    """
    found = _DURATION.fullmatch(str(text).strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0.0 < seconds < math.inf:
        raise typer.BadParameter(f"a time is a positive number of seconds, or one with s, m or h; got {text!r}")
    return seconds


def opened(directory: Path | None) -> Zoo:
    """The zoo of ``--zoo``, the user's own by default, with the shipped ones behind it.

    Raises:
        ZooError: It is no directory.
    """
    if directory is None:
        return Zoo.default()
    zoos.resolve(directory)
    return Zoo(directory, shipped=None)


def chosen_method(method: str | None) -> str:
    """The searcher of ``--method``, by default the best that is installed.

    Raises:
        OrderError: There is no such searcher; the message names all.
    """
    known = searchers()
    if method is None:
        return next((name for name in _PREFERENCE if name in known), next(iter(known)))
    return searcher(method).name


def chosen_seed(seed: int | None) -> int:
    """The seed of ``--seed``, by default a new one, so that a second run does not repeat the first."""
    return random.SystemRandom().randrange(1 << 31) if seed is None else seed


Method = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The searcher; those of plugins count too.", show_default="portfolio"),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=0, max=(1 << 31) - 1, help="Seed of every search.", show_default="a new one in every run"
    ),
]
