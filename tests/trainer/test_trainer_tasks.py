"""What there is to do, and what comes first."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from drip_plugin import chain
from train_samples import add_pending, make_graph

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL
from ccjac.elimination import count
from ccjac.errors import CcjacError
from ccjac.graph import Graph
from ccjac.ordering import Certificate, SearchResult
from ccjac.ordering.protocol import Proof
from ccjac.zoo import Zoo
from ccjac_trainer.cli.table import visible
from ccjac_trainer.refresh.state import DEFAULT_SHARE, Limits, Row, Run
from ccjac_trainer.refresh.task import Task, agenda, gap, ranked, urgency

TINY = Graph.from_edges(1, 2, [2], [(0, 1), (1, 2)])

SEARCHED = Certificate("exhausted")


def task(name: str, best: int = 100, bound: int = 0, spent: float = 0.0, *, pending: bool = False) -> Task:
    return Task(name, name, TINY, "multiplications", ((1,),), best, bound, "", spent, pending)


def names(tasks: list[Task]) -> list[str]:
    return [task.name for task in tasks]


def test_pending_first_then_fewest_rounds_then_largest_gap_then_least_time() -> None:
    tasks = [
        task("small gap", 100, 90),
        task("large gap, seen", 100, 10, spent=10.0),
        task("large gap", 100, 10, spent=2.0),
        task("large gap, fresh", 1000, 100, spent=1.0),
        task("pending, small gap", 100, 99, pending=True),
        task("pending", 100, 0, pending=True),
    ]
    expected = ["pending", "pending, small gap", "large gap, fresh", "large gap", "small gap", "large gap, seen"]
    assert names(ranked(tasks, 10.0)) == expected
    assert names(ranked(tasks[::-1], 10.0)) == expected


def test_gap() -> None:
    assert gap(200, 150) == 0.25
    assert gap(200, 0) == gap(None, 0) == 1.0
    assert gap(0, 0) == 0.0
    assert gap(10, 12) == 0.0


def test_agenda_lists_what_can_be_improved(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path)
    graphs = [make_graph(seed) for seed in range(3)]
    worst = add_pending(zoo, graphs[0], "waiting")
    best = chain(graphs[1], MULTIPLICATIONS)[-1]
    zoo.improve(
        graphs[1],
        SearchResult(best[1], best[0], best[0], "exact", 4.0, certificate=SEARCHED),
        name="proven",
    )
    order = chain(graphs[2], STRUCTURAL)[3]
    zoo.improve(
        graphs[2],
        SearchResult(order[1], 0, 5, "annealing", 3.0, certificate=SEARCHED),
        "structural",
        name="open",
    )

    work = agenda(zoo)
    assert {t.name: (t.cost, t.best, t.lower_bound, t.spent, t.pending) for t in work.tasks} == {
        "waiting": ("multiplications", worst, 0, 0.0, True),
        "open": ("structural", order[0], 5, 3.0, False),
    }
    assert (work.met, work.findings) == (1, ())
    assert names([*agenda(zoo, pending_only=True).tasks]) == ["waiting"]
    # A named cost model is added where it is missing, starting from the order that is there.
    added = {t.name: t for t in agenda(zoo, cost="structural").tasks}
    assert added.keys() == {"waiting", "proven", "open"}
    assert added["proven"].starts == (best[1],)
    assert added["proven"].best == count(graphs[1], best[1]).structural
    with pytest.raises(CcjacError, match="`cost` must be one of"):
        agenda(zoo, cost="nonsense")


@pytest.mark.parametrize("proof", ["none", "menger", "groups"])
def test_bounds_that_their_proofs_do_not_give_save_no_search(tmp_path: Path, proof: Proof) -> None:
    zoo, graph = Zoo(tmp_path), make_graph(1)
    cost, order = chain(graph, MULTIPLICATIONS)[0]
    zoo.improve(graph, SearchResult(order, cost, cost, "exact", 4.0, certificate=Certificate(proof)), name="liar")
    (task,) = agenda(zoo).tasks
    assert task.claimed == cost > task.lower_bound
    key = urgency(pending=False, cost=cost, lower_bound=0, spent=0.0, share=1.0, claimed=cost)
    assert key > urgency(pending=False, cost=cost, lower_bound=cost - 1, spent=99.0, share=1.0)


def test_damaged_entries_are_reported_and_wrong_orders_sought_anew(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path)
    for seed in range(2):
        add_pending(zoo, make_graph(seed), f"task{seed}")
    with sqlite3.connect(tmp_path / "orders.db") as connection:
        ((key, text), (other, second)) = connection.execute(
            "SELECT fingerprint, entry FROM orders ORDER BY 1"
        ).fetchall()
        connection.execute(
            "UPDATE orders SET entry = ? WHERE fingerprint = ?", (text.replace('"cost":', '"cost":1'), key)
        )
        connection.execute(
            "UPDATE orders SET entry = ? WHERE fingerprint = ?", (second.replace(other, "0" * 32), other)
        )
    connection.close()
    with pytest.warns(UserWarning, match="ignored"):
        work = agenda(Zoo(tmp_path))
    assert {finding.fingerprint for finding in work.findings} == {key}
    (again,) = work.tasks
    assert (again.fingerprint, again.starts, again.best, again.met) == (key, (), None, False)


def test_time_is_divided() -> None:
    assert Limits().round(7) == DEFAULT_SHARE
    assert Limits(3.0, 5.0, 2).round(7) == 3.0
    assert Limits(None, 60.0, 2).round(10) == 12.0
    assert Limits(None, 60.0, 2).round(1000) == 1.0
    assert Limits(None, 60.0, 2).round(0) == DEFAULT_SHARE


def test_time_left() -> None:
    rows = [Row.of(task(str(i))) for i in range(4)]
    run = Run(rows, math.inf, 2, 10.0)
    assert run.left(100.0) == 20.0
    rows[0].state, rows[0].began, rows[0].share = "running", 96.0, 10.0
    assert rows[0].left(100.0) == 6.0
    assert run.left(100.0) == 18.0
    run.finish = 103.0
    assert run.left(100.0) == 3.0
    assert run.left(110.0) == 0.0


def test_rows_know_what_was_achieved() -> None:
    row = Row.of(task("a", 100, 50))
    assert not row.improved
    assert not row.optimal
    row.best, row.lower_bound = 80, 80
    assert row.improved
    assert row.optimal
    assert Row(replace(row.task, best=None), 80, 0, "").improved


@pytest.mark.parametrize("most", [3, 5, 10, 19, 20, 30])
@pytest.mark.parametrize("ended", [0, 1, 9, 18])
def test_the_live_table_fits_and_shows_the_running_searches(most: int, ended: int) -> None:
    rows = [Row.of(task(str(i))) for i in range(20)]
    for i, row in enumerate(rows):
        row.state = "done" if i < ended else "running" if i < ended + 2 else "waiting"
    shown = visible(rows, most)
    assert len(shown) == min(most, 20)
    assert set(rows[ended : ended + 2]) <= set(shown)
    assert shown == [row for row in rows if row in shown]
