"""Search for elimination orders: one searcher per module, all behind one protocol and one function."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ..backends import discovery
from ..cost import CostModel
from ..errors import OrderError, nearest
from ..graph import Graph
from .annealing.searcher import Annealing
from .annealing.windows import LargeNeighbourhood
from .beam.searcher import Beam
from .exact.searcher import Exact
from .greedy.searcher import Greedy
from .portfolio import Portfolio
from .protocol import Certificate, Listener, Progress, Searcher, SearchResult

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Certificate", "Listener", "Progress", "SearchResult", "Searcher", "search", "searchers"]


def searchers() -> dict[str, Searcher]:
    """All order searchers by name, those of plugins included.  A plugin cannot replace a built-in one."""
    return dict(_searchers(discovery.registered()))


@lru_cache(maxsize=8)
def _searchers(_plugins: tuple[object, ...]) -> dict[str, Searcher]:
    """The plugins are asked once, as long as they are the same: a look-up may happen for every order of a zoo."""
    built_in: list[Searcher] = [Portfolio(), Greedy(), Annealing(), Beam(), Exact(), LargeNeighbourhood()]
    return {s.name: s for s in reversed([*built_in, *discovery.answers("ccjac_searchers")])}


def forget() -> None:
    """Ask the plugins again."""
    _searchers.cache_clear()


def searcher(method: str) -> Searcher:
    """Look a searcher up.

    Raises:
        OrderError: An unknown name.
    """
    known = searchers()
    if method not in known:
        names = ", ".join(sorted(known))
        raise OrderError(f"`method` must be one of {names}; got {method!r}.{nearest(method, known)}")
    return known[method]


def search(
    graph: Graph,
    *,
    method: str = "portfolio",
    cost: str | CostModel = "multiplications",
    seconds: float = 10.0,
    seed: int = 0,
    start: Sequence[Sequence[int]] = (),
    progress: Listener | None = None,
) -> SearchResult:
    """Look for a cheap elimination order of ``graph``.

    Args:
        graph: From :func:`ccjac.trace` or :meth:`ccjac.Graph.from_edges`.
        method: ``"greedy"``, ``"annealing"``, ``"beam"``, ``"exact"``, ``"lns"``, ``"portfolio"`` (what is worth its
            time, together), or the name of a plugin's searcher.
        cost: ``"multiplications"``, ``"structural"``, a registered name, or a :class:`ccjac.CostModel`.
        seconds: Wall-clock budget.  Compiling the searchers' kernels, once per machine, is on top.
        seed: Same seed, same decisions.
        start: Orders to improve on; each must be a full order of ``graph``.
        progress: Receives :class:`ccjac.ordering.Progress` while the search runs.

    Returns:
        The best order found, its cost, a lower bound on the cost of every order and why it holds.  Ctrl-C ends the
        search early and returns the best order so far.

    Raises:
        OrderError: An unknown method, or a start that is no order of ``graph``.
        CcjacError: An unknown cost model.
    """
    from ..elimination import check_order
    from ..graph import checked_graph

    graph = checked_graph("search", graph)
    starts = [check_order(graph, order) for order in start]
    model = discovery.cost_model(cost)
    return searcher(method).search(graph, cost=model, seconds=seconds, seed=seed, start=starts, progress=progress)
