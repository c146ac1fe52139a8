"""How worker processes start and end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from train_samples import add_pending, costs, make_graph

from ccjac.zoo import Zoo
from ccjac_trainer.refresh import pool as pools
from ccjac_trainer.refresh.messages import Assignment, Done, Lost, News
from ccjac_trainer.refresh.pool import Pool, cores
from ccjac_trainer.refresh.task import agenda


def assignment(zoo: Zoo) -> Assignment:
    return Assignment(agenda(zoo).tasks[0], "greedy", 5.0, 0)


@pytest.fixture
def one(tmp_path: Path) -> Zoo:
    made = Zoo(tmp_path / "one")
    add_pending(made, make_graph(0))
    return made


def test_a_worker_serves_again_and_again_and_a_killed_one_is_replaced(one: Zoo) -> None:
    work = assignment(one)
    with Pool(one.path, 1) as pool:
        for _ in range(2):
            assert pool.free
            pool.assign(work)
            assert not pool.free
            messages: list[News | Done | Lost] = []
            while pool.busy:
                messages += [message for given, message in pool.poll(5.0) if given is work]
            assert isinstance(messages[0], News)
            assert isinstance(messages[-1], Done)
            assert messages[-1].cost == costs(one).popitem()[1] < (work.task.best or 0)
        (worker,) = pool._workers
        worker.process.kill()
        worker.process.join()
        pool.assign(work)
        assert [message for _, message in pool.poll(5.0)] == [Lost(-9)]
        assert pool.free
        pool.assign(work)
        (replacement,) = pool._workers
        assert replacement.process.pid != worker.process.pid
    assert replacement.process.exitcode is not None


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("MKL_NUM_THREADS", "many")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    with pools._threads(2):
        assert {os.environ[name] for name in pools._THREADS} == {"2"}
    with pools._threads(8):
        assert os.environ["OMP_NUM_THREADS"] == "3"
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert os.environ["MKL_NUM_THREADS"] == "many"
    assert "NUMBA_NUM_THREADS" not in os.environ
    assert cores() >= 1


def test_nothing_to_hear_from_nobody(tmp_path: Path) -> None:
    with Pool(tmp_path, 2) as pool:
        assert not pool.busy
        assert pool.free
        assert list(pool.poll(0.01)) == []
