"""One run over a zoo: who works on what, for how long, and when it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from ccjac.errors import ZooError
from ccjac.zoo import Zoo

from .engine import Engine, Opener, local
from .interrupts import Interrupts
from .messages import Assignment, Compiling, Done, Lost, Message, News
from .state import LEAST_SHARE, Display, Limits, Row, Run
from .task import Task, ranked

_TICK = 0.25
"""Seconds between two looks at the clock."""

_STOP_GRACE = 5.0
"""Seconds that searches get to end after Ctrl-C.  They report about once a second."""

_END_GRACE = 30.0
"""Seconds that searches which do not look at the clock get on top of the whole budget."""

_SILENCE = 3.0
"""Seconds of compilation after which the user is told why nothing happens."""


def run(
    zoo: Zoo,
    tasks: Sequence[Task],
    *,
    method: str,
    seed: int,
    limits: Limits,
    display: Display,
    interrupts: Interrupts,
    engine: Opener = local,
) -> Run:
    """Improve orders in parallel until each had its share, the time is up, or Ctrl-C.

    Args:
        zoo: Where the orders lie and where better ones go, each as soon as it is found.
        tasks: What to improve.
        method: The searcher's name.
        seed: Of every search.
        limits: Time and processes.
        display: Shows what happens.
        interrupts: The first one stops the searches, the second one their processes.
        engine: Where they run.

    Returns:
        How everything stands in the end; ``stopping`` says whether it was interrupted.

    Raises:
        ZooError: The zoo cannot be written.
    """
    share = limits.round(len(tasks))
    jobs = max(1, min(limits.jobs, len(tasks)))
    state = Run([Row.of(task) for task in ranked(tasks, share)], time.monotonic() + limits.total, jobs, share)
    if tasks:
        # Adds nothing; a zoo that cannot be written is better known before the work than after it.
        zoo.charge(tasks[0].graph, 0.0, tasks[0].cost)
    with engine(zoo, jobs) as pool:
        _Loop(state, pool, display, interrupts, method, seed, divide=limits.share is None).run()
    return state


class _Loop:
    """The parent's part of the work: hand out, listen, look at the clock."""

    def __init__(
        self,
        state: Run,
        pool: Engine,
        display: Display,
        interrupts: Interrupts,
        method: str,
        seed: int,
        *,
        divide: bool,
    ) -> None:
        self._state, self._pool, self._display, self._interrupts = state, pool, display, interrupts
        self._method, self._seed, self._divide = method, seed, divide
        self._waiting = list(reversed(state.rows))
        self._rows = {(row.task.fingerprint, row.task.cost): row for row in state.rows}
        self._patience = math.inf
        self._told = self._explained = False

    def run(self) -> None:
        """Return when nobody works any more."""
        self._mind_the_clock()
        self._hand_out()
        while self._pool.busy:
            idle, before = self._idle(), time.monotonic()
            for assignment, message in self._pool.poll(_TICK):
                self._hear(self._rows[assignment.task.fingerprint, assignment.task.cost], message)
            if idle:
                # Starting processes and compiling searchers is not searching: the budget waits while nobody searches.
                self._state.finish += time.monotonic() - before
            self._mind_the_clock()
            self._hand_out()
            self._display.update(self._state)

    def _hand_out(self) -> None:
        """Give every free worker the most urgent task, if there is time for it."""
        state = self._state
        while self._waiting and self._pool.free and not state.stopping:
            left = state.finish - time.monotonic()
            if left <= 0:
                return
            if self._divide and not math.isinf(left):
                # What others left over is divided again.
                state.share = max(LEAST_SHARE, left / math.ceil(len(self._waiting) / state.jobs))
            row = self._waiting.pop()
            row.state, row.share = "running", min(state.share, left)
            self._pool.assign(Assignment(row.task, self._method, row.share, self._seed))

    def _hear(self, row: Row, message: Message) -> None:
        match message:
            case News():
                if row.began is None:
                    row.began = time.monotonic() - message.seconds
                row.best, row.lower_bound, row.method = message.cost, message.lower_bound, message.method or row.method
                self._display.improved(row)
                return
            case Compiling():
                now = time.monotonic()
                if row.compiling is not None and row.began is not None:
                    row.began += now - row.compiling
                    row.compiled += now - row.compiling
                row.compiling = now if message.now else None
                return
            case Done():
                if message.unwritable:
                    raise ZooError(message.unwritable)
                row.best, row.lower_bound, row.method = message.cost, message.lower_bound, message.method
                row.seconds, row.problem = max(0.0, message.seconds - row.compiled), message.problem
            case Lost():
                row.problem = f"its process ended with exit code {message.exit_code}"
        row.state = "failed" if row.problem else "done"
        self._display.ended(row)

    def _idle(self) -> bool:
        """Whether nobody searches yet; if that is because of a long compilation, say so."""
        running = [row for row in self._state.rows if row.state == "running"]
        if any(row.searching for row in running):
            return False
        since = [row.compiling for row in running if row.compiling is not None]
        if since and time.monotonic() - min(since) > _SILENCE and not self._explained:
            self._explained = True
            self._display.say("Compiling the searchers, once per machine; this time does not count.")
        return True

    def _mind_the_clock(self) -> None:
        """Stop the searches when they must end, and the processes if the searches do not."""
        now, state = time.monotonic(), self._state
        if self._interrupts.count and not state.stopping:
            state.stopping = True
            # Processes that are still being started have nothing to save.
            begun = any(row.state == "running" and row.began is not None for row in state.rows)
            self._patience = min(self._patience, now + _STOP_GRACE if begun else now)
            self._display.say("Stopping; everything found so far is kept. Ctrl-C again ends it at once.")
            self._tell_to_stop()
        if now > state.finish + state.share / 10 and not self._told:
            self._patience = min(self._patience, now + _END_GRACE)
            self._tell_to_stop()
        if now >= self._patience or self._interrupts.count > 1:
            for row in state.rows:
                if row.state == "running" and row.began is None:
                    row.state = "waiting"
                elif row.state == "running":
                    row.state = "done"
                    self._display.ended(row)
            self._pool.kill()

    def _tell_to_stop(self) -> None:
        if not self._told:
            self._told = True
            self._pool.stop()
