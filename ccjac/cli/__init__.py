"""The command line, ``ccjac``.  Importing this package loads neither typer nor rich."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line on ``sys.argv`` and exit.

    Exit codes: 0 success; 1 an error of ccjac's own, said in one paragraph on standard error, or a check that failed;
    2 wrong usage.  Any other exception is the differentiated function's own and keeps its traceback.
    """
    from ..errors import CcjacError
    from ..terminal import complain
    from .app import app

    try:
        app(prog_name="ccjac")
    except CcjacError as error:
        complain(error)
        sys.exit(1)
