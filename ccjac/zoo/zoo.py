"""The order zoo as the rest of ccjac sees it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from ..backends.discovery import cost_model
from ..cost import MULTIPLICATIONS, CostModel
from ..elimination import check_order, count
from ..errors import ZooError
from ..fingerprint import Canonical, canonical
from ..graph import Graph
from ..ordering.protocol import Certificate
from . import maintenance
from .certificates import certificate_of
from .checks import flaw
from .entry import Entry, StoredOrder
from .layers import Layers
from .maintenance import Finding, Imported
from .package import write_package
from .shared import SHARED
from .user_store import UnavailableError, UserStore

ENVIRONMENT = "CCJAC_ZOO"
"""The environment variable that names the user's directory, or says ``off``."""

_OFF = "off"


class Found(Protocol):
    """What a search returns, as far as a zoo keeps it; :class:`ccjac.SearchResult` is one."""

    @property
    def order(self) -> Sequence[int]:
        """In the graph's own numbering."""

    @property
    def lower_bound(self) -> int:
        """No order costs less."""

    @property
    def method(self) -> str:
        """What found the order."""

    @property
    def seconds(self) -> float:
        """How long it took."""


@dataclass(frozen=True)
class Hit:
    """An order from a zoo, checked against the graph that was asked for.

    Attributes:
        order: In the graph's own numbering.
        cost: What the order costs, counted anew.
        source: Where it lay: ``"user"``, ``"memory"``, or the domain of a shipped zoo.
        method: What found it, as stored.
        lower_bound: As stored: a claim, for display.
        optimal: Whether the stored bound says so: a claim as well.
        certificate: Why the bound holds, as stored, in the graph's own numbering;
            :func:`ccjac.ordering.bounds.recheck.recomputed` computes the bound from it.
        pending: The order is a greedy one that was remembered at a miss.
    """

    order: tuple[int, ...]
    cost: int
    source: str
    method: str
    lower_bound: int
    optimal: bool
    pending: bool
    certificate: Certificate


class Zoo:
    """Elimination orders by the structure of the graph, in layers: memory, the user's directory, shipped directories.

    The first layer with an order answers; an order that merely waits for a better one answers only if no layer has a
    trained one that is as cheap.  Every order is checked before it is used, and ignored with a warning if it fails.

    Attributes:
        path: The user's directory.
    """

    def __init__(self, path: str | os.PathLike[str], *, shipped: Sequence[str | os.PathLike[str]] | None = ()) -> None:
        """Use a directory, and only that, unless told otherwise.

        Args:
            path: A directory to read and write; it need not exist yet.
            shipped: Directories of shipped zoos to read besides; ``None`` for those of the installed packages.
        """
        self.path = _expanded(path)
        self._layers = Layers(UserStore(self.path), None if shipped is None else tuple(map(Path, shipped)))

    @classmethod
    def default(cls) -> Zoo:
        """The user's zoo with all shared and shipped ones behind it; one object per directory and process.

        The directory is named by the environment variable ``CCJAC_ZOO``, else it is the platform's place for user data.
        Directories that a team shares, which are only read, are named by ``CCJAC_ZOO_SHARED``.

        Raises:
            ZooError: Zoos are switched off by ``CCJAC_ZOO=off``.
        """
        if _is_off():
            raise ZooError(f"The order zoo is switched off by `{ENVIRONMENT}={_OFF}`; unset it, or name a directory.")
        return _default(os.environ.get(ENVIRONMENT, ""), os.environ.get(SHARED, ""))

    def lookup(self, graph: Graph | Canonical, cost: str | CostModel = MULTIPLICATIONS) -> Hit | None:
        """The order known for the structure of ``graph``.

        Args:
            graph: A graph, or what :func:`ccjac.fingerprint.canonical` made of it.
            cost: The cost model.

        Raises:
            CcjacError: An unknown cost model.
        """
        label, model = _label(graph), cost_model(cost)
        waiting: Hit | None = None
        for source, stored, trouble in self._layers.candidates(label.fingerprint, model.name, label.source.size):
            if waiting is not None and (stored.pending or stored.cost > waiting.cost):
                continue
            order = label.from_canonical(stored.order)
            if (wrong := flaw(label.source, stored, order, model)) is not None:
                trouble.report(f"an order for {label.fingerprint} was ignored: {wrong}")
                continue
            waiting = Hit(
                order,
                stored.cost,
                source,
                stored.method,
                stored.lower_bound,
                stored.optimal,
                stored.pending,
                certificate_of(stored, label.from_canonical),
            )
            if not stored.pending:
                break
        return waiting

    def remember_miss(
        self, graph: Graph | Canonical, found: Found, cost: str | CostModel = MULTIPLICATIONS, *, name: str = ""
    ) -> None:
        """Keep the greedy order of a miss, marked as waiting for training.

        What cannot be stored on disk is kept for the life of this process, with one warning.

        Raises:
            OrderError: The order does not fit the graph.
        """
        self._layers.keep(_entry(graph, found, cost, name, 0, pending=True), urgent=False)

    def improve(
        self,
        graph: Graph | Canonical,
        found: Found,
        cost: str | CostModel = MULTIPLICATIONS,
        *,
        name: str = "",
        seed: int = 0,
    ) -> bool:
        """Offer an order.  It replaces the stored one only if it is cheaper, whoever else is writing.

        Args:
            graph: A graph, or what :func:`ccjac.fingerprint.canonical` made of it.
            found: A search result; its order is checked and its cost counted anew.
            cost: The cost model of the search.
            name: The function, for people.
            seed: The seed of the search, for people.

        Returns:
            Whether the zoo keeps anything new: a cheaper order, or, for an equally cheap one, a better bound or the end
            of its waiting.

        Raises:
            OrderError: The order does not fit the graph.
        """
        return self._layers.keep(_entry(graph, found, cost, name, seed, pending=False), urgent=True)

    def charge(self, graph: Graph | Canonical, seconds: float, cost: str | CostModel = MULTIPLICATIONS) -> bool:
        """Add search time to the order in the user's directory.

        Args:
            graph: A graph, or what :func:`ccjac.fingerprint.canonical` made of it.
            seconds: How long a search took, successful or not.
            cost: The cost model of the search.

        Returns:
            Whether there is such an order.

        Raises:
            ZooError: The directory cannot be written.
        """
        try:
            return self._layers.charge(_label(graph).fingerprint, cost_model(cost).name, seconds)
        except UnavailableError as error:
            raise ZooError(
                f"`Zoo.charge` cannot write {str(self.path)!r}: {error}. Make it writable, or choose another with "
                f"`{ENVIRONMENT}`."
            ) from None

    def get(self, fingerprint: str) -> Entry | None:
        """The user's entry with this fingerprint, else the first shipped one.  Its orders are unchecked."""
        return next((entry for _, entry in self.entries() if entry.fingerprint == fingerprint), None)

    def entries(self, *, mine: bool = False) -> Iterator[tuple[str, Entry]]:
        """All readable entries with their sources, or only the user's own.  Their orders are unchecked."""
        for source, fingerprint, entry in self._layers.rows(mine=mine):
            if isinstance(entry, Entry):
                yield source, entry
            else:
                self._layers.store.trouble.report(f"the entry {fingerprint} ({source}) was ignored", entry)

    def pending(self) -> Iterator[Entry]:
        """The user's entries with orders that wait for training."""
        return (entry for _, entry in self.entries(mine=True) if entry.pending)

    def verify(self) -> list[Finding]:
        """Check every entry: recompute its fingerprint, replay its orders, repeat the proofs of its bounds.

        A proof that cannot be repeated in about a second has to stand a third of a second of search.  Empty if all is
        well.
        """
        return maintenance.verify(self._layers)

    def export(self, path: str | os.PathLike[str]) -> int:
        """Write the user's entries to a JSON file, in the form of shipped zoos.  Returns how many.

        Raises:
            ZooError: The file cannot be written.
        """
        return maintenance.export(self._layers, _expanded(path))

    def export_package(self, directory: str | os.PathLike[str], name: str) -> int:
        """Write the user's entries as a Python package: who installs it finds the orders.

        Only orders that are trained and sound are shipped.

        Args:
            directory: Where the source tree goes; what is there of its ``pyproject.toml`` and module stays.
            name: The distribution's name.

        Returns:
            The number of entries that the package ships.

        Raises:
            ZooError: An impossible name, or the files cannot be written.
        """
        return write_package(_expanded(directory), name, maintenance.trained(self._layers))

    def import_(self, path: str | os.PathLike[str]) -> Imported:
        """Merge the entries of a JSON file into the user's zoo, each fully checked, better orders only.

        Raises:
            ZooError: The file cannot be read or is no zoo, or the user's directory cannot be written.
        """
        return maintenance.import_(self._layers, _expanded(path))

    def prune(self, *, pending: bool = False) -> int:
        """Delete from the user's directory what is unreadable or wrong, and what shipped zoos know at least as well.

        Entries of a newer version are kept.

        Args:
            pending: Delete orders that wait for training as well.

        Returns:
            The number of deleted entries.

        Raises:
            ZooError: The directory cannot be written.
        """
        return maintenance.prune(self._layers, pending)

    def __repr__(self) -> str:
        return f"Zoo({str(self.path)!r})"


def resolve(zoo: Any = None) -> Zoo | None:
    """Turn a ``zoo=`` argument into a zoo, ``None`` meaning off, as ``CCJAC_ZOO=off`` does for all.

    Args:
        zoo: ``None`` for :meth:`Zoo.default`, a directory for that alone, a zoo, or ``False`` for none.

    Raises:
        ZooError: Anything else, or a path that is no directory.
    """
    if zoo is None:
        return None if _is_off() else Zoo.default()
    if zoo is False:
        return None
    if isinstance(zoo, Zoo):
        return zoo
    if not isinstance(zoo, (str, os.PathLike)):
        raise ZooError(f"`zoo` must be None (all zoos), False (none), a directory or a `ccjac.Zoo`; got {zoo!r}.")
    path = _expanded(zoo)
    try:
        is_other = path.exists() and not path.is_dir()
    except (OSError, ValueError) as error:
        raise ZooError(f"`zoo` must be a directory; {str(path)!r} cannot be one: {error}.") from None
    if is_other:
        raise ZooError(f"`zoo` must be a directory, but {str(path)!r} is a file. Merge files with `ccjac zoo import`.")
    return _at(path)


def forget() -> None:
    """Open zoos anew; what could not be stored on disk is lost."""
    _default.cache_clear()
    _at.cache_clear()


def _is_off() -> bool:
    return os.environ.get(ENVIRONMENT, "").strip().lower() == _OFF


@cache
def _default(setting: str, shared: str) -> Zoo:
    # `shared` is read by the layers; it is here because another setting is another zoo.
    if setting:
        return Zoo(setting, shipped=None)
    from platformdirs import user_data_path

    return Zoo(user_data_path("ccjac", appauthor=False) / "zoo", shipped=None)


@cache
def _at(path: Path) -> Zoo:
    """One object per directory, so that what cannot be stored is remembered in memory from call to call."""
    return Zoo(path)


def _expanded(path: str | os.PathLike[str]) -> Path:
    return Path(os.path.expandvars(os.path.expanduser(os.fspath(path)))).absolute()


def _label(graph: Graph | Canonical) -> Canonical:
    return graph if isinstance(graph, Canonical) else canonical(graph)


def _entry(
    graph: Graph | Canonical, found: Found, cost: str | CostModel, name: str, seed: int, *, pending: bool
) -> Entry:
    """An entry of one checked order."""
    label, model = _label(graph), cost_model(cost)
    order = check_order(label.source, found.order)
    price = count(label.source, order).cost(model)
    certificate = getattr(found, "certificate", None)
    stored = StoredOrder(
        label.to_canonical(order),
        price,
        min(int(found.lower_bound), price),
        found.method,
        str(getattr(certificate, "proof", "none")),
        seed,
        float(found.seconds),
        pending,
        tuple(label.to_canonical(group) for group in getattr(certificate, "groups", ())),
    )
    today = datetime.now(UTC).date().isoformat()
    return Entry(label.fingerprint, label.graph, {model.name: stored}, (name,) if name else (), today, today)
