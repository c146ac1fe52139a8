"""The budget of a run counts searching: starting processes and compiling searchers is on top."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from train_samples import make_graph

from ccjac_trainer.refresh.interrupts import Interrupts
from ccjac_trainer.refresh.messages import Assignment, Compiling, Done, Message, News
from ccjac_trainer.refresh.run import _Loop
from ccjac_trainer.refresh.state import Row, Run
from ccjac_trainer.refresh.task import Task


class Clock:
    """Stands in for ``time.monotonic``."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Script:
    """A pool of one worker that lets time pass and says what it is told to say."""

    def __init__(self, clock: Clock, steps: list[tuple[float, Message]]) -> None:
        self.clock, self.steps, self.work, self.stopped = clock, steps, None, False

    @property
    def busy(self) -> bool:
        return self.work is not None and bool(self.steps)

    @property
    def free(self) -> bool:
        return self.work is None

    def assign(self, assignment: Assignment) -> None:
        self.work = assignment

    def poll(self, seconds: float) -> Iterator[tuple[Assignment, Message]]:
        took, message = self.steps.pop(0)
        self.clock.now += took
        assert self.work is not None
        yield self.work, message

    def stop(self) -> None:
        self.stopped = True

    def kill(self) -> None:
        self.steps.clear()


class Said:
    """A display that remembers what it was told in words."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def update(self, run: Run) -> None: ...

    def improved(self, row: Row) -> None: ...

    def ended(self, row: Row) -> None: ...

    def say(self, text: str) -> None:
        self.words.append(text)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made)
    return made


def run(clock: Clock, steps: list[tuple[float, Message]]) -> tuple[Run, Script, Said]:
    task = Task("0" * 32, "f", make_graph(0), "multiplications", best=9)
    state = Run([Row.of(task)], 10.0, 1, 10.0)
    pool, said = Script(clock, steps), Said()
    _Loop(state, pool, said, Interrupts(), "exact", 0, divide=False).run()  # type: ignore[arg-type]
    return state, pool, said


DONE = Done(5, 0, 44.0, "exact")


def test_the_clock_stands_still_until_somebody_searches(clock: Clock) -> None:
    state, pool, said = run(
        clock,
        [
            (60.0, News(9, 0, 0.0, "")),
            (0.0, Compiling(True)),
            (40.0, News(9, 0, 0.0, "")),
            (1.0, Compiling(False)),
            (3.0, DONE),
        ],
    )
    (row,) = state.rows
    assert state.finish == 10.0 + 60.0 + 40.0 + 1.0
    assert (row.state, row.best, pool.stopped) == ("done", 5, False)
    assert row.began == pytest.approx(101.0)
    assert row.seconds == pytest.approx(3.0)
    assert said.words == ["Compiling the searchers, once per machine; this time does not count."]


def test_searching_counts(clock: Clock) -> None:
    state, pool, said = run(clock, [(0.0, News(9, 0, 0.0, "")), (12.0, News(8, 0, 12.0, "")), (1.0, DONE)])
    assert state.finish == 10.0
    assert pool.stopped
    assert said.words == []


def test_a_row_shows_that_it_compiles(clock: Clock) -> None:
    from ccjac_trainer.cli.table import table

    row = Row.of(Task("0" * 32, "f", make_graph(0), "multiplications", best=9))
    row.state, row.began, row.share, row.compiling = "running", 0.0, 10.0, 4.0
    assert row.left(100.0) == 6.0
    assert not row.searching
    cells = list(table([row], 100.0).columns[-1].cells)
    assert [str(cell) for cell in cells] == ["compiling"]
