"""Workers on a Ray cluster (Moritz et al., OSDI 2018).

Ray finds machines, starts processes and carries messages.  One process, this one, keeps the zoo: it writes every order
that a worker sends as soon as it arrives.  A task whose worker is lost goes to another one, for the time that is left,
from the best order that had arrived.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ccjac.backends.discovery import cost_model
from ccjac.errors import CcjacError
from ccjac.fingerprint import canonical
from ccjac.ordering import SearchResult
from ccjac.zoo import Zoo

from .engine import Engine, Opener
from .messages import Assignment, Done, Lost, Message
from .ray_worker import RemoteWorker, Report

_TRIES = 3
"""How often a task is begun before its workers' loss is taken for its own fault."""


def connect(address: str) -> tuple[Opener, int]:
    """How to open workers on the cluster at ``address``, and how many it has room for.

    Raises:
        CcjacError: Ray is not installed, or the cluster does not answer.
    """
    try:
        import ray
    except ImportError:
        raise CcjacError("`--engine ray` needs Ray; install it with `pip install ccjac[ray]`.") from None

    ours = not ray.is_initialized()
    if ours:
        try:
            ray.init(address=address or None, log_to_driver=False, logging_level="error")
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise CcjacError(f"no Ray cluster answers at {address or 'RAY_ADDRESS'!r}: {error}") from error

    @contextmanager
    def opened(zoo: Zoo, size: int) -> Iterator[Engine]:
        pool = RayPool(ray, zoo, size)
        try:
            yield pool
        finally:
            pool.kill()
            if ours:
                ray.shutdown()

    return opened, max(1, int(ray.cluster_resources().get("CPU", 1)))


@dataclass(eq=False)
class _Remote:
    """An actor and what it works on.

    Attributes:
        actor: Ray's handle.
        assignment: As the run gave it.
        reports: Ray's generator of its reports.
        began: ``time.monotonic()`` of the assignment.
        tries: How often the assignment was begun.
        best: The best order that arrived.
    """

    actor: Any
    assignment: Assignment | None = None
    reports: Any = None
    began: float = 0.0
    tries: int = 0
    best: SearchResult | None = None


class RayPool:
    """See :class:`.engine.Engine`."""

    def __init__(self, ray: Any, zoo: Zoo, size: int) -> None:
        self._ray, self._zoo, self._size = ray, zoo, size
        self._remotes: list[_Remote] = []
        self._stopping = False

    @property
    def busy(self) -> bool:
        """Whether anybody works."""
        return any(one.assignment is not None for one in self._remotes)

    @property
    def free(self) -> bool:
        """Whether an assignment would be taken up at once."""
        return len(self._remotes) < self._size or not all(one.assignment for one in self._remotes)

    def assign(self, assignment: Assignment) -> None:
        """Give work to a free worker."""
        one = next((one for one in self._remotes if one.assignment is None), None)
        if one is None:
            one = _Remote(self._start())
            self._remotes.append(one)
        one.assignment, one.best, one.tries = assignment, None, 0
        self._begin(one, assignment)

    def poll(self, seconds: float) -> Iterator[tuple[Assignment, Message]]:
        """What the workers have to say, waiting up to ``seconds`` for the first word."""
        by_reports = {one.reports: one for one in self._remotes if one.assignment is not None}
        if not by_reports:
            time.sleep(seconds)
            return
        ready, _ = self._ray.wait(list(by_reports), num_returns=1, timeout=seconds)
        for reports in ready:
            one = by_reports[reports]
            assignment = one.assignment
            assert assignment is not None
            message = self._hear(one, assignment)
            if message is not None:
                yield assignment, message

    def stop(self) -> None:
        """Ask all workers to end their searches."""
        self._stopping = True
        for one in self._remotes:
            one.actor.stop.remote()

    def kill(self) -> None:
        """End all workers at once.  What arrived is stored."""
        for one in self._remotes:
            self._ray.kill(one.actor)
        self._remotes.clear()

    def _start(self) -> Any:
        # One thread searches, one hears that it is to stop.
        remote = self._ray.remote(RemoteWorker)
        return remote.options(num_cpus=1, max_concurrency=2, max_restarts=0).remote()

    def _begin(self, one: _Remote, assignment: Assignment) -> None:
        one.began, one.tries = time.monotonic(), one.tries + 1
        one.reports = one.actor.serve.options(num_returns="streaming").remote(assignment)

    def _hear(self, one: _Remote, assignment: Assignment) -> Message | None:
        """Take one report; ``None`` if the task went to another worker."""
        try:
            report: Report = self._ray.get(next(one.reports))
        except (self._ray.exceptions.RayError, StopIteration):
            return self._lost(one, assignment)
        message = report.message
        over = isinstance(message, Done)
        if report.best is not None:
            one.best = report.best
        # An order that its whole time did not improve waits no longer; one that was not searched to the end does.
        better = one.best is not None and (assignment.task.best is None or one.best.cost < assignment.task.best)
        if report.best is not None and (better or (over and not self._stopping)):
            self._keep(assignment, report.best)
        if isinstance(message, Done):
            label, model = canonical(assignment.task.graph), cost_model(assignment.task.cost)
            self._zoo.charge(label, message.seconds, model)
            one.assignment = None
        return message

    def _keep(self, assignment: Assignment, best: SearchResult) -> None:
        task = assignment.task
        label, model = canonical(task.graph), cost_model(task.cost)
        self._zoo.improve(label, best, model, name=task.name, seed=assignment.seed)

    def _lost(self, one: _Remote, assignment: Assignment) -> Message | None:
        left = assignment.seconds - (time.monotonic() - one.began)
        if one.tries >= _TRIES or self._stopping:
            self._remotes.remove(one)
            return Lost(None)
        one.actor = self._start()
        task = assignment.task
        if one.best is not None:
            task = replace(task, starts=(one.best.order, *task.starts), best=one.best.cost, method=one.best.method)
        self._begin(one, replace(assignment, task=task, seconds=max(left, 0.0)))
        return None
