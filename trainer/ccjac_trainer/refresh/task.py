"""What there is to improve in a zoo, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ccjac.backends.discovery import cost_model, cost_models
from ccjac.elimination import count
from ccjac.graph import Graph
from ccjac.zoo import Entry, Finding, StoredOrder, Zoo, believed_bound, problems

ALL = "all"
"""In place of a cost model's name: every order that is stored, whatever its cost model."""


@dataclass(frozen=True)
class Task:
    """One order to improve.

    Attributes:
        fingerprint: The entry's key.
        name: A function with this structure, or empty.
        graph: In canonical numbering.
        cost: Name of the cost model.
        starts: Sound orders of the entry, the best one under ``cost`` first.
        best: What that one costs, ``None`` if there is none.
        lower_bound: The stored one, if its proof holds: :func:`ccjac.zoo.checks.believed_bound`.
        claimed: The stored bound, which a file may have made up.
        method: What found the best order, as stored.
        spent: Seconds that searches took so far.
        pending: Whether the order is the greedy one of a miss.
        kept: Whether the zoo holds the best start under this cost model.
    """

    fingerprint: str
    name: str
    graph: Graph
    cost: str
    starts: tuple[tuple[int, ...], ...] = ()
    best: int | None = None
    lower_bound: int = 0
    method: str = ""
    spent: float = 0.0
    pending: bool = False
    kept: bool = True
    claimed: int = 0

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name or self.fingerprint[:12]

    @property
    def met(self) -> bool:
        """Whether nothing is left to gain: the order meets its bound and waits for nothing."""
        return self.kept and not self.pending and self.best is not None and self.best <= self.lower_bound


@dataclass(frozen=True)
class Agenda:
    """The work on a zoo.

    Attributes:
        tasks: What can be improved, in no particular order.
        met: Number of orders that are as cheap as their bound.
        findings: Entries and orders that are wrong.
    """

    tasks: tuple[Task, ...]
    met: int
    findings: tuple[Finding, ...]


def agenda(zoo: Zoo, *, cost: str = ALL, pending_only: bool = False) -> Agenda:
    """Everything in the user's part of ``zoo`` that a search might improve.

    Args:
        zoo: The zoo.
        cost: A cost model, which is then added to entries that lack it, or :data:`ALL`.
        pending_only: Only orders that wait for their first search.

    Raises:
        CcjacError: An unknown cost model.
    """
    if cost != ALL:
        cost_model(cost)
    found: list[Task] = []
    findings: list[Finding] = []
    for source, entry in zoo.entries(mine=True):
        wrong = problems(entry)
        findings += [Finding(source, entry.fingerprint, f"{what}: {why}") for what, why in wrong.items()]
        if "graph" in wrong:
            continue
        sound = {name: stored for name, stored in entry.orders.items() if name not in wrong}
        # A wrong order is sought anew, unless nobody knows what it was for.
        wanted = sorted(entry.orders.keys() & cost_models().keys()) if cost == ALL else [cost]
        found += [_task(entry, sound, name) for name in wanted]
    if pending_only:
        found = [task for task in found if task.pending]
    tasks = tuple(task for task in found if not task.met)
    return Agenda(tasks, len(found) - len(tasks), tuple(findings))


def urgency(
    *, pending: bool, cost: int | None, lower_bound: int, spent: float, share: float, claimed: int = 0
) -> tuple[bool, bool, int, float, float]:
    """Sort key: the most urgent order has the lowest.

    Pending orders come first, and last of all those that are optimal if one believes their entry.  In between, those
    first that had the fewest full shares of time, so that a run that was cut short is continued instead of repeated;
    among equals the one whose cost may fall by the largest part; then the least time.

    Args:
        pending: Whether the order waits for its first search.
        cost: What the order costs, ``None`` if there is no order.
        lower_bound: The bound on it.
        spent: Seconds of all searches so far.
        share: Seconds that one round gives to each order.
        claimed: A bound that nobody has proven here.
    """
    believed = not pending and cost is not None and cost <= max(claimed, lower_bound)
    return not pending, believed, int(spent // share) if share > 0 else 0, -gap(cost, lower_bound), spent


def gap(cost: int | None, lower_bound: int) -> float:
    """The part of the cost by which it could fall as far as the bound knows, from 0 to 1; 1 if there is no bound."""
    if cost is None:
        return 1.0
    return max(0.0, (cost - lower_bound) / cost) if cost else 0.0


def ranked(tasks: Sequence[Task], share: float) -> list[Task]:
    """Tasks by :func:`urgency`, the most urgent first; the fingerprint decides between equals."""
    return sorted(
        tasks,
        key=lambda task: (
            urgency(
                pending=task.pending,
                cost=task.best,
                lower_bound=task.lower_bound,
                spent=task.spent,
                share=share,
                claimed=task.claimed,
            ),
            task.fingerprint,
            task.cost,
        ),
    )


def _task(entry: Entry, sound: Mapping[str, StoredOrder], cost: str) -> Task:
    model = cost_model(cost)
    # A copy without the tables that a graph computes on demand: it goes to another process.
    graph = replace(entry.graph)
    name = entry.names[0] if entry.names else ""
    own = sound.get(cost)
    methods = {stored.order: stored.method for stored in (*([own] if own else []), *sound.values())}
    prices = {order: count(entry.graph, order).cost(model) for order in methods}
    # Stable: the order that is kept for this cost model wins ties.
    starts = tuple(sorted(prices, key=lambda order: prices[order]))
    if not starts:
        return Task(entry.fingerprint, name, graph, cost, kept=False)
    best, method = prices[starts[0]], methods[starts[0]]
    if own is None:
        return Task(entry.fingerprint, name, graph, cost, starts, best, method=method, kept=False)
    # An order of another cost model may happen to be cheaper than this one's own, and refute its bound.
    claimed = own.lower_bound if own.lower_bound <= best else 0
    # Only a bound that ends all searches is worth repeating its proof, which may take a second.
    bound = believed_bound(entry.graph, own, model) if claimed == best else claimed
    return Task(
        entry.fingerprint,
        name,
        graph,
        cost,
        starts,
        best,
        bound,
        method,
        own.seconds,
        own.pending,
        kept=starts[0] == own.order,
        claimed=claimed,
    )
