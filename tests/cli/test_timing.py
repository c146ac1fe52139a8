"""The stopwatch gives every candidate the same number of turns, in rotating order."""

from __future__ import annotations

import gc
import socket

from ccjac.timing import Timing, interleaved, machine


def test_candidates_take_turns() -> None:
    made: list[str] = []
    shares: list[float] = []
    timings = interleaved(
        {name: (lambda name=name: made.append(name)) for name in "abc"}, seconds=0.0, least=6, progress=shares.append
    )
    assert made[:3] == ["a", "b", "c"], "the first calls compile and come before the race"
    rounds = [made[i : i + 3] for i in range(3, len(made), 3)]
    assert [r[0] for r in rounds] == ["a", "b", "c", "a", "b", "c"]
    assert all(sorted(r) == ["a", "b", "c"] for r in rounds)
    assert {len(t.samples) for t in timings.values()} == {6}
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_round_limit_ends_the_race() -> None:
    assert len(interleaved({"a": lambda: None}, seconds=60.0, most=4)["a"].samples) == 4


def test_garbage_collection_is_restored() -> None:
    interleaved({"a": lambda: None}, seconds=0.0)
    assert gc.isenabled()


def test_median_and_spread() -> None:
    timing = Timing(9.0, (3.0, 1.0, 2.0, 5.0, 4.0))
    assert (timing.median, timing.spread) == (3.0, (2.0, 4.0))
    assert Timing(1.0, (2.0,)).spread == (2.0, 2.0)


def test_the_machine_is_described_without_its_name() -> None:
    line = machine()
    assert "cores" in line
    assert "\n" not in line
    assert socket.gethostname() not in line
