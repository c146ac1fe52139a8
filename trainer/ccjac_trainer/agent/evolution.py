"""Learned rules by evolution: each of them by what it adds to the greedy rules and to the rules found before it."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.graph import Graph
from ccjac.ordering import greedy
from ccjac.ordering.greedy.linear import FORMAT, WEIGHTS, pack_sorted, statics_of
from ccjac.ordering.states.sets import HUB, numbered

Weights = np.ndarray
"""``[21]`` float64."""


@dataclass(frozen=True)
class SizeClass:
    """Graphs for which one set of rules is found.

    Attributes:
        largest: Vertices up to which the rules are used.
        sizes: Operations of the graphs that they are trained on.
        graphs, batch: How many there are, and how many of them judge one generation.
        rules: How many rules to find.
        seconds: For each rule.
    """

    largest: int
    sizes: tuple[int, int]
    graphs: int
    batch: int
    rules: int
    seconds: float


CLASSES = (
    SizeClass(160, (20, 160), 600, 90, 4, 25.0),
    SizeClass(700, (160, 640), 150, 30, 4, 30.0),
    SizeClass(4_000, (700, 3_000), 40, 10, 4, 30.0),
)
ALONE = SizeClass(12_000, (4_000, 9_000), 8, 8, 1, 0.0)
"""Where a rule takes as long as all others together, one that was found for smaller graphs serves alone.  Beyond,
tables of bits take too much memory.  For structural counts alone: it saves 4 % there (a third on grids), under
multiplications 0.2 %, which is not worth its time."""

COSTS = (STRUCTURAL, MULTIPLICATIONS)


@dataclass
class Problem:
    """A graph, prepared, and the cheapest order so far of the rules that are already there."""

    arguments: tuple[Any, ...]
    reference: int

    def cost(self, weights: Weights, limit: int) -> int:
        """What a rule costs, or some number from ``limit`` on."""
        from ccjac.ordering.greedy import linear_numba

        return int(linear_numba.apply(*self.arguments, np.asarray(weights, np.float64), HUB, limit)[1])

    def gain(self, weights: Weights) -> float:
        """Logarithm of cost by reference."""
        cost = self.cost(weights, 2 * self.reference + 8)
        return math.log(cost / self.reference)


def problem(graph: Graph, cost: CostModel) -> Problem | None:
    """Prepare a graph, unless the greedy rules are proven to be optimal on it."""
    found = greedy.best(graph, cost)
    if found.optimal or found.cost < 4:
        return None
    start = numbered(graph)
    packed = pack_sorted(graph, start, cost)
    return Problem((packed.rows, packed.pair, packed.units, *statics_of(packed, start.order)), found.cost)


def problems(size: SizeClass, cost: CostModel, count: int, seed: int) -> list[Problem]:
    """Generated graphs of a size class."""
    from ccjac_zoo.graphs import generate

    rng = random.Random(f"rules {seed} {size.largest}")
    found: list[Problem] = []
    while len(found) < count:
        made = problem(generate(rng.randrange(1 << 40), size.sizes).graph, cost)
        if made is not None:
            found.append(made)
    return found


def starts(found: Sequence[Weights]) -> Iterator[Weights]:
    """Where evolution may begin: LMMD, sweeps through the evaluation order with local corrections, earlier rules."""
    for place in (0.0, 1.5, -1.5, 6.0, -6.0, 25.0, -25.0):
        weights = np.zeros(WEIGHTS)
        weights[:2], weights[17] = 1.0, place
        yield weights
    yield from found


def worth(gains: Sequence[float]) -> float:
    """What a rule adds: the mean of what it saves; a near miss counts a little, so that there is a slope to follow."""
    return float(np.mean([min(g, 0.0) + 0.05 * min(max(g, 0.0), 1.0) for g in gains]))


def evolve(
    train: Sequence[Problem],
    check: Sequence[Problem],
    size: SizeClass,
    found: Sequence[Weights],
    seed: int,
    say: Callable[[str], None],
) -> Weights:
    """One more rule."""
    import cma

    rng = random.Random(seed)
    first = rng.sample(list(train), min(len(train), 2 * size.batch))
    begin = min(starts(found), key=lambda w: worth([p.gain(w) for p in first]))
    search = cma.CMAEvolutionStrategy(begin, 0.35, {"popsize": 18, "seed": seed + 1, "verbose": -9})
    best, chosen = math.inf, begin
    end, generation = time.process_time() + size.seconds, 0
    while time.process_time() < end:
        batch = rng.sample(list(train), min(len(train), size.batch))
        candidates = search.ask()
        search.tell(candidates, [worth([p.gain(w) for p in batch]) for w in candidates])
        generation += 1
        if generation % 10 == 0:
            for weights in (search.mean, search.result.xbest):
                value = worth([p.gain(weights) for p in check])
                if value < best:
                    best, chosen = value, np.array(weights)
    say(f"{generation} generations, adds {best:.4f} on held-out graphs; began at place weight {begin[17]:g}")
    return chosen


def accept(known: Sequence[Problem], weights: Weights) -> float:
    """Lower the references to what the rule reaches; returns the mean logarithm of the change."""
    total = 0.0
    for p in known:
        cost = p.cost(weights, p.reference)
        if cost < p.reference:
            total += math.log(cost / p.reference)
            p.reference = cost
    return total / len(known)


def add_alone(record: dict[str, Any], say: Callable[[str], None], seed: int) -> None:
    """Choose the rule for :data:`ALONE`."""
    for cost in (STRUCTURAL,):
        sets = record["rules"][cost.name]
        if all(entry["largest"] != ALONE.largest for entry in sets):
            known = problems(ALONE, cost, ALONE.graphs, seed)
            rows = [row for entry in sets for row in entry["weights"]]
            best = min(rows, key=lambda row: worth([p.gain(np.array(row)) for p in known]))
            sets.append({"largest": ALONE.largest, "weights": [best]})
            say(f"{cost.name}, up to {ALONE.largest} vertices: {accept(known, np.array(best)):.4f}")


def run(path: Path, say: Callable[[str], None], classes: Sequence[SizeClass] = CLASSES, seed: int = 0) -> None:
    """Find all rules, writing ``path`` after each of them; what is in it already is kept."""
    record: dict[str, Any] = {"format": FORMAT, "rules": {cost.name: [] for cost in COSTS}}
    if path.exists():
        record = json.loads(path.read_text(encoding="utf-8"))
    for size in classes:
        for cost in COSTS:
            sets = record["rules"][cost.name]
            entry = next((s for s in sets if s["largest"] == size.largest), None)
            if entry is None:
                entry = {"largest": size.largest, "weights": []}
                sets.append(entry)
            if len(entry["weights"]) >= size.rules:
                continue
            train, check = problems(size, cost, size.graphs, seed), problems(size, cost, size.graphs // 3, seed + 1)
            for row in entry["weights"]:
                accept(train, np.array(row))
                accept(check, np.array(row))
            while len(entry["weights"]) < size.rules:
                k = len(entry["weights"])
                found = [np.array(row) for other in sets for row in other["weights"]]
                say(f"{cost.name}, up to {size.largest} vertices, rule {k + 1}")
                weights = np.round(evolve(train, check, size, found, seed + 100 * k, say), 3)
                say(f"train {accept(train, weights):.4f}, held out {accept(check, weights):.4f}")
                entry["weights"].append(weights.tolist())
                _write(path, record)
    add_alone(record, say, seed)
    _write(path, record)


def _write(path: Path, record: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record) + "\n", encoding="utf-8")
    part.replace(path)
