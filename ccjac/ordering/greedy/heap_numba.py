"""A compiled heap of vertices whose keys change: no outdated entries, so it shrinks as vertices are eliminated.

``heap`` ``[n]`` holds the waiting vertices, ``place`` ``[n]`` where each of them is in it.  The vertex with the lowest
``key``, among equals the one with the lowest ``sign * v``, is at the top.
"""

# mypy: ignore-errors
# (numba infers the types of compiled functions from their arguments; annotations would be comments)

from __future__ import annotations

from ..toolkit.compiled import compiled


@compiled
def sift(heap, place, key, sign, size, v):
    """Restore the order of a heap of ``size`` after a change of the key of ``v``."""
    i, k = place[v], key[v]
    while i > 0:
        u = heap[(i - 1) // 2]
        if key[u] < k or (key[u] == k and sign * u < sign * v):
            break
        heap[i], place[u] = u, i
        i = (i - 1) // 2
    while 2 * i + 1 < size:
        j = 2 * i + 1
        u = heap[j]
        if j + 1 < size:
            w = heap[j + 1]
            if key[w] < key[u] or (key[w] == key[u] and sign * w < sign * u):
                j, u = j + 1, w
        if key[u] > k or (key[u] == k and sign * u > sign * v):
            break
        heap[i], place[u] = u, i
        i = j
    heap[i], place[v] = v, i


@compiled
def pop(heap, place, key, sign, size):
    """Remove the top of a heap of ``size``."""
    last = heap[size - 1]
    heap[0], place[last] = last, 0
    sift(heap, place, key, sign, size - 1, last)
