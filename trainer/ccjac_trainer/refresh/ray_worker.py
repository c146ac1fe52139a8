"""The far end of a Ray cluster: does assignments with a zoo of its own, and sends home what it finds.

Only the process that started the run writes to the user's zoo; a worker may be on a machine that does not see it.
"""

from __future__ import annotations

import queue
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ccjac.backends.discovery import cost_model
from ccjac.fingerprint import canonical
from ccjac.ordering import SearchResult
from ccjac.zoo import Zoo
from ccjac.zoo.certificates import certificate_of

from .messages import Assignment, Done, Message
from .worker import Zoos, serve

_OFTEN = 0.2
"""Seconds between two orders that are sent home before the search ends."""


@dataclass(frozen=True)
class Report:
    """A word from a worker.

    Attributes:
        message: For the run.
        best: The best order so far in canonical numbering, if there is a new one.
    """

    message: Message
    best: SearchResult | None = None


class RemoteWorker:
    """One worker; a call of :meth:`serve` at a time, and :meth:`stop` beside it."""

    def __init__(self) -> None:
        warnings.simplefilter("ignore")
        self._stopped = threading.Event()
        self._home = tempfile.TemporaryDirectory(prefix="ccjac-")

    def stop(self) -> None:
        """End the search at hand and take no other."""
        self._stopped.set()

    def serve(self, assignment: Assignment) -> Iterator[Report]:
        """Do one assignment and report as it goes; the last report is ``Done``, with the best order."""
        with tempfile.TemporaryDirectory(dir=self._home.name) as folder:
            zoos, said = Zoos(Path(folder)), queue.SimpleQueue[Message | BaseException]()

            def work() -> None:
                try:
                    said.put(serve(assignment, zoos, said.put, self._stopped.is_set))
                except BaseException as error:  # raised where it is heard
                    said.put(error)

            threading.Thread(target=work, name="search", daemon=True).start()
            sent, when = assignment.task.best if assignment.task.kept else None, time.monotonic()
            while True:
                message = said.get()
                if isinstance(message, BaseException):
                    raise message
                over = isinstance(message, Done)
                best = None
                if over or time.monotonic() - when > _OFTEN:
                    found = stored(zoos.mine, assignment)
                    when = time.monotonic()
                    if found is not None and (over or sent is None or found.cost < sent):
                        best, sent = found, found.cost
                yield Report(message, best)
                if over:
                    return


def stored(zoo: Zoo, assignment: Assignment) -> SearchResult | None:
    """The order that a zoo holds for an assignment."""
    task = assignment.task
    label, model = canonical(task.graph), cost_model(task.cost)
    hit, entry = zoo.lookup(label, model), zoo.get(label.fingerprint)
    if hit is None or entry is None or hit.source != "user":
        return None
    kept = entry.orders[model.name]
    return SearchResult(hit.order, hit.cost, kept.lower_bound, kept.method, 0.0, (), certificate_of(kept))
