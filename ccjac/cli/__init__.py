"""The command line, ``ccjac``.  Importing this package loads neither typer nor rich."""

from __future__ import annotations


def main() -> None:
    """Run the command line on ``sys.argv`` and exit.

    Exit codes: 0 success; 1 an error, said in one paragraph on standard error, or a check that failed; 2 wrong usage;
    130 interrupted.
    """
    from ..terminal.failures import run
    from .app import app

    run(app, "ccjac")
