"""A plugin for tests: a searcher that finds ever better orders, one every few hundredths of a second.

It writes every cost into the file that ``DRIP_LOG`` names, but only after its listener has taken it.
"""

from __future__ import annotations

import os
import random
import signal
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ccjac.backends.hooks import hookimpl
from ccjac.cost import CostModel
from ccjac.elimination import count
from ccjac.fingerprint import canonical
from ccjac.graph import Graph
from ccjac.ordering import Listener, Progress, SearchResult

STEP = 0.03
LENGTH = 12


def chain(graph: Graph, cost: CostModel) -> list[tuple[int, tuple[int, ...]]]:
    """Orders with their costs, ever cheaper."""
    rng = random.Random(0)
    shuffled = [tuple(rng.sample(graph.eliminable, len(graph.eliminable))) for _ in range(60)]
    by_cost = {count(graph, order).cost(cost): order for order in shuffled}
    ranked = sorted(by_cost.items(), reverse=True)
    return ranked[:: max(1, len(ranked) // LENGTH)]


def interrupt() -> None:
    """Ctrl-C in a callback of C code, where an exception would vanish."""

    class Thing:
        pass

    thing = Thing()
    reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing
    assert reference() is None


class Drip:
    """Walks down the chain; with ``deaf`` it runs on, whatever it is told, and reports nothing."""

    def __init__(self, name: str, *, deaf: bool = False) -> None:
        self.name, self.deaf = name, deaf

    def search(
        self,
        graph: Graph,
        *,
        cost: CostModel,
        seconds: float,
        seed: int,
        start: Sequence[Sequence[int]] = (),
        progress: Listener | None = None,
    ) -> SearchResult:
        began = time.perf_counter()
        fingerprint = canonical(graph).fingerprint
        best = min(((count(graph, order).cost(cost), tuple(order)) for order in start), default=chain(graph, cost)[0])
        try:
            for price, order in [best, *(step for step in chain(graph, cost) if step[0] < best[0])]:
                if progress is not None and not self.deaf:
                    progress(Progress(time.perf_counter() - began, price, 0, order, "step"))
                    log(f"{fingerprint} {cost.name} {price}\n")
                best = price, order
                time.sleep(STEP)
            while time.perf_counter() - began < seconds:
                time.sleep(STEP)
                if progress is not None and not self.deaf:
                    progress(Progress(time.perf_counter() - began, best[0], 0, best[1], "rest"))
        except KeyboardInterrupt:
            pass
        return SearchResult(best[1], best[0], 0, self.name, time.perf_counter() - began)


class Crash:
    """Takes its process down."""

    name = "crash"

    def search(self, graph: Graph, **_: Any) -> SearchResult:
        os._exit(3)


def log(line: str) -> None:
    """Append a line, whole."""
    if path := os.environ.get("DRIP_LOG"):
        with Path(path).open("a", encoding="ascii") as file:
            file.write(line)


@hookimpl
def ccjac_searchers() -> list[Any]:
    return [Drip("drip"), Drip("deaf", deaf=True), Crash()]
