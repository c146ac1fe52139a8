"""Looking after a zoo: check it, move it to another machine, clear it out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..backends.discovery import cost_models
from ..errors import ZooError
from . import codec
from .checks import honest, overstated, problems, proven_bound
from .entry import Entry
from .layers import Layers
from .shipped import parse, read_text, write_file
from .user_store import UnavailableError

_DOUBT = 0.3
"""Seconds of search that a bound without a proof has to stand."""


@dataclass(frozen=True)
class Finding:
    """Something wrong in a zoo: where, with which entry, what."""

    source: str
    fingerprint: str
    problem: str


@dataclass(frozen=True)
class Imported:
    """What an import did: how many entries were new, improved others or added nothing, and what was refused."""

    new: int
    improved: int
    unchanged: int
    rejected: tuple[Finding, ...]


def verify(layers: Layers) -> list[Finding]:
    """See :meth:`ccjac.Zoo.verify`."""
    findings = []
    for source, fingerprint, entry in layers.rows():
        if isinstance(entry, Entry):
            wrong = problems(entry)
            findings += [Finding(source, fingerprint, f"{what}: {why}") for what, why in wrong.items()]
            if "graph" not in wrong:
                findings += [
                    Finding(source, fingerprint, f"{what}: {why}")
                    for what, why in _false_bounds(entry)
                    if what not in wrong
                ]
        else:
            findings.append(Finding(source, fingerprint, str(entry)))
    return findings + [Finding(source, "", problem) for source, problem in layers.obstacles()]


def _false_bounds(entry: Entry) -> Iterator[tuple[str, str]]:
    """Bounds that their own proofs do not give, or that a short search refutes where no proof can be repeated."""
    from ..ordering import search

    models = cost_models()
    for name, stored in entry.orders.items():
        if name not in models or not stored.lower_bound:
            continue
        if (wrong := overstated(entry.graph, stored, models[name])) is not None:
            yield name, wrong
        elif (proven_bound(entry.graph, stored, models[name]) or 0) < stored.lower_bound:
            found = search(entry.graph, method="portfolio", cost=models[name], seconds=_DOUBT)
            if found.cost < stored.lower_bound:
                yield name, f"the bound {stored.lower_bound} is claimed, but there is an order of cost {found.cost}"


def export(layers: Layers, file: Path) -> int:
    """See :meth:`ccjac.Zoo.export`."""
    try:
        return write_file(file, own(layers))
    except OSError as error:
        raise ZooError(f"`Zoo.export` cannot write {str(file)!r}: {error}. Name a file that you may write.") from None


def own(layers: Layers) -> list[Entry]:
    """The user's readable entries, those in memory merged with those on disk."""
    mine: dict[str, Entry] = {}
    for _, fingerprint, entry in layers.rows(mine=True):
        if isinstance(entry, Entry):
            mine[fingerprint] = mine[fingerprint].merged(entry) if fingerprint in mine else entry
    return list(mine.values())


def trained(layers: Layers) -> list[Entry]:
    """The user's entries with what waits for training, and what is wrong, left out."""
    found = []
    for entry in own(layers):
        wrong = problems(entry)
        orders = {cost: order for cost, order in entry.orders.items() if not order.pending and cost not in wrong}
        if orders and "graph" not in wrong:
            found.append(honest(replace(entry, orders=orders)))
    return found


def import_(layers: Layers, file: Path) -> Imported:
    """See :meth:`ccjac.Zoo.import_`."""
    try:
        values = parse(read_text(file))
    except (OSError, ValueError) as error:
        raise ZooError(f"`Zoo.import_` cannot use {str(file)!r}: {error}. It takes what `Zoo.export` writes.") from None
    new = improved = unchanged = 0
    rejected = []
    for value in values:
        try:
            entry = codec.decode(value)
        except codec.MalformedError as error:
            rejected.append(Finding(str(file), "", str(error)))
            continue
        wrong = problems(entry)
        rejected += [Finding(str(file), entry.fingerprint, f"{what}: {why}") for what, why in wrong.items()]
        orders = {cost: order for cost, order in entry.orders.items() if cost not in wrong}
        if "graph" in wrong or not orders:
            continue
        try:
            known, changed = layers.keep_on_disk(honest(replace(entry, orders=orders), strict=True), urgent=True)
        except UnavailableError as error:
            raise ZooError(
                f"`Zoo.import_` cannot write {str(layers.store.directory)!r}: {error}. Choose another with `CCJAC_ZOO`."
            ) from None
        new, improved, unchanged = new + (not known), improved + (known and changed), unchanged + (not changed)
    return Imported(new, improved, unchanged, tuple(rejected))


def prune(layers: Layers, pending: bool) -> int:
    """See :meth:`ccjac.Zoo.prune`."""

    def unwanted(key: str, value: Any) -> bool:
        if isinstance(value, codec.MalformedError):
            return True
        try:
            entry = codec.decode(value)
        except codec.NewerError:
            return False
        except codec.MalformedError:
            return True
        if key != entry.fingerprint or problems(entry).keys() >= entry.orders.keys():
            return True
        return all((pending and stored.pending) or covered(entry, cost) for cost, stored in entry.orders.items())

    def covered(entry: Entry, cost: str) -> bool:
        """Whether a shipped zoo has a trained order at least as cheap."""
        return any(
            candidate.stored.cost <= entry.orders[cost].cost and not candidate.stored.pending
            for candidate in layers.shipped_orders(entry.fingerprint, cost, entry.graph.size)
        )

    try:
        return layers.store.discard(unwanted)
    except UnavailableError as error:
        raise ZooError(f"`Zoo.prune` cannot write {str(layers.store.directory)!r}: {error}.") from None
