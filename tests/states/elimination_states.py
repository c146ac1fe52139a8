"""Every implementation of vertex elimination behind one interface, and what elimination is, by definition.

To join, write a class with the methods of :class:`Stepper` and put it into :data:`STEPPERS`; an implementation that
prices whole orders only goes into :data:`TOTALS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import jax
import numpy as np

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import EliminationState, count
from ccjac.graph import Edge, Graph
from ccjac.ordering.greedy.compiled import CompiledFamily
from ccjac.ordering.states import bits_numba, pool_numba
from ccjac.ordering.states.bits import pack
from ccjac.ordering.states.sets import SetState, members, numbered
from ccjac.ordering.toolkit.compiled import compiled
from ccjac_trainer import game
from ccjac_zoo.graphs import FAMILIES, generate, random_graph

COSTS = (STRUCTURAL, MULTIPLICATIONS, CostModel("odd prices", (3, 2, 1)))


def scenarios() -> Iterable[tuple[str, Graph]]:
    """Graphs of every kind: dead vertices, copies of outputs, units of all densities, more than one word of bits."""
    yield "no intermediate vertex", Graph.from_edges(1, 1, [1], [(0, 1)])
    yield (
        "a chain of units",
        Graph.from_edges(1, 4, [4], [(k, k + 1) for k in range(4)], [(k, k + 1) for k in range(4)]),
    )
    yield "a dead branch", Graph.from_edges(2, 4, [3], [(0, 2), (2, 3), (1, 4), (4, 5), (2, 5)], [(2, 3)])
    yield "an output that is used", Graph.from_edges(1, 3, [1, 3], [(0, 1), (1, 2), (2, 3), (1, 3)], [(1, 2), (2, 3)])
    for seed in range(40):
        yield f"random {seed}", random_graph(seed)
    for family in FAMILIES:
        yield family, generate(7, (20, 90), family).graph


def by_definition(graph: Graph, eliminated: set[int]) -> dict[Edge, bool]:
    """The edges after eliminating a set, and whether they are unit edges.

    There is an edge where a path runs inside the set.  It is a product of units if the path is the only one and made
    of unit edges; a second path makes it a sum.
    """
    found: dict[Edge, bool] = {}
    for source in range(graph.size):
        if source in eliminated:
            continue
        # Number of paths (two stand for more) and whether all their edges are units.
        paths: dict[int, tuple[int, bool]] = {source: (1, True)}
        for v in graph.topological_order:
            if v not in paths or (v != source and v not in eliminated):
                continue
            n, unit = paths[v]
            for s in graph.successors[v]:
                before, units = paths.get(s, (0, True))
                paths[s] = (min(before + n, 2), units and unit and (v, s) in graph.unit_edges)
        del paths[source]
        found.update({(source, v): n == 1 and unit for v, (n, unit) in paths.items() if v not in eliminated})
    return found


def price_by_definition(edges: Mapping[Edge, bool], v: int, cost: CostModel) -> int:
    """The price of all pairs of an edge into ``v`` and an edge out of it."""
    into = [unit for (_, b), unit in edges.items() if b == v]
    out = [unit for (a, _), unit in edges.items() if a == v]
    return sum(cost.pair[p + s] for p in into for s in out)


class Stepper(Protocol):
    """A graph in the middle of its elimination, its dead vertices gone."""

    def __init__(self, graph: Graph, cost: CostModel) -> None: ...

    def price(self, v: int) -> int:
        """What eliminating ``v`` would cost now."""
        ...

    def eliminate(self, v: int) -> None: ...

    def edges(self, left: set[int]) -> dict[Edge, bool] | None:
        """The edges between vertices that are left, and whether they are unit edges; ``None`` if it cannot tell.

        Where all pairs cost the same, an implementation may forget the unit edges.
        """
        ...


class Dictionaries:
    """:class:`ccjac.elimination.EliminationState`: the reference."""

    def __init__(self, graph: Graph, cost: CostModel) -> None:
        self.cost, self.state = cost, EliminationState(graph, without_dead=True)

    def price(self, v: int) -> int:
        return self.state.cost(v, self.cost)

    def eliminate(self, v: int) -> None:
        # What happens to a copy changes nothing here.
        self.state.copy().eliminate(v)
        self.state.eliminate(v)

    def edges(self, left: set[int]) -> dict[Edge, bool]:
        rows = enumerate(self.state.successors)
        found = {(v, s): unit for v, row in rows for s, unit in row.items() if v in left and s in left}
        assert found == {(p, v): self.state.predecessors[v][p] for p, v in found}
        return found


class Integers:
    """:class:`ccjac.ordering.states.sets.SetState`: rows as Python integers."""

    def __init__(self, graph: Graph, cost: CostModel) -> None:
        start = numbered(graph)
        self.vertices, self.state = start.vertices, SetState(start, cost)
        self.number = {v: i for i, v in enumerate(start.vertices)}

    def price(self, v: int) -> int:
        return self.state.price(self.number[v])

    def eliminate(self, v: int) -> None:
        self.state.eliminate(self.number[v])

    def edges(self, left: set[int]) -> dict[Edge, bool]:
        inner = range(len(self.vertices))
        found = {}
        for i in inner:
            for j in members(self.state.succs[i]):
                if j in inner:
                    assert self.state.preds[j] >> i & 1
                    found[self.vertices[i], self.vertices[j]] = bool(self.state.unit_succs[i] >> j & 1)
        return found


class BitRows:
    """:mod:`ccjac.ordering.states.bits_numba`: compiled rows of bits."""

    def __init__(self, graph: Graph, cost: CostModel) -> None:
        self.packed = pack(graph, cost)
        self.rows = self.packed.rows.copy()
        self.number = {int(v): i for i, v in enumerate(self.packed.vertices)}
        self.keep = np.zeros((self.packed.n + 63) // 64, np.uint64)
        bits_numba.fill_mask(self.keep, np.arange(self.packed.n))

    def price(self, v: int) -> int:
        return int(bits_numba.price(self.rows, self.number[v], self.packed.pair, self.packed.units))

    def eliminate(self, v: int) -> None:
        bits_numba.eliminate(self.rows, self.number[v], self.keep, self.packed.units)

    def edges(self, left: set[int]) -> dict[Edge, bool]:
        def has(side: int, i: int, b: int) -> bool:
            return bool(bits_numba.has_bit(self.rows[side, i], b))

        live = [v for v in self.number if v in left]
        pairs = [(v, s) for v in live for s in live if has(1, self.number[v], self.number[s])]
        assert all(has(0, self.number[s], self.number[v]) for v, s in pairs)
        return {(v, s): has(3, self.number[v], self.number[s]) for v, s in pairs}


@compiled
def _eliminate(data: Any, rows: Any, v: Any, mark: Any, seen: Any) -> Any:
    # Only compiled code can make a list that has a type before it has an entry.
    return pool_numba.eliminate(data, rows, v, mark, seen, np.zeros(0, np.int64), [np.int64(0) for _ in range(0)])


class Pool:
    """:mod:`ccjac.ordering.states.pool_numba`: compiled rows in one pool, for large graphs."""

    def __init__(self, graph: Graph, cost: CostModel) -> None:
        dead = set(graph.dead)
        edges = [e for e in graph.edges if not dead.intersection(e)]
        units = np.array([e in graph.unit_edges for e in edges], np.int64)
        self.n, self.pair = graph.size, np.array(cost.pair, np.int64)
        self.data, self.rows = pool_numba.build(self.n, np.array(edges, np.int64).reshape(-1, 2), units)
        self.mark, self.seen = np.zeros(self.n, np.uint8), np.zeros(self.n, np.uint8)

    def price(self, v: int) -> int:
        return int(pool_numba.price(self.rows, v, self.pair))

    def eliminate(self, v: int) -> None:
        self.data = _eliminate(self.data, self.rows, v, self.mark, self.seen)

    def edges(self, left: set[int]) -> dict[Edge, bool]:
        def row(k: int) -> list[int]:
            return [int(e) for e in pool_numba.entries(self.data, self.rows, k, self.mark)]

        found = {(v, e >> 1): bool(e & 1) for v in left for e in row(self.n + v)}
        backwards = {(e >> 1, v): bool(e & 1) for v in left for e in row(v)}
        assert {e: u for e, u in backwards.items() if e[0] in left} == {e: u for e, u in found.items() if e[1] in left}
        return found


class Game:
    """:mod:`ccjac_trainer.game`: bits of 32 in JAX, all graphs padded to one shape."""

    def __init__(self, graph: Graph, cost: CostModel) -> None:
        start = game.lay_out(graph, cost, 128, 10)
        self.board, self.start = start.board, start
        self.number = {int(v): i for i, v in enumerate(start.packed.vertices)}

    def price(self, v: int) -> int:
        return int(_prices(self.board)[self.number[v]])

    def eliminate(self, v: int) -> None:
        assert self.board.alive[self.number[v]]
        self.board = _eliminate_in_game(self.board, np.int32(self.number[v]))
        assert not self.board.alive[self.number[v]]

    def edges(self, left: set[int]) -> dict[Edge, bool]:
        rows = np.unpackbits(np.asarray(self.board.rows).view(np.uint8), axis=2, bitorder="little")
        live = [v for v in self.number if v in left]
        pairs = [(v, s) for v in live for s in live if rows[1, self.number[v], self.number[s]]]
        assert all(rows[0, self.number[s], self.number[v]] for v, s in pairs)
        return {(v, s): bool(rows[3, self.number[v], self.number[s]]) for v, s in pairs}


_prices, _eliminate_in_game = jax.jit(game.prices), jax.jit(game.eliminate)


STEPPERS: dict[str, type[Stepper]] = {
    "dictionaries": Dictionaries,
    "Python integers": Integers,
    "compiled bits": BitRows,
    "compiled pool": Pool,
    "game": Game,
}


def counted(graph: Graph, order: Sequence[int], cost: CostModel) -> int:
    """By :func:`ccjac.elimination.count`."""
    return count(graph, order).cost(cost)


def paid(graph: Graph, order: Sequence[int], cost: CostModel) -> int:
    """By compiled bits, all at once."""
    packed = pack(graph, cost)
    return int(bits_numba.order_price(packed.rows.copy(), packed.pack_order(order), packed.pair, packed.units))


def replayed(graph: Graph, order: Sequence[int], cost: CostModel) -> int:
    """By the compiled pool, all at once."""
    attempt = CompiledFamily(graph, cost).replay(order, 1 << 62)
    assert attempt is not None
    return attempt[1]


TOTALS: dict[str, Callable[[Graph, Sequence[int], CostModel], int]] = {
    "count": counted,
    "compiled bits": paid,
    "compiled pool": replayed,
}
