"""Searches on a Ray cluster: the same tasks, one keeper of the zoo, and workers that are lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from train_samples import Start, add_pending, costs, found, make_graph

from ccjac.errors import CcjacError
from ccjac.zoo import Zoo
from ccjac_trainer.refresh.engine import Engine
from ccjac_trainer.refresh.engines import opened
from ccjac_trainer.refresh.messages import Assignment, Done, Lost, Message, News
from ccjac_trainer.refresh.task import agenda


def test_engines_have_names() -> None:
    assert opened("local")[1] >= 1
    with pytest.raises(CcjacError, match="local, ray or ray:ADDRESS"):
        opened("moon")


def test_without_ray_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(CcjacError, match=r"ccjac\[ray\]"):
        opened("ray")


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A local cluster of two workers."""
    module = pytest.importorskip("ray")
    here = Path(__file__).parent
    paths = [str(here), *(str(here.parents[1] / part) for part in (".", "plugins", "order_zoo", "trainer"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        module.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
        yield module
        module.shutdown()


def heard(engine: Engine, work: Assignment) -> list[Message]:
    messages: list[Message] = []
    while engine.busy:
        messages += [message for given, message in engine.poll(5.0) if given is work]
    return messages


def test_orders_come_home(ray: Any, tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "home")
    add_pending(zoo, make_graph(0), "one")
    work = Assignment(agenda(zoo).tasks[0], "annealing", 0.5, 0)
    opener, room = opened("ray")
    assert room == 2
    with opener(zoo, 1) as engine:
        engine.assign(work)
        assert not engine.free
        messages = heard(engine, work)
    assert isinstance(messages[0], News)
    assert isinstance(messages[-1], Done)
    assert messages[-1].cost == costs(zoo).popitem()[1] < (work.task.best or 0)
    assert list(zoo.pending()) == []
    assert zoo.verify() == []
    ((_, entry),) = zoo.entries(mine=True)
    assert entry.names == ("one",)
    assert entry.orders["multiplications"].seconds > 0.3


def test_a_lost_worker_loses_nothing(ray: Any, tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "home")
    add_pending(zoo, make_graph(1))
    work = Assignment(agenda(zoo).tasks[0], "annealing", 6.0, 0)
    with opened("ray")[0](zoo, 1) as engine:
        engine.assign(work)
        until = time.monotonic() + 60
        while costs(zoo).popitem()[1] == work.task.best and time.monotonic() < until:
            list(engine.poll(0.1))
        (remote,) = engine._remotes  # type: ignore[attr-defined]
        first, reached = remote.actor, costs(zoo).popitem()[1]
        assert reached < (work.task.best or 0)
        ray.kill(first)
        messages = heard(engine, work)
        assert remote.actor is not first
    assert not any(isinstance(message, Lost) for message in messages)
    assert isinstance(messages[-1], Done)
    assert (messages[-1].cost or 0) <= reached
    assert zoo.verify() == []


@pytest.mark.slow
def test_the_command_on_a_cluster_of_its_own(zoo: Zoo, start: Start, log: Path) -> None:
    pytest.importorskip("ray")
    before = costs(zoo)
    process = start(
        "refresh", "--zoo", zoo.path, "--method", "drip", "--seconds-per-graph", "0.5", "-j", "2", "--engine", "ray"
    )
    out, err = process.communicate(timeout=200)
    assert (process.returncode, err) == (0, "")
    assert "3 of 3 orders searched: 3 improved" in out
    after = costs(zoo)
    assert all(after[key] < before[key] for key in before)
    assert after == found(log)


@pytest.mark.slow
def test_ctrl_c_keeps_what_arrived(zoo: Zoo, start: Start, log: Path) -> None:
    pytest.importorskip("ray")
    process = start(
        "refresh", "--zoo", zoo.path, "--method", "drip", "--seconds-per-graph", "60", "-j", "1", "--engine", "ray"
    )
    while not log.exists() or log.read_text().count("\n") < 8:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    now = costs(zoo)
    assert all(now[key] <= cost for key, cost in found(log).items())
