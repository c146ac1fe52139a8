"""A package of one's own that ships orders: what `pip install` makes available to everybody's lookups."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ..errors import ZooError
from . import codec
from .entry import Entry
from .shipped import parse, read_text, write_shipped, write_text

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*", re.ASCII)

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "0.1.0"
description = "Elimination orders for ccjac"
requires-python = ">=3.11"
dependencies = ["ccjac"]

# How ccjac finds the orders.
[project.entry-points.ccjac]
{module} = "{module}"

[tool.setuptools]
packages = ["{module}"]

[tool.setuptools.package-data]
{module} = ["orders/*.json"]
"""

_MODULE = '''\
"""Elimination orders that ccjac finds once this package is installed."""

from pathlib import Path

import ccjac


@ccjac.hookimpl
def ccjac_zoos():
    """The directory with the orders, one JSON file per domain."""
    return [Path(__file__).parent / "orders"]
'''


def write_package(directory: Path, name: str, entries: Iterable[Entry]) -> int:
    """Write a source tree that builds into a wheel with ``entries``.

    What there is of ``pyproject.toml`` and of the module stays as it is.  The orders are merged with those that the
    package ships already; the better ones win.

    Args:
        directory: Where to; created if missing.
        name: Of the distribution; the module's name has underscores for its hyphens, and so has the domain that plans
            show.
        entries: What to ship.

    Returns:
        The number of entries that the package ships.

    Raises:
        ZooError: An impossible name, or the files cannot be written.
    """
    if _NAME.fullmatch(name) is None:
        raise ZooError(f"A package is named with letters, digits and single hyphens or underscores; got {name!r}.")
    module = name.replace("-", "_").lower()
    try:
        folder = directory / module / "orders"
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in (
            (directory / "pyproject.toml", _PYPROJECT.format(name=name, module=module)),
            (directory / module / "__init__.py", _MODULE),
        ):
            if not file.exists():
                write_text(file, text)
        known = {entry.fingerprint: entry for entry in _shipped(folder / f"{module}.json")}
        for entry in entries:
            old = known.get(entry.fingerprint)
            known[entry.fingerprint] = entry if old is None else old.merged(entry)
        write_shipped(folder, module, known.values())
    except (OSError, ValueError) as error:
        raise ZooError(f"`Zoo.export_package` cannot write into {str(directory)!r}: {error}.") from None
    return len(known)


def _shipped(file: Path) -> list[Entry]:
    return [codec.decode(value) for value in parse(read_text(file))] if file.exists() else []
