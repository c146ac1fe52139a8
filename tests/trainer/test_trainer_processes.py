"""``ccjac-train refresh`` as users run it: killed, interrupted, twice at once, again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from train_samples import Start, add_pending, costs, found, make_graph

from ccjac.zoo import Zoo

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and process groups")


def until_it_works(log: Path, process: subprocess.Popen[str], lines: int) -> None:
    """Wait for so many lines in the log."""
    while not log.exists() or log.read_text().count("\n") < lines:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the process and for all its children: each holds an end of its standard output."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_pending_orders_get_better_and_nothing_gets_worse(zoo: Zoo, start: Start, log: Path) -> None:
    before = costs(zoo)
    code, out, err = end(
        start("refresh", "--zoo", zoo.path, "--method", "drip", "--seconds-per-graph", "0.2", "-j", "2")
    )
    assert (code, err) == (0, "")
    after = costs(zoo)
    assert after == found(log)
    assert after.keys() == before.keys()
    assert all(after[key] < before[key] for key in before)
    assert list(zoo.pending()) == []
    assert zoo.verify() == []
    assert "3 of 3 orders searched: 3 improved" in out
    assert "task0 (multiplications): " in out
    orders = [entry.orders["multiplications"] for _, entry in zoo.entries()]
    assert all(order.method == "drip:step" and order.seconds > 0 for order in orders)


def test_killed_at_any_moment(zoo: Zoo, start: Start, log: Path) -> None:
    """Whatever a listener was told is on disk, the zoo is sound, the children end; the next run goes on from there."""
    rng = random.Random()
    last = costs(zoo)
    for lines in (1, 9, 20):
        process = start("refresh", "--zoo", zoo.path, "--method", "drip", "--seconds-per-graph", "0.1", "-j", "2")
        until_it_works(log, process, lines)
        time.sleep(rng.random() * 0.1)
        process.kill()
        assert end(process)[0] == -signal.SIGKILL
        reopened = Zoo(zoo.path)
        assert reopened.verify() == []
        now = costs(reopened)
        assert all(now[key] <= cost for key, cost in found(log).items()), (now, found(log))
        assert all(now[key] <= last[key] for key in last)
        last = now


def test_whole_group_killed(zoo: Zoo, start: Start, log: Path) -> None:
    process = start("refresh", "--zoo", zoo.path, "--method", "drip", "-j", "2")
    until_it_works(log, process, 8)
    os.killpg(process.pid, signal.SIGKILL)
    end(process)
    assert zoo.verify() == []
    now = costs(zoo)
    assert all(now[key] <= cost for key, cost in found(log).items())


@pytest.mark.parametrize("everybody", [True, False], ids=["terminal", "parent"])
def test_interrupt_keeps_the_best(zoo: Zoo, start: Start, log: Path, everybody: bool) -> None:
    before = costs(zoo)
    process = start("refresh", "--zoo", zoo.path, "--method", "drip", "--seconds-per-graph", "1h", "-j", "2")
    until_it_works(log, process, 6)
    (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
    code, out, err = end(process)
    assert (code, err) == (130, "")
    assert "Stopping; everything found so far is kept." in out
    assert "2 of 3 orders searched" in out
    now = costs(zoo)
    assert found(log)
    assert all(now[key] <= cost for key, cost in found(log).items())
    # What had no chance yet goes on waiting.
    assert {entry.fingerprint for entry in zoo.pending()} == {key for key in now if now[key] == before[key]}
    assert zoo.verify() == []


def test_interrupt_before_anything_is_found(zoo: Zoo, start: Start) -> None:
    process = start("refresh", "--zoo", zoo.path, "--method", "drip", "--seconds-per-graph", "1h", "-j", "2")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Searching 3 orders")
    os.killpg(process.pid, signal.SIGINT)
    code, _, err = end(process)
    assert (code, err) == (130, "")
    assert zoo.verify() == []


def test_interrupt_while_modules_are_imported() -> None:
    """The import system forgets its locks in callbacks: a ``KeyboardInterrupt`` raised there would be lost."""
    program = """
import sys, types
from drip_plugin import interrupt
from ccjac_trainer import cli
sys.modules["ccjac_trainer.cli.app"] = types.SimpleNamespace(app=lambda **_: interrupt())
cli.main()
"""
    paths = os.pathsep.join(sys.path)
    ended = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")


def test_second_interrupt_does_not_wait_for_a_search_that_does_not_listen(zoo: Zoo, start: Start) -> None:
    process = start("refresh", "--zoo", zoo.path, "--method", "deaf", "--seconds-per-graph", "1h", "-j", "1")
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline().startswith("Stopping")
    os.killpg(process.pid, signal.SIGINT)
    code, _, err = end(process)
    assert (code, err) == (130, "")
    assert len(list(zoo.pending())) == 3


def test_two_at_once_lose_nothing(zoo: Zoo, start: Start, log: Path) -> None:
    words = ["refresh", "--zoo", zoo.path, "--method", "drip", "--seconds-per-graph", "0.2", "-j", "2"]
    both = [start(*words), start(*words, "--cost", "multiplications")]
    assert [end(process)[0] for process in both] == [0, 0]
    assert costs(zoo) == found(log)
    assert zoo.verify() == []
    seconds = [entry.orders["multiplications"].seconds for _, entry in zoo.entries()]
    assert all(spent >= 0.4 for spent in seconds), "the time of both counts"


def test_a_second_run_continues_where_the_first_was_cut_off(zoo: Zoo, start: Start, log: Path) -> None:
    words = ["refresh", "--zoo", zoo.path, "--method", "drip", "--seconds-per-graph", "2", "-j", "1"]
    code, out, _ = end(start(*words, "--total", "2"))
    assert code == 0
    assert "left for the next run" in out
    left = {entry.fingerprint for entry in zoo.pending()}
    assert left
    log.unlink()
    process = start(*words, "--pending-only")
    until_it_works(log, process, 1)
    os.killpg(process.pid, signal.SIGINT)
    end(process)
    assert set(found(log)) <= left, "what had its time must wait"


def test_a_crash_costs_one_order_only(zoo: Zoo, start: Start) -> None:
    code, out, err = end(start("refresh", "--zoo", zoo.path, "--method", "crash", "-j", "1"))
    assert code == 1
    assert err == ""
    assert out.count("failed: its process ended with exit code 3") == 3
    assert len(list(zoo.pending())) == 3
    assert zoo.verify() == []


def test_greedy_needs_no_plugin(tmp_path: Path, start: Start) -> None:
    zoo = Zoo(tmp_path / "one")
    worst = add_pending(zoo, make_graph(9))
    assert end(start("refresh", "--zoo", zoo.path, "--method", "greedy", "--total", "20s"))[0] == 0
    ((_, cost),) = costs(zoo).items()
    assert cost < worst
