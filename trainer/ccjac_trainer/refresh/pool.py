"""A handful of worker processes, and the care that they end when they should."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType

from . import worker
from .messages import Assignment, Done, Lost, Message

_THREADS = (
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""What numba and the linear algebra libraries read when a process starts."""


@dataclass(eq=False)
class Worker:
    """A process and the parent's end of its pipe.

    Attributes:
        assignment: What it works on.
    """

    process: SpawnProcess
    pipe: connection.Connection
    assignment: Assignment | None = None


class Pool:
    """Worker processes on one zoo.  Leaving the context ends them, by force if need be."""

    def __init__(self, zoo_path: Path, size: int) -> None:
        """Prepare; a process starts with the first assignment that needs it.

        Args:
            zoo_path: The user's zoo.
            size: Number of processes.
        """
        self._zoo_path, self._size = zoo_path, size
        self._workers: list[Worker] = []

    @property
    def busy(self) -> bool:
        """Whether anybody works."""
        return any(one.assignment is not None for one in self._workers)

    @property
    def free(self) -> bool:
        """Whether an assignment would be taken up at once."""
        return len(self._workers) < self._size or not all(one.assignment for one in self._workers)

    def assign(self, assignment: Assignment) -> None:
        """Give work to a free worker."""
        chosen = next((one for one in self._workers if one.assignment is None), None) or self._start()
        chosen.assignment = assignment
        try:
            chosen.pipe.send(assignment)
        except OSError:
            # It died while it had nothing to do; `poll` reports that.
            return

    def poll(self, seconds: float) -> Iterator[tuple[Assignment, Message]]:
        """What the workers have to say, waiting up to ``seconds`` for the first word."""
        by_pipe = {one.pipe: one for one in self._workers}
        if not by_pipe:
            time.sleep(seconds)
            return
        for pipe in connection.wait(list(by_pipe), timeout=seconds):
            one = by_pipe[pipe]  # type: ignore[index]
            message: Message
            try:
                message = one.pipe.recv()
            except (EOFError, OSError):
                one.process.join()
                message = Lost(one.process.exitcode)
                self._workers.remove(one)
                one.pipe.close()
            assignment = one.assignment
            if isinstance(message, (Done, Lost)):
                one.assignment = None
            if assignment is not None:
                yield assignment, message

    def stop(self) -> None:
        """Ask all workers to store what they have and to end."""
        for one in self._workers:
            try:
                one.pipe.send(None)
            except OSError:
                continue

    def kill(self) -> None:
        """End all workers at once.  What they stored is safe."""
        for one in self._workers:
            one.process.kill()
        for one in self._workers:
            one.process.join()
            one.pipe.close()
        self._workers.clear()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.busy:
            self.stop()
            for one in self._workers:
                one.process.join(timeout=1.0)
        self.kill()

    def _start(self) -> Worker:
        # A fresh interpreter: forking a process that has threads, JAX's for example, may deadlock the child.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=worker.main, args=(theirs, self._zoo_path), name="ccjac-train worker")
        with _threads(max(1, cores() // self._size)), _no_interrupt():
            process.start()
        theirs.close()
        started = Worker(process, ours)
        self._workers.append(started)
        return started


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _threads(most: int) -> Iterator[None]:
    """Processes that are started inside use at most this many threads each; fewer if the user said so."""
    before = {name: os.environ.get(name) for name in _THREADS}
    try:
        for name, value in before.items():
            wished = int(value) if value is not None and value.isdecimal() and int(value) else math.inf
            os.environ[name] = str(min(most, wished))
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Processes that are started inside never see Ctrl-C, not even before they can ignore it.

    The mask of blocked signals is inherited; one that arrives meanwhile is delivered afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Starting it clears the mask again, so it is started before.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
