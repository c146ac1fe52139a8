"""Rebuild the prebuilt zoo: ``python -m ccjac_zoo.build``.

Every function of the catalogue is traced by JAX, its graph searched for both cost models, and the best orders written
as one JSON file per domain.  A rebuild starts from the orders that are there, so it never makes one worse.  The same
seed and ample ``--seconds`` give the same orders; the budget is wall-clock time, so a slower machine may stop
earlier.  ``--open-only`` spends it on the orders that are not proven optimal yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from ccjac import Graph
from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.fingerprint import canonical
from ccjac.ordering import SearchResult, searcher
from ccjac.zoo import Entry, StoredOrder, Zoo, write_shipped

from .definition import Task
from .registry import domains
from .registry import task as named_task

ORDERS = Path(__file__).parent / "orders"
"""Where the prebuilt orders lie in the installed package."""

COSTS: tuple[CostModel, ...] = (MULTIPLICATIONS, STRUCTURAL)
_BEYOND = 3_000
"""Vertices beyond which a function's orders are left to greedy rules."""


def graph_of(task: Task) -> Graph:
    """The scalar graph of a task, traced in float64 at its first example."""
    import jax

    import ccjac

    with jax.enable_x64(True):
        arguments = tuple(jax.numpy.asarray(a) for a in task.example())
        return ccjac.trace(task.bind("jax"), *arguments, argnums=task.argnums, backend="jax")


def entry_of(task: Task, method: str, seconds: float, seed: int, known: Zoo, *, open_only: bool = False) -> Entry:
    """Search one task's graph for both cost models.

    Args:
        task: The function.
        method: Name of the searcher.
        seconds: Budget per cost model.
        seed: The search's seed.
        known: Where earlier orders are looked up.
        open_only: Take over what is proven optimal.
    """
    label = canonical(graph_of(task))
    old = known.get(label.fingerprint)
    orders: dict[str, StoredOrder] = {}
    for cost in COSTS:
        hit = known.lookup(label, cost)
        stored = old.orders[cost.name] if old is not None and hit is not None else None
        if open_only and stored is not None and stored.optimal:
            orders[cost.name] = stored
            continue
        start = [hit.order] if hit is not None else []
        budget = seconds if len(label.source.eliminable) <= _BEYOND else 1.0
        found: SearchResult = searcher(method).search(label.source, cost=cost, seconds=budget, seed=seed, start=start)
        new = StoredOrder(
            label.to_canonical(found.order),
            found.cost,
            found.lower_bound,
            found.method,
            found.certificate.proof,
            seed,
            round(found.seconds, 2),
            groups=tuple(label.to_canonical(group) for group in found.certificate.groups),
        )
        orders[cost.name] = new if stored is None else stored.merged(new)
    return Entry(label.fingerprint, label.graph, orders, (task.name,))


def entries_of(
    tasks: Sequence[Task], method: str, seconds: float, seed: int, directory: Path, jobs: int, open_only: bool
) -> Iterator[Entry]:
    """:func:`entry_of` of every task, in their order, on ``jobs`` processes."""
    work = partial(_entry_of_name, method=method, seconds=seconds, seed=seed, directory=directory, open_only=open_only)
    names = [task.name for task in tasks]
    if jobs == 1:
        yield from map(work, names)
        return
    # Fresh interpreters: JAX has threads, and a fork of a process with threads may hang.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, names)


def _entry_of_name(name: str, *, method: str, seconds: float, seed: int, directory: Path, open_only: bool) -> Entry:
    known = Zoo(directory / ".no-user-zoo", shipped=[directory])
    return entry_of(named_task(name), method, seconds, seed, known, open_only=open_only)


def _merged(entries: Iterable[Entry]) -> dict[str, Entry]:
    """By fingerprint: two functions may have one structure."""
    found: dict[str, Entry] = {}
    for entry in entries:
        old = found.get(entry.fingerprint)
        found[entry.fingerprint] = entry if old is None else old.merged(entry)
    return found


def build(
    method: Annotated[str, typer.Option(help="Searcher, as in `ccjac.search(method=...)`.")] = "portfolio",
    seconds: Annotated[float, typer.Option(help="Budget per function and cost model.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Seed of every search.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    only: Annotated[list[str] | None, typer.Option(help="Domains to rebuild; all by default.")] = None,
    open_only: Annotated[
        bool, typer.Option("--open-only", help="Search only orders that are not proven optimal yet.")
    ] = False,
    directory: Annotated[Path, typer.Option(help="Where the JSON files are written.")] = ORDERS,
) -> None:
    """Search orders for the whole catalogue and write them as JSON, one file per domain."""
    console = Console(stderr=True)
    directory.mkdir(parents=True, exist_ok=True)
    for domain in only or domains():
        group = domains()[domain]
        entries = entries_of(group, method, seconds, seed, directory, jobs, open_only)
        found = _merged(track(entries, description=domain, total=len(group), console=console))
        write_shipped(directory, domain, found.values())


__all__ = ["build", "entry_of", "graph_of"]

if __name__ == "__main__":
    typer.run(build)
