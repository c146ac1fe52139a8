"""What a worker does with one order, in this process."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from drip_plugin import chain
from train_samples import add_pending, costs, make_graph

from ccjac.cost import MULTIPLICATIONS
from ccjac.graph import Graph
from ccjac.ordering import Certificate, Listener, Progress, SearchResult
from ccjac.ordering.toolkit.warm_up import announced, listeners
from ccjac.zoo import StoredOrder, Zoo
from ccjac_trainer.refresh import keeper, worker
from ccjac_trainer.refresh.messages import Assignment, Compiling, Done, News
from ccjac_trainer.refresh.task import agenda

Search = Callable[[Graph, Sequence[Sequence[int]], Listener], SearchResult]
Serve = Callable[..., Done]

GRAPH = make_graph(3)
CHAIN = chain(GRAPH, MULTIPLICATIONS)
WORST, MIDDLE, BEST = CHAIN[0], CHAIN[5], CHAIN[-1]


class Scripted:
    """A searcher from a function."""

    name = "scripted"

    def __init__(self, script: Search) -> None:
        self.script = script

    def search(self, graph: Graph, *, start: Any, progress: Listener, **_: Any) -> SearchResult:
        return self.script(graph, start, progress)


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    """One pending order, the worst of the chain."""
    made = Zoo(tmp_path / "zoo")
    add_pending(made, GRAPH, "f")
    return made


@pytest.fixture
def serve(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """``serve(script)`` lets a worker do the one task of the zoo."""

    def serve(
        script: Search,
        *,
        tell: Callable[[News | Compiling], None] = lambda news: None,
        stopped: Callable[[], bool] = lambda: False,
        seconds: float = 1.0,
    ) -> Done:
        monkeypatch.setattr(worker, "searcher", lambda name: Scripted(script))
        (task,) = agenda(zoo).tasks
        return worker.serve(Assignment(task, "scripted", seconds, 5), worker.Zoos(zoo.path), tell, stopped)

    return serve


def stored(zoo: Zoo) -> StoredOrder:
    ((_, entry),) = zoo.entries(mine=True)
    return entry.orders["multiplications"]


def result(step: tuple[int, tuple[int, ...]], bound: int = 0, method: str = "scripted") -> SearchResult:
    return SearchResult(
        step[1], step[0], bound, method, 123.0, certificate=Certificate("exhausted" if bound else "none")
    )


def report(step: tuple[int, tuple[int, ...]], bound: int = 0) -> Progress:
    return Progress(0.1, step[0], bound, step[1], "part")


def test_an_improvement_is_on_disk_before_the_search_goes_on(zoo: Zoo, serve: Serve) -> None:
    seen = []

    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        assert list(start) == [WORST[1]]
        for step in (MIDDLE, BEST):
            progress(report(step))
            seen.append(stored(zoo))
        return result(BEST, BEST[0])

    news: list[News] = []
    done = serve(script, tell=news.append)
    assert [(order.cost, order.method, order.pending) for order in seen] == [
        (MIDDLE[0], "scripted:part", False),
        (BEST[0], "scripted:part", False),
    ]
    assert [item.cost for item in news] == [WORST[0], MIDDLE[0], BEST[0]]
    assert (done.cost, done.lower_bound, done.problem) == (BEST[0], BEST[0], "")
    last = stored(zoo)
    assert (last.optimal, last.proof, last.seed) == (True, "exhausted", 5)
    assert agenda(zoo).tasks == ()
    assert agenda(zoo).met == 1
    # The script has proven nothing, which a search finds out.
    (finding,) = zoo.verify()
    assert f"the bound {BEST[0]} is claimed" in finding.problem


def test_no_gain_ends_the_waiting_and_is_charged(zoo: Zoo, serve: Serve) -> None:
    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        time.sleep(0.02)
        return result((WORST[0], tuple(start[0])), 7, method="given")

    for times in (1, 2):
        serve(script)
        order = stored(zoo)
        assert (order.cost, order.pending, order.method) == (WORST[0], False, "greedy:LM")
        assert (order.lower_bound, order.proof) == (7, "exhausted")
        assert 0.02 * times <= order.seconds < 60, "the time that the search itself claims is of no interest"


def test_stopped_without_gain_goes_on_waiting(zoo: Zoo, serve: Serve) -> None:
    stop = []

    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        stop.append(True)
        time.sleep(0.01)
        with pytest.raises(KeyboardInterrupt):
            progress(report(WORST))
        return result(WORST)

    serve(script, stopped=lambda: bool(stop))
    assert stop
    assert stored(zoo).pending
    assert stored(zoo).seconds > 0


@pytest.mark.parametrize("obedient", [True, False])
def test_stopped_with_gain_keeps_it(zoo: Zoo, serve: Serve, obedient: bool) -> None:
    stop = []

    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        stop.append(True)
        try:
            progress(report(MIDDLE))
        except KeyboardInterrupt:
            if not obedient:
                raise
        return result(BEST)

    done = serve(script, stopped=lambda: bool(stop))
    assert done.problem == ""
    assert costs(zoo).popitem()[1] == (BEST[0] if obedient else MIDDLE[0])


def test_stopped_without_gain_keeps_a_raised_bound(zoo: Zoo, serve: Serve) -> None:
    stop = []

    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        stop.append(True)
        with pytest.raises(KeyboardInterrupt):
            progress(report(WORST, 9))
        return result((WORST[0], tuple(start[0])), 9)

    serve(script, stopped=lambda: bool(stop))
    assert (stored(zoo).cost, stored(zoo).lower_bound, stored(zoo).proof) == (WORST[0], 9, "exhausted")


def _bounded(step: tuple[int, tuple[int, ...]], bound: int) -> Progress:
    return replace(report(step, bound), certificate=Certificate("exhausted"))


def test_a_search_that_never_returns_leaves_its_bounds(zoo: Zoo, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "_CHARGE", 0.0)
    seen = []

    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        progress(_bounded(WORST, 3))
        seen.append((stored(zoo).lower_bound, stored(zoo).pending))
        progress(_bounded(MIDDLE, 5))
        progress(_bounded(MIDDLE, 6))
        progress(report(MIDDLE, 7))
        raise ZeroDivisionError("killed")

    serve(script)
    assert seen == [(0, True)], "a bound alone is no search"
    assert (stored(zoo).cost, stored(zoo).lower_bound, stored(zoo).proof) == (MIDDLE[0], 6, "exhausted")


def test_a_proof_is_stored_at_once(zoo: Zoo, serve: Serve) -> None:
    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        progress(_bounded(WORST, WORST[0]))
        raise ZeroDivisionError("killed")

    serve(script)
    assert stored(zoo).optimal
    assert not stored(zoo).pending


def test_a_failing_search_keeps_what_it_had_found(zoo: Zoo, serve: Serve) -> None:
    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        progress(report(MIDDLE))
        raise ZeroDivisionError("by zero")

    done = serve(script)
    assert done.problem == "ZeroDivisionError: by zero"
    assert (done.cost, done.unwritable) == (MIDDLE[0], "")
    assert stored(zoo).cost == MIDDLE[0]


@pytest.mark.parametrize("order", [(), WORST[1][:-1], (*WORST[1][:-1], WORST[1][0])], ids=["empty", "short", "twice"])
def test_no_order_is_a_problem(zoo: Zoo, serve: Serve, order: tuple[int, ...]) -> None:
    done = serve(lambda graph, start, progress: SearchResult(order, 0, 0, "scripted", 0.0))
    assert done.problem.startswith("OrderError")
    assert stored(zoo).pending
    assert zoo.verify() == []


def test_a_claimed_cost_is_counted(zoo: Zoo, serve: Serve) -> None:
    done = serve(lambda graph, start, progress: SearchResult(MIDDLE[1], 1, 0, "scripted", 0.0))
    assert done.cost == stored(zoo).cost == MIDDLE[0]


def test_a_bound_above_the_cost_is_not_believed(zoo: Zoo, serve: Serve) -> None:
    serve(lambda graph, start, progress: result((WORST[0], tuple(start[0])), WORST[0] + 1))
    assert stored(zoo).lower_bound == 0


def test_what_another_process_found_meanwhile_stays(zoo: Zoo, serve: Serve) -> None:
    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        Zoo(zoo.path).improve(GRAPH, result(BEST, method="elsewhere"))
        progress(report(MIDDLE))
        return result(MIDDLE)

    done = serve(script)
    assert (done.cost, done.method) == (BEST[0], "elsewhere")
    assert (stored(zoo).cost, stored(zoo).method) == (BEST[0], "elsewhere")


def test_a_search_starts_from_what_is_stored_by_then(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    (task,) = agenda(zoo).tasks
    zoo.improve(GRAPH, result(BEST))
    starts: list[Any] = []

    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        starts.extend(start)
        return result(BEST)

    monkeypatch.setattr(worker, "searcher", lambda name: Scripted(script))
    worker.serve(Assignment(task, "scripted", 1.0, 0), worker.Zoos(zoo.path), lambda news: None, lambda: False)
    assert starts == [BEST[1], WORST[1]]
    assert stored(zoo).cost == BEST[0]


def test_a_stored_optimum_is_not_searched_again(zoo: Zoo, serve: Serve) -> None:
    """Greedy rules find optimal orders too; their waiting ends without a search."""
    zoo.remember_miss(GRAPH, replace(result(BEST, BEST[0]), method="greedy:MF"))
    assert stored(zoo).pending
    assert stored(zoo).optimal
    done = serve(lambda graph, start, progress: pytest.fail("no search"))
    assert done.problem == ""
    assert (stored(zoo).pending, stored(zoo).optimal, stored(zoo).proof) == (False, True, "exhausted")


def test_compiling_is_told_and_charged_to_nobody(zoo: Zoo, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("ccjac_trainer.refresh.keeper.time.perf_counter", lambda: clock[0])

    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        with announced():
            clock[0] += 300.0
        clock[0] += 2.0
        return result(BEST)

    told: list[News | Compiling] = []
    serve(script, tell=told.append)
    assert [item.now for item in told if isinstance(item, Compiling)] == [True, False]
    assert stored(zoo).seconds == 2.0
    assert listeners == []


def test_without_time_nothing_is_searched(zoo: Zoo, serve: Serve) -> None:
    done = serve(lambda graph, start, progress: pytest.fail("no search"), seconds=0.0)
    assert (done.cost, done.problem) == (WORST[0], "")
    assert stored(zoo).pending


def test_a_zoo_that_cannot_be_written_is_said(zoo: Zoo, serve: Serve) -> None:
    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        (zoo.path / "orders.db").write_text("this was a database")
        progress(report(BEST))
        return result(BEST)

    with pytest.warns(UserWarning, match="Results are unaffected"):
        done = serve(script)
    assert "cannot write" in done.unwritable or "cannot store" in done.unwritable
    assert str(zoo.path) in done.unwritable


def test_a_flood_of_improvements_is_written_now_and_then(
    zoo: Zoo, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search does not wait for the disk; the last order gets there, most of the others need not."""
    monkeypatch.setattr(keeper, "_WAITING", 0.0)
    monkeypatch.setattr(keeper, "_GRACE", 0.0)
    improve, written, reported = Zoo.improve, [], threading.Event()

    def slowly(self: Zoo, graph: Any, found: Any, *args: Any, **kwargs: Any) -> bool:
        assert reported.wait(30)
        written.append(found.cost)
        return improve(self, graph, found, *args, **kwargs)

    monkeypatch.setattr(Zoo, "improve", slowly)

    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        for step in CHAIN[1:]:
            progress(report(step))
        reported.set()
        return result(BEST)

    serve(script)
    assert stored(zoo).cost == written[-1] == BEST[0]
    assert len(written) <= 3


def test_an_order_that_is_deleted_meanwhile_comes_back(zoo: Zoo, serve: Serve) -> None:
    def script(graph: Graph, start: Any, progress: Listener) -> SearchResult:
        progress(report(BEST))
        connection = sqlite3.connect(zoo.path / "orders.db")
        connection.execute("DELETE FROM orders")
        connection.commit()
        connection.close()
        return result(BEST)

    done = serve(script)
    assert (done.unwritable, done.cost) == ("", BEST[0])
    assert stored(zoo).cost == BEST[0]
