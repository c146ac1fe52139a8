"""Where searches run: what a run needs of the processes, here or elsewhere, that do its work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from ccjac.zoo import Zoo

from .messages import Assignment, Message
from .pool import Pool


class Engine(Protocol):
    """Workers that take assignments and say how they stand."""

    @property
    def busy(self) -> bool:
        """Whether anybody works."""

    @property
    def free(self) -> bool:
        """Whether an assignment would be taken up at once."""

    def assign(self, assignment: Assignment) -> None:
        """Give work to a free worker."""

    def poll(self, seconds: float) -> Iterator[tuple[Assignment, Message]]:
        """What the workers have to say, waiting up to ``seconds`` for the first word."""

    def stop(self) -> None:
        """Ask all workers to store what they have and to end."""

    def kill(self) -> None:
        """End all workers at once.  What they stored is safe."""


Opener = Callable[[Zoo, int], AbstractContextManager[Engine]]
"""``(zoo, workers) -> engine``; leaving the context ends the workers."""


def local(zoo: Zoo, size: int) -> AbstractContextManager[Engine]:
    """Processes on this machine."""
    return Pool(zoo.path, size)
