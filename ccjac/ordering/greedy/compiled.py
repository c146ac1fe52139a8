"""A large graph prepared for several greedy rules in compiled code (:mod:`.loop_numba`)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..states.reach import reach_table
from ..states.sets import HUB, Numbered, numbered
from .linear import WEIGHTS, pack_sorted, statics_of
from .rules import Attempt, Family, Rule, Ties

_loaded = False


def readiness() -> Literal["loaded", "stored", "absent"]:
    """Whether the kernels are in memory, or compiled on disk as far as can be seen without importing numba."""
    if _loaded:
        return "loaded"
    return "stored" if _stored() else "absent"


@cache
def _stored() -> bool:
    folder = Path(__file__).parent
    elsewhere = os.environ.get("NUMBA_CACHE_DIR")
    # So numba names the folders below its directory; were it to change that, the kernels would count as absent.
    name = f"{folder.name}_{hashlib.sha1(str(folder).encode(), usedforsecurity=False).hexdigest()}"
    found = (Path(elsewhere) / name if elsewhere else folder / "__pycache__").glob("*.nbi")
    newest: dict[str, float] = {}
    for index in found:
        module = index.name.split(".")[0]
        newest[module] = max(newest.get(module, 0.0), index.stat().st_mtime)
    # An index that only looks up to date costs a compilation.
    return all(newest.get(n, 0.0) >= (folder / f"{n}.py").stat().st_mtime for n in ("linear_numba", "loop_numba"))


def load_kernels() -> None:
    """Load or compile the kernels, by running them on a graph of one edge."""
    global _loaded
    from ..states.bits import pack_edges
    from . import linear_numba, loop_numba

    graph = 2, np.array([[0, 1]], np.int64), np.zeros(1, np.int64), np.zeros(3, np.int64)
    nothing = np.zeros(0, np.int64)
    loop_numba.replay(*graph, nothing, 1)
    loop_numba.apply(*graph, nothing, np.zeros(5, np.int64), np.zeros(1, np.int64), HUB, 1, 1)
    packed = pack_edges([1, 2], [(0, 1, True), (1, 2, False), (2, 3, True)], (1, 0, 0), True)
    weights = np.zeros(WEIGHTS)
    linear_numba.apply(packed.rows, packed.pair, True, *statics_of(packed, [0, 1]), weights, HUB, 9)
    _loaded = True


class CompiledFamily(Family):
    """The rules in compiled code; they find the same orders."""

    def replay(self, order: Sequence[int], limit: int) -> Attempt:
        """See :class:`.rules.Family`."""
        from . import loop_numba

        kept = [v for v in order if v in self.live]
        total = int(loop_numba.replay(*self._arrays, np.array(kept, np.int64), limit))
        return (self.dead + tuple(kept), total) if total < limit else None

    def apply(self, rule: Rule, ties: Ties, limit: int) -> tuple[tuple[int, ...], int]:
        """See :class:`.rules.Family`."""
        from . import loop_numba

        inner = np.array(sorted(self.live), np.int64)
        weights = np.array([rule.degree, rule.reach, rule.fill, rule.damage, rule.priced], np.int64)
        reach = self._reach if rule.reach else np.zeros(1, np.int64)
        sign = -1 if ties == "reverse" else 1
        order, total = loop_numba.apply(*self._arrays, inner, weights, reach, HUB, sign, limit)
        return self.dead + tuple(order.tolist()), int(total)

    def learned(self, weights: Sequence[float], limit: int) -> tuple[tuple[int, ...], int]:
        """See :class:`.rules.Family`."""
        from . import linear_numba

        order, total = linear_numba.apply(*self._bits, np.array(weights, np.float64), HUB, limit)
        vertices = self._start.vertices
        return self.dead + tuple(vertices[v] for v in order.tolist()), int(total)

    @cached_property
    def _start(self) -> Numbered:
        return numbered(self.graph)

    @cached_property
    def _bits(self) -> tuple[Any, ...]:
        packed = pack_sorted(self.graph, self._start, self.cost)
        return packed.rows, packed.pair, packed.units, *statics_of(packed, self._start.order)

    @cached_property
    def _reach(self) -> np.ndarray:
        return np.array(reach_table(self.graph), np.int64)

    @cached_property
    def _arrays(self) -> tuple[Any, ...]:
        """Number of vertices, edges without the dead ones ``[m, 2]``, which are unit edges ``[m]``, prices ``[3]``."""
        graph, dead = self.graph, set(self.dead)
        edges = [edge for edge in graph.edges if edge[0] not in dead and edge[1] not in dead]
        units = np.array([edge in graph.unit_edges for edge in edges], np.int64)
        return graph.size, np.array(edges, np.int64).reshape(-1, 2), units, np.array(self.cost.pair, np.int64)
