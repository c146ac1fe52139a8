"""Searchers that import their framework when they search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from ccjac.cost import CostModel
from ccjac.graph import Graph
from ccjac.ordering.protocol import Listener, Searcher, SearchResult

from .needs import require


@dataclass
class LearningSearcher:
    """A learning searcher by name.

    Attributes:
        name: ``"alphazero"`` or ``"ppo"``.
        missing: Packages that it needs and that are not installed.
    """

    name: str
    missing: tuple[str, ...] = ()

    def search(
        self,
        graph: Graph,
        *,
        cost: CostModel,
        seconds: float,
        seed: int,
        start: Sequence[Sequence[int]] = (),
        progress: Listener | None = None,
    ) -> SearchResult:
        """See :class:`ccjac.ordering.protocol.Searcher`.

        Raises:
            CcjacError: The packages of the extra ``train`` are not installed.
        """
        require(f"`method={self.name!r}`", self.missing)
        return _searcher(self.name).search(graph, cost=cost, seconds=seconds, seed=seed, start=start, progress=progress)


@cache
def _searcher(name: str) -> Searcher:
    from .agent.alphazero import AlphaZero
    from .agent.ppo import PPO

    return AlphaZero() if name == "alphazero" else PPO()
