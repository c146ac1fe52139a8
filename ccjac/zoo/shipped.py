"""Zoos that installed packages ship: directories of JSON text, one file per domain.

A file is read when the first lookup passes by, and of its text only the wanted entry is parsed.  Each order and each
graph has a line of its own, so that a reviewer sees which of them changed.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from . import codec
from .entry import SCHEMA, Entry
from .trouble import Trouble


class ShippedZoo:
    """The entries in the ``*.json`` files of one directory.  Nothing is ever written there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.trouble = Trouble(f"in {str(directory)!r}")
        self._unreadable: dict[str, str] = {}

    @cached_property
    def _texts(self) -> dict[str, str]:
        """The text of every readable file by the domain, which is its name."""
        texts: dict[str, str] = {}
        try:
            files = sorted(self.directory.glob("*.json"))
        except OSError as error:
            self.trouble.report("it cannot be read", error)
            return texts
        for file in files:
            try:
                texts[file.stem] = read_text(file)
            except (OSError, ValueError) as error:
                self._unreadable[file.name] = f"{type(error).__name__}: {error}"
                self.trouble.report(f"{file.name} was skipped", error)
        return texts

    def obstacles(self) -> Iterator[tuple[str, str]]:
        """The files of which nothing can be read, and why."""
        for domain, text in self._texts.items():
            try:
                parse(text)
            except codec.MalformedError as error:
                yield f"{domain}.json", str(error)
        yield from self._unreadable.items()

    def read(self, fingerprint: str) -> Iterator[tuple[str, Any]]:
        """Domain and unchecked JSON value of the entries with this fingerprint, of at most one per domain."""
        for domain, text in self._texts.items():
            if f'"{fingerprint}"' in text:
                try:
                    value = _cut_out(text, fingerprint)
                except codec.MalformedError as error:
                    self.trouble.report(f"{domain}.json was ignored", error)
                    continue
                if value is not None:
                    yield domain, value

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Domain and unchecked JSON value of all entries."""
        for domain, text in self._texts.items():
            try:
                values = parse(text)
            except codec.MalformedError as error:
                self.trouble.report(f"{domain}.json was ignored", error)
                continue
            for value in values:
                yield domain, value


def read_text(file: Path) -> str:
    """The text of a zoo file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no UTF-8 text, or far too large.
    """
    if file.stat().st_size > codec.MAX_CHARACTERS:
        raise codec.MalformedError("the file is too large")
    return file.read_text(encoding="utf-8")


def parse(text: str) -> list[Any]:
    """The unchecked JSON values of the entries in a zoo file's text.

    Raises:
        MalformedError: No zoo file, or one of a newer schema.
    """
    value = codec.opened(codec.loads(text))
    entries = value.get("entries")
    if type(entries) is not list:
        raise codec.MalformedError("no list of `entries`")
    return entries


def _cut_out(text: str, fingerprint: str) -> Any | None:
    """Parse the entry that begins with ``fingerprint``; if someone moved that key, look through the whole file."""
    begin = re.search(r'\{\s*"fingerprint"\s*:\s*"' + fingerprint + '"', text)
    if begin is not None:
        try:
            return codec.DECODER.raw_decode(text, begin.start())[0]
        except (ValueError, RecursionError) as error:
            raise codec.MalformedError(f"no JSON: {error}") from None
    for value in parse(text):
        if type(value) is dict and value.get("fingerprint") == fingerprint:
            return value
    return None


def write_shipped(directory: str | os.PathLike[str], domain: str, entries: Iterable[Entry]) -> Path:
    """Write the entries of one domain as ``directory/domain.json``, replacing the file.

    The same entries always give the same text: they are sorted by their names.

    Args:
        directory: A directory that the hook ``ccjac_zoos`` returns; created if missing.
        domain: The file's name without ending; plans show it as the source of an order.
        entries: What to write; merge entries of one fingerprint before.

    Raises:
        OSError: The file cannot be written; an old one is then unchanged.
        ValueError: Two entries have one fingerprint.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{domain}.json"
    write_file(file, entries)
    return file


def write_file(file: Path, entries: Iterable[Entry]) -> int:
    """Write a zoo file at once or not at all.  Returns the number of entries; raises as :func:`write_shipped`."""
    ranked = sorted(entries, key=lambda entry: (entry.names, entry.fingerprint))
    if len({entry.fingerprint for entry in ranked}) < len(ranked):
        raise ValueError("`write_shipped` got two entries with one fingerprint; merge them with `Entry.merged`.")
    blocks = ",\n".join(_block(codec.encode(entry)) for entry in ranked)
    write_text(file, f'{{\n"schema": {SCHEMA},\n"entries": [\n{blocks}\n]\n}}\n')
    return len(ranked)


def write_text(file: Path, text: str) -> None:
    """Write a file at once or not at all.

    Raises:
        OSError: It cannot be written; an old one is then unchanged.
    """
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        # `mkstemp` makes files for one user; these are for whoever may read the directory.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _block(fields: dict[str, Any]) -> str:
    """One entry: a line per field, a line per cost model."""
    lines = []
    for key, value in fields.items():
        text = json.dumps(value)
        if key == "orders" and value:
            orders = ",\n".join(f"  {json.dumps(name)}: {json.dumps(order)}" for name, order in value.items())
            text = f"{{\n{orders}\n  }}"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"
