"""The child process: takes assignments, searches, stores what it finds.

Only the parent decides when to stop: Ctrl-C reaches all processes of a terminal, and a child that died of it would lose
the order at hand.  A child whose parent is gone stops by itself.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from ccjac.backends.discovery import cost_model
from ccjac.elimination import count
from ccjac.errors import ZooError
from ccjac.fingerprint import Canonical, canonical
from ccjac.ordering import SearchResult, searcher
from ccjac.ordering.toolkit.warm_up import listeners
from ccjac.zoo import Zoo, believed_bound

from .keeper import Keeper
from .messages import Assignment, Compiling, Done, News

_ORPHAN_GRACE = 5.0
"""Seconds that a search without a parent gets to come to its end."""

_TOO_SHORT = 0.01


def main(connection: Connection, zoo_path: Path) -> None:
    """Serve one parent until it says stop or is gone.

    Args:
        connection: Gives :class:`Assignment` and, at the end, ``None``; takes :class:`News` and :class:`Done`.
        zoo_path: The user's zoo.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent shows a live table.  What matters comes as an error or has been said by the parent.
    warnings.simplefilter("ignore")
    inbox = _Inbox(connection)
    zoos = Zoos(zoo_path)
    # Nobody listens any more once the parent is gone.
    with suppress(BrokenPipeError):
        while (assignment := inbox.next()) is not None:
            connection.send(serve(assignment, zoos, connection.send, inbox.stopped.is_set))


class Zoos:
    """The user's zoo, and the shipped ones without it.

    A lookup in the first answers with the user's trained order even where a shipped one is cheaper.
    """

    def __init__(self, path: Path) -> None:
        self.mine = Zoo(path, shipped=None)
        self.shipped = Zoo(path / "none", shipped=None)


def serve(
    assignment: Assignment, zoos: Zoos, tell: Callable[[News | Compiling], None], stopped: Callable[[], bool]
) -> Done:
    """Do one assignment.

    Args:
        assignment: What to do.
        zoos: Where orders come from; improvements go to the user's own.
        tell: Receives the news.
        stopped: Whether the search is to end.
    """
    task = assignment.task
    label, model = canonical(task.graph), cost_model(task.cost)
    began = time.perf_counter()
    problem = ""
    try:
        _search(assignment, zoos, label, tell, stopped)
    except ZooError as error:
        return Done(task.best, task.lower_bound, time.perf_counter() - began, task.method, unwritable=str(error))
    except BrokenPipeError:
        raise
    except Exception as error:
        # A searcher may be anybody's code; the other tasks go on without this one.
        problem = f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - began
    hit = zoos.mine.lookup(label, model)
    if hit is None:
        return Done(None, 0, seconds, "", problem)
    return Done(hit.cost, hit.lower_bound, seconds, hit.method, problem)


def _search(
    assignment: Assignment,
    zoos: Zoos,
    label: Canonical,
    tell: Callable[[News | Compiling], None],
    stopped: Callable[[], bool],
) -> None:
    task, model = assignment.task, cost_model(assignment.task.cost)
    orders = dict.fromkeys(task.starts[:1], task.method) | dict.fromkeys(task.starts[1:], "given")
    # A search elsewhere may have been faster since the work was planned.
    hits = [zoo.lookup(label, model) for zoo in (zoos.mine, zoos.shipped)]
    orders.update((hit.order, hit.method) for hit in hits if hit is not None)
    prices = {order: count(label.source, order).cost(model) for order in orders}
    starts = sorted(orders, key=lambda order: prices[order])
    known = SearchResult(starts[0], prices[starts[0]], 0, orders[starts[0]], 0.0) if starts else None
    own = hits[0] if hits[0] is not None and hits[0].source == "user" else None
    bound = task.lower_bound
    if own is not None and (entry := zoos.mine.get(label.fingerprint)) is not None:
        # What an entry merely claims saves no search.
        bound = believed_bound(entry.graph, entry.orders[model.name], model) if model.name in entry.orders else bound
    keeper = Keeper(
        zoos.mine,
        label,
        model,
        name=task.name,
        method=assignment.method,
        seed=assignment.seed,
        known=known,
        kept=own is not None and known is not None and own.cost <= known.cost,
        bound=bound,
        pending=own is not None and own.pending,
        tell=tell,
        stopped=stopped,
    )
    tell(News(known.cost if known is not None else None, bound, 0.0, ""))
    if own is not None and own.cost <= bound and known is not None and own.cost <= known.cost:
        keeper.finish(known, complete=True)
        return
    if assignment.seconds < _TOO_SHORT or stopped():
        keeper.finish(None, complete=False)
        return

    def pause(now: bool) -> None:
        keeper.pause(now)
        tell(Compiling(now))

    listeners.append(pause)
    result = None
    try:
        # The listener interrupts the search when it is to stop; Ctrl-C itself does not get here.
        with suppress(KeyboardInterrupt):
            result = searcher(assignment.method).search(
                label.source,
                cost=model,
                seconds=assignment.seconds,
                seed=assignment.seed,
                start=starts,
                progress=keeper,
            )
    finally:
        listeners.remove(pause)
        keeper.finish(result, complete=not stopped())


class _Inbox:
    """Receives in a thread, so that a stop is noticed while a search runs."""

    def __init__(self, connection: Connection) -> None:
        self.stopped = threading.Event()
        self._connection = connection
        self._waiting: queue.SimpleQueue[Assignment | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="inbox", daemon=True).start()

    def next(self) -> Assignment | None:
        """The next assignment, ``None`` if there is none left."""
        return self._waiting.get()

    def _listen(self) -> None:
        orphan = False
        try:
            while (message := self._connection.recv()) is not None:
                self._waiting.put(message)
        except (EOFError, OSError):
            orphan = True
        self.stopped.set()
        self._waiting.put(None)
        if orphan:
            # Not every search reports often enough to be stopped by what it is told.
            time.sleep(_ORPHAN_GRACE)
            os._exit(1)
