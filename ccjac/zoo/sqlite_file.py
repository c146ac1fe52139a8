"""Reading SQLite files that anybody may have written: nothing is changed, nothing takes for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

STEPS = 50_000_000
"""Virtual-machine steps after which a query is abandoned: a hostile file may hold the same page a billion times."""

_ABANDON = partial(int, 1)
"""What says so to SQLite.  Not in Python, which would take a pending Ctrl-C here, where what is raised is swallowed."""

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_busy(error: BaseException) -> bool:
    """Whether ``error`` merely says that another process is writing."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY


def limited(connection: sqlite3.Connection) -> sqlite3.Connection:
    """``connection`` with a limit on the length of a query, and without SQLite's trust in a file's schema."""
    connection.set_progress_handler(_ABANDON, STEPS)
    connection.execute("PRAGMA trusted_schema = OFF")
    # A memory-mapped file that somebody truncates would end the process with SIGBUS.
    connection.execute("PRAGMA mmap_size = 0")
    return connection


@contextmanager
def reading(file: Path, patience: float) -> Iterator[tuple[sqlite3.Connection, frozenset[str]]]:
    """A connection for queries, and the statements that made what is in the file.

    Args:
        file: An existing file.
        patience: Seconds to wait for a process that is just storing something.

    Raises:
        Exception: The file cannot be read.  Of a damaged one messages may be no text, for which Python has other
            errors than :class:`sqlite3.Error`.
    """
    uri = file.absolute().as_uri()
    last = "mode=ro&immutable=1"
    # For writing, because what a killed writer left behind is rolled back by its first reader.  The last one writes not
    # even SQLite's own helper files, for directories that forbid them; it also ignores locks.
    for mode in ("mode=ro", "mode=rw", last):
        with closing(sqlite3.connect(f"{uri}?{mode}", uri=True, timeout=patience)) as connection:
            try:
                limited(connection)
                statements = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
            except Exception as error:
                if mode == last or is_busy(error) or not isinstance(error, sqlite3.OperationalError):
                    raise
                continue
            yield connection, frozenset(str(sql) for (sql,) in statements)
            return
