"""The command line, ``ccjac``.  Importing this package loads neither typer nor rich."""

from __future__ import annotations

import os
import signal
import threading

_INTERRUPTED = 130
"""What shells report of a process that Ctrl-C ended."""


def main() -> None:
    """Run the command line on ``sys.argv`` and exit.

    Exit codes: 0 success; 1 an error, said in one paragraph on standard error, or a check that failed; 2 wrong usage;
    130 interrupted.
    """
    # Only the main thread may; elsewhere the interrupt goes where it always goes.
    handling = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, _leave) if handling else None
    try:
        from ..terminal.failures import run
        from .app import app

        run(app, "ccjac")
    finally:
        if handling:
            signal.signal(signal.SIGINT, before)


def _leave(number: int, frame: object) -> None:
    """End at once: what is written to a zoo is written whole or not at all, and nothing else is worth keeping.

    An exception would have to find its way out of whatever runs; raised while compiled code runs in other threads, or
    while a framework is being imported, it ended in a crash of the interpreter.
    """
    # A progress bar hides the cursor.
    os.write(2, b"\x1b[?25h\nInterrupted.\n" if os.isatty(2) else b"\nInterrupted.\n")
    os._exit(_INTERRUPTED)
