"""A compiled guard."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any


class Guard:
    """Checks of everything that a function can reach.

    Attributes:
        holds: ``holds(*roots) -> bool``: whether all that was recorded is still the same, for the roots that were
            recorded or others made by the same code.
        watched: The framework's own objects among what was recorded, weakly, in the order of their discovery.
        obstacle: What could not be guarded, or an empty string.  With an obstacle the function must be traced again
            at every call, whatever ``holds`` says.
    """

    __slots__ = ("__weakref__", "_bonds", "_owners", "holds", "obstacle", "watched")

    def __init__(
        self,
        holds: Callable[..., bool],
        owners: Sequence[weakref.ref[Any]],
        watched: Sequence[weakref.ref[Any]],
        obstacle: str,
    ) -> None:
        self.holds = holds
        self.watched = tuple(watched)
        self.obstacle = obstacle
        self._owners = tuple(owners)
        self._bonds: list[weakref.ref[Any]] = []

    def when_gone(self, call: Callable[[], None]) -> None:
        """Call ``call`` once something dies without which the guard can never hold again (an array, a code object).

        ``call`` may run in any thread at any time, and at once; it must not wait.
        """
        for owner in self._owners:
            alive = owner()
            if alive is None:
                call()
                return
            self._bonds.append(weakref.ref(alive, lambda _: call()))
