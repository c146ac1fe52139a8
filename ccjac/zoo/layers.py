"""The places where orders lie, asked one after the other: memory, the user's directory, shared and shipped ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from ..backends.discovery import answers, cost_model
from . import codec
from .checks import flaw, honest
from .entry import Entry, StoredOrder
from .shared import SharedZoo, shared_zoos
from .shipped import ShippedZoo
from .trouble import Trouble
from .user_store import BusyError, UnavailableError, UserStore

USER, MEMORY = "user", "memory"


class Candidate(NamedTuple):
    """A stored order, not yet checked: where it lies, and whom to tell if it is no good."""

    source: str
    stored: StoredOrder
    trouble: Trouble


class Row(NamedTuple):
    """An entry or why it cannot be read."""

    source: str
    fingerprint: str
    entry: Entry | codec.MalformedError


@dataclass
class Layers:
    """All layers of one zoo.

    Attributes:
        store: The user's directory.
        shipped_paths: Directories of shipped zoos, ``None`` for those of the installed packages, and for the shared
            ones that the environment names.
        memory: What could not be stored on disk, by fingerprint; it lives as long as the process.
    """

    store: UserStore
    shipped_paths: Sequence[Path] | None
    memory: dict[str, Entry] = field(default_factory=dict)

    @cached_property
    def shipped(self) -> tuple[ShippedZoo, ...]:
        """The shipped zoos; plugins are asked on first use, after the user's zoo had no answer."""
        paths = self.shipped_paths
        if paths is None:
            # The prebuilt zoo knows a little of everything and comes last.
            paths = sorted(map(Path, answers("ccjac_zoos")), key=lambda path: path.parent.name == "ccjac_zoo")
        return tuple(map(ShippedZoo, paths))

    @cached_property
    def shared(self) -> tuple[SharedZoo, ...]:
        """What a team shares on a network; looked for on first use."""
        return shared_zoos() if self.shipped_paths is None else ()

    def obstacles(self) -> Iterator[tuple[str, str]]:
        """Files of all layers of which nothing can be read, and why."""
        if (problem := self.store.obstacle()) is not None:
            yield USER, problem
        for zoo in (*self.shared, *self.shipped):
            yield from zoo.obstacles()

    def candidates(self, fingerprint: str, cost: str, size: int) -> Iterator[Candidate]:
        """Orders for one structure of ``size`` vertices under one cost model, first layer first."""
        return self._orders(
            chain(
                self._mine(fingerprint),
                _read(lambda: self.shared, fingerprint),
                _read(lambda: self.shipped, fingerprint),
            ),
            fingerprint,
            cost,
            size,
        )

    def shipped_orders(self, fingerprint: str, cost: str, size: int) -> Iterator[Candidate]:
        """:meth:`candidates` of the shipped zoos alone."""
        return self._orders(_read(lambda: self.shipped, fingerprint), fingerprint, cost, size)

    @staticmethod
    def _orders(
        values: Iterable[tuple[str, Any, Trouble]], fingerprint: str, cost: str, size: int
    ) -> Iterator[Candidate]:
        for source, value, trouble in values:
            try:
                if isinstance(value, Entry):
                    stored = value.orders.get(cost)
                else:
                    fields = codec.opened(value)
                    if fields.get("fingerprint") != fingerprint:
                        raise codec.MalformedError("it lies under another's fingerprint")
                    stored = codec.decode_order(fields, cost, size)
            except codec.MalformedError as error:
                trouble.report(f"the entry {fingerprint} was ignored", error)
                continue
            if stored is not None:
                yield Candidate(source, stored, trouble)

    def _mine(self, fingerprint: str) -> Iterator[tuple[str, Any, Trouble]]:
        if (entry := self.memory.get(fingerprint)) is not None:
            yield MEMORY, entry, self.store.trouble
        if (value := self.store.read(fingerprint)) is not None:
            yield USER, value, self.store.trouble

    def rows(self, *, mine: bool = False) -> Iterator[Row]:
        """Everything in all layers, or in the user's own two."""
        for entry in list(self.memory.values()):
            yield Row(MEMORY, entry.fingerprint, entry)
        for key, value in self.store.rows():
            row = _row(USER, value)
            if isinstance(row.entry, Entry) and row.fingerprint != key:
                row = Row(USER, key, codec.MalformedError("it lies under another's fingerprint"))
            yield row._replace(fingerprint=key)
        for zoo in () if mine else (*self.shared, *self.shipped):
            for domain, value in zoo.entries():
                yield _row(domain, value)

    def keep(self, entry: Entry, *, urgent: bool) -> bool:
        """Merge ``entry`` into the user's directory, or into memory if that fails.  Returns whether it was any news."""
        try:
            return self.keep_on_disk(entry, urgent=urgent)[1]
        except UnavailableError as error:
            # A miss that meets another process's write is no trouble: the next process remembers it.
            if urgent or not isinstance(error, BusyError):
                self.store.trouble.report(f"{error}; new orders are kept in memory")
            old = self.memory.get(entry.fingerprint)
            new = self.memory[entry.fingerprint] = _merge(old, entry)
            return new is not old

    def keep_on_disk(self, entry: Entry, *, urgent: bool) -> tuple[bool, bool]:
        """Merge ``entry``, and what memory has of it, into the user's directory.

        Args:
            entry: A checked entry.
            urgent: Whether to wait for other writers.

        Returns:
            Whether there was a usable entry before, and whether ``entry`` was any news.

        Raises:
            UnavailableError: It could not be stored.
        """
        fingerprint = entry.fingerprint
        outcome = (False, False)

        def change(old: Entry | None) -> Entry:
            nonlocal outcome
            new = _merge(old, entry)
            outcome = (old is not None, new is not old)
            if (kept := self.memory.get(fingerprint)) is not None:
                new = _merge(new, kept)
            return new

        (self.store.update if urgent else self.store.remember)(fingerprint, change)
        self.memory.pop(fingerprint, None)
        return outcome

    def charge(self, fingerprint: str, cost: str, seconds: float) -> bool:
        """Add ``seconds`` to an order in the user's directory.  Returns whether it is there.

        Raises:
            UnavailableError: It could not be written.
        """
        known = False

        def change(old: Entry | None) -> Entry | None:
            nonlocal known
            known = False
            stored = old.orders.get(cost) if old is not None else None
            if old is None or stored is None:
                return old
            known = True
            return replace(old, orders={**old.orders, cost: replace(stored, seconds=stored.seconds + seconds)})

        self.store.update(fingerprint, change)
        return known


def _read(zoos: Callable[[], Sequence[ShippedZoo]], fingerprint: str) -> Iterator[tuple[str, Any, Trouble]]:
    """What ``zoos()`` have under a fingerprint; they are not looked for before an earlier layer had no answer."""
    for zoo in zoos():
        for domain, value in zoo.read(fingerprint):
            yield domain, value, zoo.trouble


def _row(source: str, value: Any) -> Row:
    if isinstance(value, codec.MalformedError):
        return Row(source, "", value)
    try:
        entry = codec.decode(value)
        return Row(source, entry.fingerprint, entry)
    except codec.MalformedError as error:
        claimed = str(value.get("fingerprint")) if type(value) is dict else ""
        return Row(source, claimed if codec.FINGERPRINT.fullmatch(claimed) else "", error)


def _merge(old: Entry | None, new: Entry) -> Entry:
    """``old`` improved by the checked entry ``new``; a stored order or bound that fails its check is not in the way."""
    if old is None or old.fingerprint != new.fingerprint or old.graph != new.graph:
        return new
    sound = {
        name: stored
        for name, stored in old.orders.items()
        if name not in new.orders or flaw(old.graph, stored, stored.order, cost_model(name)) is None
    }
    rest = old if len(sound) == len(old.orders) else replace(old, orders=sound)
    return honest(rest).merged(new)
