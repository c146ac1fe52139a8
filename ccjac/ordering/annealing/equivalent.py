"""Equivalent orders: what is close in the graph brought close in the order, at the same cost.

Two vertices that follow each other in an order and are not adjacent at that time may change places: eliminating one
alters only edges between its predecessors and its successors, none of which touches the other (reduction S7).  So an
order stands for all linear extensions of the relation "v goes before u, and is adjacent to u when it goes", and a
depth-first one of them puts the vertices that compete with each other into one short window.  In sparse matrices this
is postordering the elimination tree.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from ...elimination import EliminationState


def later_neighbours(state: EliminationState, order: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Every vertex of ``order`` with those that are adjacent to it and not yet eliminated when it is.

    One at a time, since an order that fills a large graph with edges takes long to follow; ``state`` follows it.
    """
    inner = set(order)
    for v in order:
        yield v, [u for u in (*state.predecessors[v], *state.successors[v]) if u in inner]
        state.eliminate(v)


def depth_first(order: Sequence[int], later: dict[int, list[int]], rng: random.Random) -> list[int]:
    """A random depth-first linear extension of the relation ``later``, whose cost is that of ``order``."""
    before: dict[int, list[int]] = {v: [] for v in order}
    for v in order:
        for u in later[v]:
            before[u].append(v)
    for row in before.values():
        rng.shuffle(row)
    roots = [v for v in order if not later[v]]
    rng.shuffle(roots)
    done: set[int] = set()
    found: list[int] = []
    for root in roots:
        stack = [root]
        while stack:
            v = stack[-1]
            while before[v]:
                u = before[v].pop()
                if u not in done:
                    stack.append(u)
                    break
            else:
                stack.pop()
                if v not in done:
                    done.add(v)
                    found.append(v)
    return found
