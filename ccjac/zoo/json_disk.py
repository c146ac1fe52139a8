"""What diskcache may put into and take out of its database: JSON text under fingerprints, nothing else.

diskcache pickles by default, and its ``JSONDisk`` still unpickles rows that are *marked* as pickle (CVE-2025-69872).
It also keeps large values in files whose names it reads from the database and deletes on replacement, wherever they
point.  :class:`JsonDisk` does none of this.
"""

from __future__ import annotations

from typing import Any

from diskcache import UNKNOWN, Disk

from . import codec

MODE_RAW = 1
"""diskcache's mark for values that are stored as they are; 4 would be pickle, 2 and 3 are files."""


class RefusedError(codec.MalformedError):
    """A row or value that is not JSON text under a fingerprint."""


class JsonDisk(Disk):
    """Keys are fingerprints, values are JSON objects stored as text inside the database."""

    def put(self, key: Any) -> tuple[str, bool]:
        """The database key of ``key``."""
        if type(key) is not str or codec.FINGERPRINT.fullmatch(key) is None:
            raise RefusedError(f"{key!r} is no fingerprint")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        """The key of a database key; pickled ones (not ``raw``) are refused."""
        if not raw:
            raise RefusedError("a pickled key")
        return self.put(key)[0]

    def store(self, value: Any, read: bool, key: Any = UNKNOWN) -> tuple[int, int, None, str]:
        """Columns ``(size, mode, filename, value)`` for a JSON object."""
        if read or type(value) is not dict:
            raise RefusedError("only JSON objects are stored")
        return 0, MODE_RAW, None, codec.dumps(value)

    def fetch(self, mode: Any, filename: Any, value: Any, read: bool) -> Any:
        """The JSON value of a row; files, pickles and binary values are refused."""
        if read or mode != MODE_RAW or filename is not None or type(value) is not str:
            raise RefusedError(f"a row of mode {mode!r} is not JSON text")
        return codec.loads(value)

    def filename(self, key: Any = UNKNOWN, value: Any = UNKNOWN) -> tuple[str, str]:
        """There are no files."""
        raise RefusedError("values are not stored in files")

    def remove(self, file_path: Any) -> None:
        """Delete nothing: no file belongs to a row, whatever its ``filename`` column says."""
