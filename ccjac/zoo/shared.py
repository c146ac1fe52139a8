"""A zoo that several people read: a directory on the network, named by ``CCJAC_ZOO_SHARED``, never written from here.

It may be another zoo's directory, which somebody's ``ccjac-train refresh --zoo`` fills, or hold JSON files as
``ccjac zoo export`` writes them, or both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import codec
from .shipped import ShippedZoo
from .user_store import UserStore

SHARED = "CCJAC_ZOO_SHARED"
"""The environment variable: one directory, or several with the system's separator of paths between them."""

SOURCE = "shared"
"""What plans call an order of another zoo's directory; those of JSON files have the file's name."""


class SharedZoo(ShippedZoo):
    """The entries in another zoo's directory and in the JSON files there."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._store = UserStore(directory, self.trouble)

    def read(self, fingerprint: str) -> Iterator[tuple[str, Any]]:
        """As :meth:`ShippedZoo.read`; the zoo's own file comes first."""
        if (value := self._store.read(fingerprint)) is not None:
            yield SOURCE, value
        yield from super().read(fingerprint)

    def entries(self) -> Iterator[tuple[str, Any]]:
        """As :meth:`ShippedZoo.entries`; what cannot be read comes as the error that says so."""
        for key, value in self._store.rows():
            fits = isinstance(value, codec.MalformedError) or value.get("fingerprint") == key
            yield SOURCE, value if fits else codec.MalformedError("it lies under another's fingerprint")
        yield from super().entries()

    def obstacles(self) -> Iterator[tuple[str, str]]:
        """As :meth:`ShippedZoo.obstacles`."""
        if not self.directory.is_dir():
            yield str(self.directory), f"`{SHARED}` names it, but there is no such directory"
        if (problem := self._store.obstacle()) is not None:
            yield str(self.directory), problem
        yield from super().obstacles()


def shared_zoos() -> tuple[SharedZoo, ...]:
    """The zoos that the environment names, the first to be asked first."""
    setting = os.environ.get(SHARED, "")
    paths = [os.path.expanduser(os.path.expandvars(path.strip())) for path in setting.split(os.pathsep)]
    found = tuple(SharedZoo(Path(path)) for path in paths if path)
    for zoo in found:
        if not zoo.directory.is_dir():
            zoo.trouble.report(f"`{SHARED}` names it, but there is no such directory")
    return found
