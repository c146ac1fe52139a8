"""The user's zoo on disk: one SQLite file with one table, of JSON texts by fingerprint.

No connection outlives a call, so nothing is shared between threads or inherited by a forked process.  The journal is
SQLite's rollback journal: its other one, the write-ahead log, needs shared memory, which network file systems lack.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from . import codec, legacy
from .entry import Entry
from .sqlite_file import is_busy, limited, reading
from .trouble import Trouble

log = logging.getLogger("ccjac")

FILE = "orders.db"
_TABLE = "CREATE TABLE orders (fingerprint TEXT PRIMARY KEY NOT NULL, entry TEXT NOT NULL)"
_ENTRY = f"CASE WHEN typeof(entry) = 'text' AND length(entry) <= {codec.MAX_CHARACTERS} THEN entry END"

PATIENCE = 30.0
"""Seconds to wait for other writers with an order that took long to find.  Nothing waits for one that did not."""

GLANCE = 0.05
"""Seconds to wait in a lookup: as long as a writer takes to store an entry.  A miss costs less than waiting longer."""


class UnavailableError(Exception):
    """The zoo on disk cannot be read or written now."""


class BusyError(UnavailableError):
    """Another process is writing; nothing is wrong."""


class UserStore:
    """Entries under their fingerprints in a directory.  A missing directory is an empty store until the first write."""

    def __init__(self, directory: Path, trouble: Trouble | None = None) -> None:
        """Use a directory.

        Args:
            directory: It need not exist.
            trouble: Whom to tell what goes wrong, by default one of its own.
        """
        self.directory = directory
        self.trouble = trouble or Trouble(f"in {str(directory)!r}")
        self._unwritable = False

    def read(self, fingerprint: str) -> Any | None:
        """The JSON value stored under ``fingerprint``, unchecked; ``None`` if there is none or it cannot be read."""
        rows = self._select(GLANCE, fingerprint)
        try:
            return _parsed(rows[0][1]) if rows else None
        except codec.MalformedError as error:
            self.trouble.report(f"the entry {fingerprint} was ignored", error)
            return None

    def rows(self) -> Iterator[tuple[str, Any]]:
        """All fingerprints with their unchecked JSON values; what is not JSON comes as the error that says so."""
        for key, text in self._select(PATIENCE):
            try:
                yield str(key), _parsed(text)
            except codec.MalformedError as error:
                yield str(key), error

    def obstacle(self) -> str | None:
        """Why the file cannot be read; ``None`` if it can, or if there is none."""
        try:
            self._rows(PATIENCE, None)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    def update(
        self, fingerprint: str, change: Callable[[Entry | None], Entry | None], *, patience: float | None = None
    ) -> None:
        """Replace an entry by what ``change`` makes of it, while all other processes wait.

        Args:
            fingerprint: The key.
            change: From the stored entry, ``None`` if there is none or it is unreadable, to the one to store; if it
                returns its argument, nothing is written.
            patience: Seconds to wait for other writers, by default :data:`PATIENCE`.

        Raises:
            UnavailableError: Nothing was stored; the disk is full or read-only, the file is locked, damaged or
                foreign, or holds an entry of a newer schema under this key.
        """
        old = _entry(self.read(fingerprint))
        if old is not None and change(old) is old:
            return
        with self._writing(PATIENCE if patience is None else patience) as connection:
            query = f"SELECT {_ENTRY} FROM orders WHERE fingerprint = ?"
            found = connection.execute(query, (fingerprint,)).fetchone()
            old = _entry(found[0] if found is not None else None)
            new = change(old)
            if new is not None and new is not old:
                self._put(connection, [(fingerprint, codec.dumps(codec.encode(new)))])

    def remember(self, fingerprint: str, change: Callable[[Entry | None], Entry]) -> None:
        """:meth:`update` for what is not worth waiting for; after one failed write it does not try again.

        Raises:
            UnavailableError: As :meth:`update`.
        """
        if self._unwritable:
            raise UnavailableError("an earlier write failed")
        self.update(fingerprint, change, patience=0.0)

    def discard(self, unwanted: Callable[[str, Any], bool]) -> int:
        """Delete the rows of which ``unwanted(key, value)`` holds, as :meth:`rows` gives them.  Returns how many.

        Raises:
            UnavailableError: Nothing was deleted.
        """
        if not self._exists() and not legacy.exists(self.directory):
            return 0
        with self._writing(PATIENCE) as connection:
            doomed = []
            for rowid, key, text in connection.execute(f"SELECT rowid, fingerprint, {_ENTRY} FROM orders").fetchall():
                try:
                    value = _parsed(text)
                except codec.MalformedError as error:
                    value = error
                if unwanted(key if type(key) is str else "", value):
                    doomed.append((rowid,))
            connection.executemany("DELETE FROM orders WHERE rowid = ?", doomed)
        return len(doomed)

    def _exists(self) -> bool:
        try:
            return (self.directory / FILE).stat().st_size > 0
        except (OSError, ValueError):
            return False

    def _select(self, patience: float, fingerprint: str | None = None) -> list[tuple[Any, Any]]:
        """Fingerprints and texts, none if there is no file or it cannot be read."""
        try:
            return self._rows(patience, fingerprint)
        except Exception as error:
            # Not sqlite3.Error alone: a damaged file makes for messages that are no text, which Python cannot decode.
            if is_busy(error):
                log.debug("order zoo in %r: busy, taken as empty", str(self.directory))
            else:
                self.trouble.report("it cannot be read and counts as empty; if it is damaged, move it away", error)
            return []

    def _rows(self, patience: float, fingerprint: str | None) -> list[tuple[Any, Any]]:
        if not self._exists():
            if not legacy.exists(self.directory):
                return []
            return legacy.rows(self.directory, patience, fingerprint)
        with reading(self.directory / FILE, patience) as (connection, statements):
            if not statements:
                # Another process is creating it right now.
                return []
            if _TABLE not in statements:
                raise UnavailableError("the file holds other things than orders")
            query = f"SELECT fingerprint, {_ENTRY} FROM orders"
            if fingerprint is None:
                return connection.execute(f"{query} ORDER BY 1").fetchall()
            return connection.execute(f"{query} WHERE fingerprint = ?", (fingerprint,)).fetchall()

    @contextmanager
    def _writing(self, patience: float) -> Iterator[sqlite3.Connection]:
        """A transaction with the write lock; every failure becomes :class:`UnavailableError`."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            fresh = not self._exists()
            file = self.directory / FILE
            with closing(sqlite3.connect(file, timeout=patience, isolation_level=None)) as connection:
                limited(connection)
                connection.execute("PRAGMA journal_mode = DELETE")
                # The system may lose the last entries when the power fails; the file stays sound.
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("BEGIN IMMEDIATE")
                self._prepare(connection, fresh)
                yield connection
                connection.execute("COMMIT")
        except Exception as error:
            # A damaged file makes for other errors than sqlite3.Error too; an order that cannot be stored is no reason
            # to fail.
            if is_busy(error):
                raise BusyError("another process is writing (the database is locked)") from error
            self._unwritable = True
            if isinstance(error, UnavailableError):
                raise
            raise UnavailableError(f"{type(error).__name__}: {error}") from error

    def _prepare(self, connection: sqlite3.Connection, fresh: bool) -> None:
        """Make the table, with what an older version left; refuse files that were made for anything else."""
        statements = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
        if statements - {_TABLE}:
            strange = sorted(map(repr, statements - {_TABLE}))[:3]
            raise UnavailableError(f"the file holds other things than orders: {strange}")
        if statements:
            return
        connection.execute(_TABLE)
        if fresh and legacy.exists(self.directory):
            self._put(connection, legacy.rows(self.directory, GLANCE))

    @staticmethod
    def _put(connection: sqlite3.Connection, rows: list[tuple[str, Any]]) -> None:
        connection.executemany("INSERT OR REPLACE INTO orders (fingerprint, entry) VALUES (?, ?)", rows)


def _parsed(text: Any) -> Any:
    """The JSON object that a row holds.

    Raises:
        MalformedError: Anything else.
    """
    if type(text) is not str:
        raise codec.MalformedError("a row that is not JSON text")
    value = codec.loads(text)
    if type(value) is not dict:
        raise codec.MalformedError("JSON, but no object")
    return value


def _entry(found: Any) -> Entry | None:
    """The entry in a row's text or value, ``None`` if there is none or it is unreadable."""
    try:
        return None if found is None else codec.decode(_parsed(found) if type(found) is str else found)
    except codec.NewerError as error:
        raise UnavailableError(f"the stored entry is newer than this version of ccjac: {error}") from None
    except codec.MalformedError:
        return None
