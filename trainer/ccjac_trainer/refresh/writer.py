"""Writing beside the search: a search that improves its order a hundred times a second must not wait for the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from ccjac.ordering import SearchResult


class Writer:
    """A thread that writes the latest of the orders it was given; what was overtaken before its turn is skipped."""

    def __init__(self, write: Callable[[SearchResult], None]) -> None:
        self._write = write
        self._threads = ThreadPoolExecutor(1, "writer")
        self._work: Future[None] | None = None
        self._lock = threading.Lock()
        self._latest: SearchResult | None = None
        self._running = False

    def offer(self, best: SearchResult) -> None:
        """Have an order written soon."""
        with self._lock:
            self._latest = best
            if self._running:
                return
            self._running = True
        self._work = self._threads.submit(self._drain)

    def settle(self, seconds: float | None = None) -> None:
        """Wait until everything is written, but not longer than ``seconds``.

        Raises:
            Exception: What the last write raised; nothing is written after that.
        """
        if self._work is not None:
            wait([self._work], timeout=seconds)
            if self._work.done():
                self._work.result()

    def close(self) -> None:
        """End the thread once it has written what it has."""
        self._threads.shutdown()

    def _drain(self) -> None:
        while True:
            with self._lock:
                best, self._latest = self._latest, None
                if best is None:
                    self._running = False
                    return
            self._write(best)
