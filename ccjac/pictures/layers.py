"""Where the vertices of a directed acyclic graph go: in layers, with few crossings.

Each vertex lies below all its predecessors (longest path from an input), outputs in the last layer.  Within a layer the
vertices are sorted by the mean place of their neighbours in the layers around, a few times down and up: the barycentre
method (Sugiyama, Tagawa & Toda, IEEE Trans. Systems, Man & Cybernetics 11, 1981).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_SWEEPS = 6


def places(size: int, edges: Iterable[tuple[int, int]], last: Iterable[int]) -> list[tuple[float, int]]:
    """Across and down, for every vertex.

    Args:
        size: Number of vertices.
        edges: Pairs ``(from, to)`` without a cycle.
        last: Vertices of the last layer.
    """
    before: list[list[int]] = [[] for _ in range(size)]
    after: list[list[int]] = [[] for _ in range(size)]
    for a, b in edges:
        before[b].append(a)
        after[a].append(b)
    layer = _depths(before, after)
    deepest = max(layer, default=0)
    for v in last:
        layer[v] = deepest
    rows: list[list[int]] = [[] for _ in range(deepest + 1)]
    for v, depth in enumerate(layer):
        rows[depth].append(v)
    across = [0.0] * size
    _spread(rows, across)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        near = before if down else after
        for row in rows if down else reversed(rows):
            mean = {v: sum(across[u] for u in near[v]) / len(near[v]) if near[v] else across[v] for v in row}
            row.sort(key=lambda v, mean=mean: mean[v])  # type: ignore[misc]
            _spread([row], across)
    widest = max(map(len, rows), default=0)
    # Shorter layers stand in the middle.
    return [(across[v] + (widest - len(rows[layer[v]])) / 2, layer[v]) for v in range(size)]


def _spread(rows: Sequence[Sequence[int]], across: list[float]) -> None:
    for row in rows:
        for place, v in enumerate(row):
            across[v] = float(place)


def _depths(before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> list[int]:
    waiting = [len(row) for row in before]
    depth = [0] * len(before)
    ready = [v for v, n in enumerate(waiting) if n == 0]
    for v in ready:
        for w in after[v]:
            depth[w] = max(depth[w], depth[v] + 1)
            waiting[w] -= 1
            if waiting[w] == 0:
                ready.append(w)
    return depth
