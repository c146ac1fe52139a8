"""The user's zoo on disk: one SQLite file, read directly and written through diskcache.

Reading opens the file read-only and looks at one row; that takes half a millisecond, where opening a
``diskcache.Cache`` takes five, since it writes its settings.  No connection outlives a call, so nothing is shared
between threads or inherited by a forked process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from . import codec
from .entry import Entry
from .trouble import Trouble

_FILE = "cache.db"
_SAFE = (
    "raw = 1 AND mode = 1 AND filename IS NULL AND typeof(key) = 'text' AND typeof(value) = 'text' "
    f"AND length(value) <= {codec.MAX_CHARACTERS}"
)
PATIENCE, HASTE = 30.0, 2.0
"""Seconds to wait for other writers, with an order that took long to find and with one that did not."""

_STEPS = 50_000_000
"""Virtual-machine steps after which a query is abandoned: a database may define its tables as endless views."""

_ABANDON = partial(int, 1)
"""What says so to SQLite.  Not in Python, which would take a pending Ctrl-C here, where what is raised is swallowed."""

_OBJECTS = {
    ("table", "Settings"),
    ("table", "Cache"),
    ("index", "sqlite_autoindex_Settings_1"),
    ("index", "Cache_key_raw"),
    ("index", "Cache_expire_time"),
    ("trigger", "Settings_count_insert"),
    ("trigger", "Settings_count_delete"),
    ("trigger", "Settings_size_insert"),
    ("trigger", "Settings_size_update"),
    ("trigger", "Settings_size_delete"),
}
"""What diskcache creates.  A file with anything else in it was not made for orders."""

_SETTINGS = {
    "statistics": 0,
    "tag_index": 0,
    "eviction_policy": "none",
    "size_limit": 1 << 62,
    "cull_limit": 0,
    "sqlite_auto_vacuum": 1,
    "sqlite_cache_size": 1 << 13,
    "sqlite_journal_mode": "wal",
    "sqlite_mmap_size": 0,
    "sqlite_synchronous": 1,
    "disk_min_file_size": 1 << 62,
    "disk_pickle_protocol": 0,
}
"""Every setting that diskcache has, so that none is taken from the file.  Nothing is evicted or culled; memory mapping
is off because a truncated file would end the process with SIGBUS."""

_COUNTERS = ("count", "size", "hits", "misses")


class UnavailableError(Exception):
    """The zoo on disk cannot be read or written now."""


class UserStore:
    """Entries under their fingerprints in a directory.  A missing directory is an empty store until the first write."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.trouble = Trouble(f"in {str(directory)!r}")
        self._unwritable = False

    def read(self, fingerprint: str) -> Any | None:
        """The JSON value stored under ``fingerprint``, unchecked; ``None`` if there is none or it cannot be read."""
        query = f"SELECT CASE WHEN {_SAFE} THEN value END FROM Cache WHERE key = ? AND raw = 1"
        rows = self._select(query, fingerprint)
        try:
            return self._parsed(rows[0][0]) if rows else None
        except codec.MalformedError as error:
            self.trouble.report(f"the entry {fingerprint} was ignored", error)
            return None

    def rows(self) -> Iterator[tuple[str, Any]]:
        """All fingerprints with their unchecked JSON values; what is not JSON comes as the error that says so."""
        query = f"SELECT CASE WHEN {_SAFE} THEN key ELSE '' END, CASE WHEN {_SAFE} THEN value END FROM Cache ORDER BY 1"
        for key, text in self._select(query):
            try:
                yield key, self._parsed(text)
            except codec.MalformedError as error:
                yield key, error

    @staticmethod
    def _parsed(text: str | None) -> Any:
        if text is None:
            raise codec.MalformedError("a row that is not JSON text")
        value = codec.loads(text)
        if type(value) is not dict:
            raise codec.MalformedError("JSON, but no object")
        return value

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
        old = self._entry(lambda: self.read(fingerprint))
        if old is not None and change(old) is old:
            return
        with self._writing(PATIENCE if patience is None else patience) as cache, cache.transact():
            old = self._entry(lambda: cache.get(fingerprint))
            new = change(old)
            if new is not None and new is not old:
                cache.set(fingerprint, codec.encode(new))

    @staticmethod
    def _entry(value: Callable[[], Any]) -> Entry | None:
        """The entry that ``value()`` reads, ``None`` if there is none or it is unreadable."""
        try:
            found = value()
            return None if found is None else codec.decode(found)
        except codec.NewerError as error:
            raise UnavailableError(f"the stored entry is newer than this version of ccjac: {error}") from None
        except codec.MalformedError:
            return None

    def remember(self, fingerprint: str, change: Callable[[Entry | None], Entry]) -> None:
        """:meth:`update` for what is not worth waiting for; after one failed write it does not try again.

        Raises:
            UnavailableError: As :meth:`update`.
        """
        if self._unwritable:
            raise UnavailableError("an earlier write failed")
        self.update(fingerprint, change, patience=HASTE)

    def discard(self, unwanted: Callable[[str, Any], bool]) -> int:
        """Delete the rows of which ``unwanted(key, value)`` holds, as :meth:`rows` gives them.  Returns how many.

        Raises:
            UnavailableError: Nothing was deleted.
        """
        if not self._exists():
            return 0
        with self._guarded(PATIENCE) as connection:
            query = f"SELECT rowid, key, CASE WHEN {_SAFE} THEN value END FROM Cache"
            doomed = []
            for rowid, key, text in connection.execute(query).fetchall():
                try:
                    value = self._parsed(text)
                except codec.MalformedError as error:
                    value = error
                if unwanted(key if type(key) is str else "", value):
                    doomed.append((rowid,))
            connection.executemany("DELETE FROM Cache WHERE rowid = ?", doomed)
            connection.commit()
        return len(doomed)

    def _exists(self) -> bool:
        try:
            return (self.directory / _FILE).stat().st_size > 0
        except (OSError, ValueError):
            return False

    def _select(self, query: str, *parameters: Any) -> list[Any]:
        """Rows of a query, none if there is no database or it cannot be read."""
        if not self._exists():
            return []
        try:
            connection, has_orders = self._reader()
            with closing(connection):
                # Another process may be creating the database right now.
                return connection.execute(query, parameters).fetchall() if has_orders else []
        except Exception as error:
            # Not sqlite3.Error alone: a damaged file makes for messages that are no text, which Python cannot decode.
            self.trouble.report("it cannot be read and counts as empty; if it is damaged, move it away", error)
            return []

    def _reader(self) -> tuple[sqlite3.Connection, bool]:
        """A connection that writes nothing, not even SQLite's own helper files if the directory forbids them.

        With it comes whether the table of orders is there.
        """
        uri = (self.directory / _FILE).absolute().as_uri()
        last = "mode=ro&immutable=1"
        # Twice, because a process that just closes the file as its last user removes SQLite's helper files.
        for mode in ("mode=ro", "mode=ro", last):
            connection = sqlite3.connect(f"{uri}?{mode}", uri=True, timeout=HASTE)
            try:
                connection.set_progress_handler(_ABANDON, _STEPS)
                rows = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'Cache'").fetchall()
                return connection, bool(rows)
            except BaseException as error:
                connection.close()
                # `immutable` also ignores locks, so a file that is merely locked must not be opened that way.
                if mode == last or not isinstance(error, sqlite3.OperationalError) or "locked" in str(error):
                    raise
        raise AssertionError

    @contextmanager
    def _writing(self, patience: float) -> Iterator[Any]:
        """A ``diskcache.Cache`` on the directory; every failure becomes :class:`UnavailableError`."""
        from diskcache import Cache

        from .json_disk import JsonDisk

        # Made in two steps: a cache that fails half-way has a connection to close.
        cache = Cache.__new__(Cache)
        guard = ExitStack()
        try:
            if self._exists():
                # Kept open until the end: SQLite flushes everything to the disk whenever the last connection closes.
                guard.enter_context(self._guarded(patience)).rollback()
            cache.__init__(str(self.directory), timeout=patience, disk=JsonDisk, **_SETTINGS)
            yield cache
        except Exception as error:
            # A damaged database makes diskcache fail in many ways, not with sqlite3.Error alone; an order that cannot
            # be stored is no reason to fail.
            self._unwritable = True
            if isinstance(error, UnavailableError):
                raise
            raise UnavailableError(f"{type(error).__name__}: {error}") from error
        finally:
            with suppress(Exception):
                cache.close()
            with suppress(UnavailableError):
                guard.close()

    @contextmanager
    def _guarded(self, patience: float) -> Iterator[sqlite3.Connection]:
        """A connection with the write lock on a file that holds nothing but what diskcache creates.

        diskcache obeys the file's settings table: it would run any PRAGMA and overwrite any of its own attributes.  It
        also waits a minute for a lock.  So the file is looked at before.
        """
        try:
            with closing(sqlite3.connect(self.directory / _FILE, timeout=patience)) as connection:
                connection.set_progress_handler(_ABANDON, _STEPS)
                connection.execute("BEGIN IMMEDIATE")
                strange = set(connection.execute("SELECT type, name FROM sqlite_master")) - _OBJECTS
                tables = set(connection.execute("SELECT name FROM sqlite_master WHERE name = 'Settings'"))
                if tables and not strange:
                    keys = {key for (key,) in connection.execute("SELECT key FROM Settings")}
                    strange = keys - _SETTINGS.keys() - set(_COUNTERS)
                if strange:
                    raise UnavailableError(f"the file holds other things than orders: {sorted(map(repr, strange))[:3]}")
                yield connection
        except UnavailableError:
            raise
        except Exception as error:
            raise UnavailableError(f"{type(error).__name__}: {error}") from error
