"""Lower bounds on the cost of every elimination order, from disjoint paths (Menger's theorem).

Let P_S(v) be the predecessors of an intermediate vertex v once the set S is eliminated, and κ_in(v) the largest number
of paths from inputs to v that share no vertex but v.

*Structural cost.*  Inputs are never eliminated, so each of the κ_in(v) paths has a last vertex p outside S ∪ {v}.  The
rest of that path runs inside S, so p is in P_S(v), and disjoint paths have different p.  Hence |P_S(v)| >= κ_in(v) for
every S; likewise |Q_S(v)| >= κ_out(v) towards the outputs.  Every order eliminates v at some S and pays
|P_S(v)|·|Q_S(v)|, so

    cost >= Σ_v κ_in(v)·κ_out(v).

*Cost with unit edges.*  After S, an edge p→v is a unit edge if and only if exactly one path from p to v has all its
inner vertices in S and that path consists of unit edges: a product of units is a unit, a sum is not.  Let
γ_in(v) <= κ_in(v) be the largest number of such disjoint paths whose *last* edge (the one into v) is general, that is,
no unit edge.  Cut one of them at its last vertex p outside S ∪ {v}, as above.  The edge p→v after S sums over paths one
of which contains that general edge, so p→v is general.  Hence at least γ_in(v) general edges enter v after every S,
besides at least κ_in(v) edges altogether; likewise γ_out(v), with paths from v whose *first* edge is general.  With
prices a >= b >= c for pairs with no, one and two unit edges, the price of v with g_in of i in-edges and g_out of o
out-edges general,

    a·g_in·g_out + b·(g_in·(o - g_out) + (i - g_in)·g_out) + c·(i - g_in)·(o - g_out),

is non-decreasing in all four numbers: its slope in g_in is (a-b)·g_out + (b-c)·(o-g_out) >= 0, in i it is
b·g_out + c·(o-g_out) >= 0, and the same with in and out exchanged.  So the bounds may be put in for the numbers.  For
prices that do not fall, min(a, b, c)·κ_in·κ_out holds.

Both arguments apply to the graph after any S as well, with its own unit edges; the exact search uses that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...cost import CostModel
from ...graph import Graph
from ..protocol import Certificate

_CHEAP_EDGES = 1_500
"""Up to here :func:`menger` takes a few hundredths of a second at most."""


def cheap(graph: Graph, cost: CostModel) -> tuple[Certificate, int]:
    """:func:`menger` with its certificate if the graph is small, else the bound 0."""
    if len(graph.edges) > _CHEAP_EDGES:
        return Certificate(), 0
    return Certificate("menger"), menger(graph, cost)


def menger(graph: Graph, cost: CostModel) -> int:
    """The bound of this module's text.

    Example:
        Inputs x, y with edges to a, a to b, b to two outputs, no unit edges: κ_in = 2 and κ_out = 2 for both a and b,
        but only one path can leave a, so κ_out(a) = 1 and κ_in(b) = 1; the bound is 2·1 + 1·2 = 4, which is optimal.
    """
    return sum(price(cost, *share) for share in menger_shares(graph).values())


def menger_shares(graph: Graph) -> dict[int, tuple[int, int, int, int]]:
    """For every live intermediate vertex γ_in, κ_in, γ_out and κ_out, the edges that it never has fewer of."""
    live = graph.live
    preds = [[u for u in row if u in live] for row in graph.predecessors]
    succs = [[w for w in row if w in live] for row in graph.successors]
    inputs, outputs = range(graph.n_inputs), frozenset(graph.outputs)
    units = graph.unit_edges
    shares = {}
    for v in graph.eliminable:
        if v not in live:
            continue
        ways_in = _disjoint_paths(v, preds[v], preds, inputs)
        ways_out = _disjoint_paths(v, succs[v], succs, outputs)
        general_in = [u for u in preds[v] if (u, v) not in units]
        general_out = [w for w in succs[v] if (v, w) not in units]
        gamma_in = ways_in if len(general_in) == len(preds[v]) else _disjoint_paths(v, general_in, preds, inputs)
        gamma_out = ways_out if len(general_out) == len(succs[v]) else _disjoint_paths(v, general_out, succs, outputs)
        shares[v] = gamma_in, ways_in, gamma_out, ways_out
    return shares


def price(cost: CostModel, general_in: int, ways_in: int, general_out: int, ways_out: int) -> int:
    """A lower bound on a vertex's price from lower bounds on the numbers of its edges."""
    none, one, both = cost.pair
    if not none >= one >= both >= 0:
        return max(0, min(cost.pair)) * ways_in * ways_out
    unit_in, unit_out = ways_in - general_in, ways_out - general_out
    return (
        none * general_in * general_out
        + one * (general_in * unit_out + unit_in * general_out)
        + both * unit_in * unit_out
    )


def _disjoint_paths(v: int, first: Sequence[int], step: Sequence[Sequence[int]], ends: Collection[int]) -> int:
    """The largest number of paths from ``v`` to ``ends`` that share only ``v``, with second vertices in ``first``.

    Augmenting paths on the graph whose vertices have capacity 1.  ``back[u]`` is the vertex before u on the path
    through u.  A search that meets a used vertex may only undo that path's way into it, and then leaves its predecessor
    elsewhere.
    """
    if len(first) <= 1:
        return len(first)
    if all(u in ends for u in first):
        return len(first)
    back: dict[int, int] = {}
    found = 0
    for start in first:
        found += _augment(v, start, step, ends, back)
    return found


def _augment(v: int, start: int, step: Sequence[Sequence[int]], ends: Collection[int], back: dict[int, int]) -> bool:
    came: dict[tuple[int, bool], tuple[int, bool]] = {}
    # (u, False): arrived at u from a vertex before it.  (u, True): u's way onward was undone, it needs another one.
    node = (start, False)
    came[node] = (v, True)
    stack = [node]
    while stack:
        node = stack.pop()
        u, reopened = node
        if not reopened:
            if u in back:
                w = back[u]
                if w != v and (w, True) not in came:
                    came[w, True] = node
                    stack.append((w, True))
                continue
            if u in ends:
                _rewire(node, came, back, v)
                return True
        elif back[u] != v and (back[u], True) not in came:
            came[back[u], True] = node
            stack.append((back[u], True))
        for w in step[u]:
            if (w, False) not in came and back.get(w) != u:
                came[w, False] = node
                stack.append((w, False))
    return False


def _rewire(
    node: tuple[int, bool], came: dict[tuple[int, bool], tuple[int, bool]], back: dict[int, int], v: int
) -> None:
    """Flip the edges of the augmenting path that ends in ``node``."""
    gone: list[int] = []
    new: list[tuple[int, int]] = []
    while node[0] != v:
        before = came[node]
        u, reopened = node
        if not reopened:
            new.append((u, before[0]))
        else:
            gone.append(before[0])  # the way into `before` from u is undone
        node = before
    for u in gone:
        del back[u]
    back.update(new)
