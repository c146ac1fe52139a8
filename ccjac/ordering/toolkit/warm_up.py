"""Compiling before a clock starts: on the smallest graphs there are, and so that whoever waits can be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..states.bits import Packed, pack_edges

listeners: list[Callable[[bool], None]] = []
"""Told ``True`` when a search stops its clock to load or compile kernels, and ``False`` when it goes on."""


def on_smallest_graphs(run: Callable[[Packed], object]) -> None:
    """Load or compile kernels by ``run`` on a graph of two vertices, with units and without."""
    for units in (False, True):
        run(pack_edges([1, 2], [(0, 1, True), (1, 2, False), (2, 3, True)], (1, 0, 0), units))


@contextmanager
def announced() -> Iterator[None]:
    """Tells the :data:`listeners` of what happens inside."""
    for listener in listeners:
        listener(True)
    try:
        yield
    finally:
        for listener in listeners:
            listener(False)
