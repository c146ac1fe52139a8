"""Orders that version 0.1 stored: a ``diskcache`` database, read here without that package and never written.

The first write to a zoo takes them over into its own file; until then they are read where they lie.
"""

from __future__ import annotations

from pathlib import Path

from . import codec
from .sqlite_file import reading

_FILE = "cache.db"
_TABLE = "CREATE TABLE Cache ("
# Rows marked otherwise are pickles, or name files: neither is looked at.
_SAFE = (
    "raw = 1 AND mode = 1 AND filename IS NULL AND typeof(key) = 'text' AND typeof(value) = 'text' "
    f"AND length(value) <= {codec.MAX_CHARACTERS}"
)


def exists(directory: Path) -> bool:
    """Whether ``directory`` holds orders in the old form."""
    return (directory / _FILE).is_file()


def rows(directory: Path, patience: float, fingerprint: str | None = None) -> list[tuple[str, str | None]]:
    """Fingerprints and JSON texts, unchecked; all of them, or those of one fingerprint.

    Raises:
        Exception: As :func:`ccjac.zoo.sqlite_file.reading`.
    """
    query, values = f"SELECT key, value FROM Cache WHERE {_SAFE}", ()
    if fingerprint is not None:
        query, values = f"{query} AND key = ?", (fingerprint,)  # type: ignore[assignment]
    with reading(directory / _FILE, patience) as (connection, statements):
        if not any(sql.startswith(_TABLE) for sql in statements):
            return []
        return connection.execute(query, values).fetchall()
