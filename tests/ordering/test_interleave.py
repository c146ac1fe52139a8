"""Searches that take turns: shares of the time, ends, closing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ccjac.ordering.toolkit.turns import Part, interleave


class Clock:
    """Stands for an incumbent whose time passes only when a part works."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.elapsed, self.ticks = seconds, 0.0, 0

    def done(self) -> bool:
        return self.elapsed >= self.seconds

    def tick(self) -> None:
        self.ticks += 1


def work(clock: Clock, log: list[str], name: str, step: float, steps: int = 1_000_000) -> Iterator[None]:
    try:
        for _ in range(steps):
            clock.elapsed += step
            log.append(name)
            yield
    finally:
        log.append(f"{name} closed")


def run(clock: Any, *parts: Part) -> None:
    interleave(clock, *parts)


def test_time_is_shared_by_weight_however_long_the_steps_are() -> None:
    clock, log = Clock(100.0), list[str]()
    run(clock, Part(work(clock, log, "a", 0.01)), Part(work(clock, log, "b", 0.05), lambda: 0.25))
    assert 0.01 * log.count("a") == pytest.approx(80.0, abs=1.0)
    assert 0.05 * log.count("b") == pytest.approx(20.0, abs=1.0)
    assert clock.ticks == log.count("a") + log.count("b")


def test_the_first_part_begins_and_the_last_one_left_goes_on() -> None:
    clock, log = Clock(10.0), list[str]()
    run(clock, Part(work(clock, log, "a", 0.01, steps=3)), Part(work(clock, log, "b", 0.01)))
    assert log[:4] == ["a", "a", "a", "a closed"]
    assert log[4] == "b"
    assert clock.done()


def test_it_ends_when_no_part_goes_on() -> None:
    clock, log = Clock(10.0), list[str]()
    run(clock, Part(work(clock, log, "a", 0.01, steps=2)), Part(iter([None])))
    assert not clock.done()


def test_parts_are_closed_at_the_end_and_after_an_interrupt() -> None:
    clock, log = Clock(0.5), list[str]()
    run(clock, Part(work(clock, log, "a", 0.1)), Part(work(clock, log, "b", 0.1)))
    assert {"a closed", "b closed"} <= set(log)

    def interrupted() -> Iterator[None]:
        yield
        raise KeyboardInterrupt

    clock, log = Clock(9.0), []
    with pytest.raises(KeyboardInterrupt):
        run(clock, Part(work(clock, log, "a", 0.2)), Part(interrupted()))
    assert log[-1] == "a closed"


def test_nothing_starts_when_all_is_done() -> None:
    clock, log = Clock(0.0), list[str]()
    run(clock, Part(work(clock, log, "a", 0.1)))
    assert log == []
