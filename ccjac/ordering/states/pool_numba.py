"""Compiled neighbour rows for large graphs: elimination with memory linear in the edges that are there.

Vertex v of n has two rows, its predecessors in row v and its successors in row n + v.  An entry is twice the number of
the neighbour, plus 1 behind a unit edge.  All rows lie in one pool ``data``, each in no particular order; a row that
outgrows its place moves to the end, and a full pool is copied without its gaps.  An eliminated vertex stays in its
neighbours' rows until they are tidied: finding it would take as long as all the rest.

``rows`` is ``[2 n + 1, 5]``, by row its place, its entries, the room it has, how many of its entries are not eliminated
and how many of those are unit edges; ``rows[2 n, 0]`` is the end of the used part of the pool.  Functions that may
replace the pool return it.

How many neighbours two vertices share is read off marks: members of one row are marked, the marks along the other are
summed, as fast as memory is read.  In late eliminations nearly all pairs have an edge already, and the sum tells so
without a look at the single pairs.  ``mark`` ``[n]`` uint8 is 1 for members, 3 for those behind unit edges, and
``DEAD`` for eliminated vertices; between calls nobody is a member.

Few arrays and small inner functions: numba counts references to every array of a call, also within loops.  Unsigned
indices in the innermost: signed ones may count from the end, and asking whether they do doubles the time.
"""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

import numpy as np

from ..toolkit.compiled import compiled
from .bits_numba import pair_price

START, LENGTH, ROOM, COUNT, UNITS = range(5)
SEEN, DEAD = 4, 128
ONE = np.uint8(1)
CHANGED = 4


@compiled
def build(n, edges, units):
    """The pool and rows of a graph: ``edges`` ``[m, 2]``, ``units`` ``[m]`` whether they are unit edges."""
    rows = np.zeros((2 * n + 1, 5), np.int64)
    for k in range(edges.shape[0]):
        rows[edges[k, 1], COUNT] += 1
        rows[n + edges[k, 0], COUNT] += 1
        rows[edges[k, 1], UNITS] += units[k]
        rows[n + edges[k, 0], UNITS] += units[k]
    _lay_out(rows)
    data = np.empty(rows[2 * n, START], np.int32)
    for k in range(edges.shape[0]):
        a, b = edges[k, 0], n + edges[k, 1]
        for row, u in ((b - n, a), (n + a, b - n)):
            data[rows[row, START] + rows[row, LENGTH]] = 2 * u + units[k]
            rows[row, LENGTH] += 1
    return data, rows


@compiled
def _lay_out(rows):
    """Give every row half as much room again as it needs."""
    top = 0
    for row in range(rows.shape[0] - 1):
        rows[row, START] = top
        rows[row, ROOM] = rows[row, COUNT] + (rows[row, COUNT] + 1) // 2
        top += rows[row, ROOM]
    rows[rows.shape[0] - 1, START] = top


@compiled
def _entries(data, rows, row):
    """A view of what is in a row, with what is eliminated."""
    return data[rows[row, START] : rows[row, START] + rows[row, LENGTH]]


@compiled
def entries(data, rows, row, mark):
    """A view of what is in a row, tidied."""
    first = rows[row, START]
    if rows[row, LENGTH] > rows[row, COUNT]:
        kept = first
        for i in range(first, first + rows[row, LENGTH]):
            data[kept] = data[i]
            kept += mark[data[i] >> 1] < DEAD
        rows[row, LENGTH] = rows[row, COUNT]
    return data[first : first + rows[row, LENGTH]]


@compiled
def set_marks(mark, members):
    """Mark ``members``: 1, and 3 behind unit edges."""
    for i in range(members.shape[0]):
        mark[members[i] >> 1] = 1 + 2 * (members[i] & 1)


@compiled
def clear_marks(mark, members):
    """Take the marks of ``members`` away."""
    for i in range(members.shape[0]):
        mark[members[i] >> 1] = 0


@compiled
def shared(data, rows, row, mark):
    """How many entries of a row are marked."""
    near = _entries(data, rows, row)
    total = 0
    for i in range(near.shape[0]):
        total += np.int64(mark[np.uint64(near[i] >> 1)] & ONE)
    return total


@compiled
def shared_units(data, rows, row, mark):
    """How many entries of a row are marked, marked as units, and marked and unit edges themselves."""
    near = _entries(data, rows, row)
    total = marked = own = 0
    for i in range(near.shape[0]):
        m = np.int64(mark[np.uint64(near[i] >> 1)])
        total += m & 1
        marked += (m >> 1) & 1
        own += m & near[i] & 1
    return total, marked, own


@compiled
def shorter_side(rows, preds, succs):
    """0 if the predecessor rows of ``succs`` are shorter than the successor rows of ``preds`` in sum, else 1."""
    n = rows.shape[0] // 2
    difference = 0
    for i in range(succs.shape[0]):
        difference += rows[succs[i] >> 1, LENGTH]
    for i in range(preds.shape[0]):
        difference -= rows[n + (preds[i] >> 1), LENGTH]
    return 0 if difference <= 0 else 1


@compiled
def price(rows, v, pair):
    """The price of eliminating ``v`` now."""
    w = rows.shape[0] // 2 + v
    unit_in, unit_out = rows[v, UNITS], rows[w, UNITS]
    return pair_price(rows[v, COUNT] - unit_in, unit_in, rows[w, COUNT] - unit_out, unit_out, pair)


@compiled
def _append(data, rows, row, entry, mark):
    """Add an entry; returns the pool."""
    if rows[row, LENGTH] == rows[row, ROOM]:
        data = _more_room(data, rows, row, mark)
    data[rows[row, START] + rows[row, LENGTH]] = entry
    rows[row, LENGTH] += 1
    rows[row, COUNT] += 1
    rows[row, UNITS] += entry & 1
    return data


@compiled
def _more_room(data, rows, row, mark):
    """Tidy a full row, and move it if that does not free a quarter of it; returns the pool."""
    entries(data, rows, row, mark)
    if 4 * rows[row, COUNT] < 3 * rows[row, ROOM]:
        return data
    last = rows.shape[0] - 1
    room = 3 * rows[row, COUNT] // 2 + 2
    if rows[last, START] + room > data.shape[0]:
        old = rows.copy()
        for r in range(last):
            entries(data, rows, r, mark)
        _lay_out(rows)
        fresh = np.empty(3 * rows[last, START] // 2 + room, np.int32)
        for r in range(last):
            _copy(fresh, rows[r, START], data, old[r, START], rows[r, COUNT])
        data = fresh
    _copy(data, rows[last, START], data, rows[row, START], rows[row, COUNT])
    rows[row, START], rows[row, ROOM] = rows[last, START], room
    rows[last, START] += room
    return data


@compiled
def _copy(target, to, source, start, length):
    for i in range(length):
        target[to + i] = source[start + i]


@compiled
def _join_units(data, rows, row, w, mark):
    """Marked entries of the row of ``w`` become sums, which are no unit edges."""
    n = rows.shape[0] // 2
    for i in range(rows[row, START], rows[row, START] + rows[row, LENGTH]):
        u = data[i] >> 1
        if data[i] & mark[u] & 1:
            data[i] &= ~1
            rows[row, UNITS] -= 1
            mirrored = u if row >= n else n + u
            rows[mirrored, UNITS] -= 1
            j = rows[mirrored, START]
            while data[j] >> 1 != w:
                j += 1
            data[j] &= ~1


@compiled
def _missing(data, rows, row, mark, inner):
    """Those of the marked ``inner`` that are not in a row."""
    near = _entries(data, rows, row)
    for i in range(near.shape[0]):
        mark[np.uint64(near[i] >> 1)] |= SEEN
    found = np.empty(inner.shape[0], np.int32)
    k = 0
    for i in range(inner.shape[0]):
        found[k] = inner[i]
        k += (mark[inner[i] >> 1] & SEEN) == 0
    for i in range(near.shape[0]):
        mark[np.uint64(near[i] >> 1)] &= ~SEEN
    return found[:k]


@compiled
def _close(data, rows, side, w, missing, mark, seen, closed, changed):
    """Count the pairs that edges between ``w`` and ``missing``, about to be added to its row on ``side``, close.

    The third vertex of a new triangle is a neighbour of both ends; whichever of the three lies between the others has
    the pair.
    """
    n = rows.shape[0] // 2
    here, there = entries(data, rows, side * n + w, mark), entries(data, rows, (1 - side) * n + w, mark)
    for i in range(here.shape[0]):
        seen[here[i] >> 1] |= 1
    for i in range(there.shape[0]):
        seen[there[i] >> 1] |= 2
    for f in missing:
        u = f >> 1
        closed[w] += _close_far(entries(data, rows, (1 - side) * n + u, mark), seen, closed, changed)
        near = entries(data, rows, side * n + u, mark)
        for i in range(near.shape[0]):
            closed[u] += np.int64(seen[np.uint64(near[i] >> 1)] & ONE)
        seen[u] |= 1
    for members in (here, there, missing):
        for i in range(members.shape[0]):
            seen[members[i] >> 1] &= CHANGED


@compiled
def _close_far(far, seen, closed, changed):
    """Vertices between both ends get a pair; returns how many lie beyond the first end."""
    beyond = 0
    for i in range(far.shape[0]):
        x = np.uint64(far[i] >> 1)
        s = np.int64(seen[x])
        beyond += s >> 1 & 1
        if s & 1:
            closed[x] += 1
            if not s & CHANGED:
                seen[x] |= CHANGED
                changed.append(np.int64(x))
    return beyond


@compiled
def _drop(data, rows, side, near, mark):
    """The vertex behind ``near`` is gone from their rows on ``side``."""
    n = rows.shape[0] // 2
    for i in range(near.shape[0]):
        row = side * n + (near[i] >> 1)
        rows[row, COUNT] -= 1
        rows[row, UNITS] -= near[i] & 1
        if rows[row, LENGTH] > 2 * rows[row, COUNT] + 8:
            entries(data, rows, row, mark)


@compiled
def eliminate(data, rows, v, mark, seen, closed, changed):
    """Eliminate ``v``; returns the pool.

    If ``closed`` ``[n]`` is not empty it is kept up to date: the number of pairs around a vertex that have an edge.
    Vertices for which a new edge changes it are added to the list ``changed``, once each.  ``seen`` ``[n]`` uint8 is
    zero before and after.
    """
    n = rows.shape[0] // 2
    preds, succs = entries(data, rows, v, mark), entries(data, rows, n + v, mark)
    if closed.shape[0]:
        for side, near in ((0, preds), (1, succs)):
            set_marks(mark, near)
            for e in near:
                closed[e >> 1] -= shared(data, rows, side * n + (e >> 1), mark)
            clear_marks(mark, near)
    side = shorter_side(rows, preds, succs)
    inner, outer = (preds, succs) if side == 0 else (succs, preds)
    mark[v] = DEAD
    for row in (v, n + v):
        rows[row, LENGTH] = rows[row, COUNT] = rows[row, UNITS] = 0
    _drop(data, rows, 0, succs, mark)
    _drop(data, rows, 1, preds, mark)
    set_marks(mark, inner)
    for e in outer:
        w = e >> 1
        row = side * n + w
        if rows[row, UNITS]:
            present, _, units = shared_units(data, rows, row, mark)
            if units:
                _join_units(data, rows, row, w, mark)
        else:
            present = shared(data, rows, row, mark)
        if present < inner.shape[0]:
            missing = _missing(data, rows, row, mark, inner)
            if closed.shape[0]:
                _close(data, rows, side, w, missing, mark, seen, closed, changed)
            for f in missing:
                data = _append(data, rows, row, 2 * (f >> 1) + (e & f & 1), mark)
                data = _append(data, rows, (1 - side) * n + (f >> 1), 2 * w + (e & f & 1), mark)
    clear_marks(mark, inner)
    for i in range(len(changed)):
        seen[changed[i]] = 0
    return data
