"""Ctrl-C that cannot get lost.

Python raises ``KeyboardInterrupt`` wherever the main thread happens to be.  From a callback of C code, such as the one
with which the import system forgets a module's lock, or from a finalizer nobody hands the exception on, and the program
goes on as if nothing had happened.  So no handler of this module raises anything.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 130
"""What shells report of a process that Ctrl-C ended."""


class Interrupts:
    """How often the user has pressed Ctrl-C."""

    # No dataclass: its import would be the longest part of the time in which Ctrl-C is not yet handled.
    def __init__(self) -> None:
        self.count = 0


@contextmanager
def counted() -> Iterator[Interrupts]:
    """Inside, Ctrl-C is counted only, so that nothing is left half done."""
    interrupts = Interrupts()

    def count(number: int, frame: FrameType | None) -> None:
        interrupts.count += 1

    with _handled(count):
        yield interrupts


@contextmanager
def deadly() -> Iterator[None]:
    """Inside, Ctrl-C ends the process at once; what is written to a zoo is written whole or not at all."""

    def leave(number: int, frame: FrameType | None) -> None:
        os._exit(EXIT_CODE)

    with _handled(leave):
        yield


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    # Only the main thread may; elsewhere the interrupt goes where it always goes.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
