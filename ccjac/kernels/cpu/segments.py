"""Cut a long program into segments, and give every value that crosses a cut a place in the tile.

A compiler's effort grows faster than the length of a basic block, so that a program of ten thousand operations is
emitted as dozens of
functions.  They hand values to each other through the *tile*: memory that holds one vector per value, small enough
for the nearest caches. Places are reused as soon as the last segment that reads them is done.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from ...limits import SEGMENT_OPERATIONS
from ...program.program import Program


@dataclass(frozen=True)
class Segmentation:
    """A program in pieces.

    Attributes:
        shared: Segments of nodes that all samples have in common; they run once, before the loop.
        looped: Segments of all other nodes.
        homes: The tile's place of every node that is read outside its own segment.
        n_places: How many places the tile has.
    """

    shared: tuple[tuple[int, ...], ...]
    looped: tuple[tuple[int, ...], ...]
    homes: dict[int, int]
    n_places: int


def cut(program: Program, uniform: list[bool], fixed: dict[int, int], n_fixed: int) -> Segmentation:
    """Cut a program and assign places.

    Args:
        program: The program.
        uniform: For every node whether all samples share its value.
        fixed: Nodes that already have a place, because the tile holds an operand's or a result's column there.
        n_fixed: The places below are columns, and never given to anything else.
    """
    computed = [k for k, node in enumerate(program.nodes) if node.op not in ("input", "const")]
    shared = _pieces([k for k in computed if uniform[k]])
    looped = _pieces([k for k in computed if not uniform[k]])
    segment_of = {k: s for s, piece in enumerate((*shared, *looped)) for k in piece}
    last_use: dict[int, int] = {}
    for k in computed:
        for a in program.nodes[k].args:
            if a in segment_of and a not in fixed and segment_of[a] != segment_of[k]:
                last_use[a] = max(last_use.get(a, 0), segment_of[k])
    homes = dict(fixed)
    n_places = n_fixed
    free: list[int] = []
    expiring: list[tuple[int, int]] = []
    for s, piece in enumerate((*shared, *looped)):
        while expiring and expiring[0][0] < s:
            heapq.heappush(free, heapq.heappop(expiring)[1])
        for k in piece:
            if k not in last_use:
                continue
            if free:
                homes[k] = heapq.heappop(free)
            else:
                homes[k], n_places = n_places, n_places + 1
            # What the loop reads again for every tile must outlive it.
            if not (uniform[k] and last_use[k] >= len(shared)):
                heapq.heappush(expiring, (last_use[k], homes[k]))
    return Segmentation(tuple(shared), tuple(looped), homes, n_places)


def _pieces(nodes: list[int]) -> list[tuple[int, ...]]:
    return [tuple(nodes[k : k + SEGMENT_OPERATIONS]) for k in range(0, len(nodes), SEGMENT_OPERATIONS)]
