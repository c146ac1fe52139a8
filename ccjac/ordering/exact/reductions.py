"""What can be eliminated at once, and what can be searched apart, without losing the optimum."""

from __future__ import annotations

from dataclasses import dataclass

from ...cost import CostModel
from ...elimination import EliminationState
from ...graph import Graph


@dataclass(frozen=True)
class Reduced:
    """A graph after the safe reductions.

    Attributes:
        prefix: Vertices eliminated at once, dead ones left out; some optimal order begins with them.
        price: What they cost.
        components: Vertex sets that are left and have no edge between them.  They may be eliminated one after the
            other, and their optima add.
        state: The graph after ``prefix``.
    """

    prefix: tuple[int, ...]
    price: int
    components: tuple[tuple[int, ...], ...]
    state: EliminationState


def reduce(graph: Graph, cost: CostModel) -> Reduced:
    """Apply reductions S1 to S4.

    S1, dead vertices: they cost nothing when they go first, under every model.

    S3, components of what is induced on the intermediate vertices: eliminating a vertex touches only edges between its
    neighbours, so components never meet, under every model.  S2, a vertex with inputs and outputs as its only
    neighbours, is a component of one vertex.

    S4, only where every pair costs the same, say 1: a vertex v whose single predecessor u already has an edge to every
    successor of v, or the mirror image, goes first.  Proof: take any order and move v to its front.  That creates no
    edge, so every other vertex keeps its neighbours but for v, and v pays as many pairs as it has successors.  A
    successor that the order eliminates before v saves at least one pair in return: v, beside u, was a predecessor of
    it until then.  Any other successor is still one when v has its turn, where v paid at least one pair for it.  With
    free pairs the rule is wrong: the sum of u→v→s and u→s is no unit edge even if all three were.
    """
    state = EliminationState(graph, without_dead=True)
    dead = set(graph.dead)
    left = {v for v in graph.eliminable if v not in dead}
    prefix: list[int] = []
    price = 0
    if len(set(cost.pair)) == 1:
        queue = sorted(left, reverse=True)
        while queue:
            v = queue.pop()
            if v in left and _bypassed(state, v):
                near = [u for u in (*state.predecessors[v], *state.successors[v]) if u in left]
                price += state.cost(v, cost)
                state.eliminate(v)
                left.discard(v)
                prefix.append(v)
                queue += near
    return Reduced(tuple(prefix), price, _components(state, left), state)


def _bypassed(state: EliminationState, v: int) -> bool:
    preds, succs = state.predecessors[v], state.successors[v]
    if len(preds) == 1:
        (u,) = preds
        if succs.keys() <= state.successors[u].keys():
            return True
    if len(succs) == 1:
        (w,) = succs
        return preds.keys() <= state.predecessors[w].keys()
    return False


def _components(state: EliminationState, left: set[int]) -> tuple[tuple[int, ...], ...]:
    found: list[tuple[int, ...]] = []
    seen: set[int] = set()
    for root in sorted(left):
        if root in seen:
            continue
        seen.add(root)
        stack, members = [root], []
        while stack:
            v = stack.pop()
            members.append(v)
            for u in (*state.predecessors[v], *state.successors[v]):
                if u in left and u not in seen:
                    seen.add(u)
                    stack.append(u)
        found.append(tuple(sorted(members)))
    return tuple(found)
