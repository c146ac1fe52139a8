"""The command line, ``ccjac-train``.  Importing this module loads neither typer nor rich."""

from __future__ import annotations

from ..refresh.interrupts import deadly


def main() -> None:
    """Run the command line on ``sys.argv`` and exit.

    Exit codes: 0 success; 1 an error, said in one paragraph on standard error, or a search that failed; 2 wrong usage;
    130 interrupted, with everything found so far in the zoo.
    """
    with deadly():
        from ccjac.terminal.failures import run

        from .app import app

        run(app, "ccjac-train")
