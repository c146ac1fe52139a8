"""Pretraining: imitation on generated graphs, then of what is best where the policy itself goes.

Everything is a function of the seed and the step: which shards of examples there are at a step, what is in them, which
of them make up a batch.  So a run that was interrupted goes on from its last checkpoint to the same losses.
"""

from __future__ import annotations

import csv
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from ccjac.errors import CcjacError
from ccjac.ordering.states.bits import pack

from . import examples
from .batches import Batch, Sampler, ahead
from .learner import Learned, Learner, Weights
from .network import Shape
from .rollout import Policy
from .visited import visited_lessons
from .weights import save

Report = Callable[[dict[str, float]], None]
COLUMNS = ("step", "seconds", "examples", "divergence", "value", "hits")


@dataclass(frozen=True)
class Plan:
    """What to train and on how much.

    Attributes:
        shape: Of the network.
        seed: Of everything.
        batch: Positions in a batch of small ones.
        rate: Of learning.
        graphs: In a shard of examples.
        first: Shards to begin with.
        every: Steps after which there is one more.
        imitated: Shards of annealed orders; later ones begin where the policy goes.
        checkpoint: Steps between two checkpoints.
    """

    shape: Shape = field(default_factory=Shape)
    seed: int = 0
    batch: int = 64
    rate: float = 1e-3
    graphs: int = 200
    first: int = 10
    every: int = 200
    imitated: int = 40
    checkpoint: int = 500

    def shards(self, step: int) -> int:
        """How many shards there are at a step."""
        return self.first + step // self.every


class Pretraining:
    """A run in a directory: ``plan.json``, ``lessons/``, ``checkpoints/``, ``log.csv``, ``weights.safetensors``.

    Processes that train one network together share the directory.

    Attributes:
        folder: The directory.
        plan: What it was begun with.
        state: The learner's.
    """

    def __init__(self, folder: Path, plan: Plan, weights: Weights | None = None) -> None:
        """Begin a run, or go on with the one in ``folder``.

        Raises:
            CcjacError: The directory holds a run with another plan, or a damaged checkpoint.
        """
        self.folder, self.plan = folder, plan
        folder.mkdir(parents=True, exist_ok=True)
        record = json.loads(json.dumps(asdict(plan)))
        told = folder / "plan.json"
        if told.exists():
            if json.loads(told.read_text(encoding="utf-8")) != record:
                raise CcjacError(f"{folder} holds a run with other settings; choose another directory for these.")
        elif jax.process_index() == 0:
            part = told.with_suffix(".part")
            part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            part.replace(told)
        self._learner = Learner(plan.shape, rate=plan.rate)
        self._sampler = Sampler(plan.batch, plan.seed, jax.process_index())
        self._known = 0
        self._manager = ocp.CheckpointManager(
            (folder / "checkpoints").absolute(), options=ocp.CheckpointManagerOptions(max_to_keep=3)
        )
        self.state: Learned = self._learner.begin(plan.seed, weights)
        self._restore()

    def _restore(self) -> None:
        last = self._manager.latest_step()
        if last is None:
            return
        try:
            self.state = self._manager.restore(last, args=ocp.args.StandardRestore(self.state))
        except Exception as error:  # orbax passes on whatever its readers raise
            raise CcjacError(
                f"the checkpoint {self._manager.directory / str(last)} is damaged ({type(error).__name__}: {error}); "
                "remove it, and the run goes on from the one before."
            ) from error

    @property
    def step(self) -> int:
        """Steps done."""
        return int(self.state.step)

    def run(self, seconds: float, report: Report, steps: int | None = None) -> None:
        """Train for a time or up to a step; keeps everything, also after a ``KeyboardInterrupt``.

        Args:
            seconds: Budget of wall-clock time.
            report: Receives a row of the log every ten steps.
            steps: The step to stop at.
        """
        began = time.perf_counter()
        told: list[dict[str, jax.Array]] = []
        try:
            for batch in self._batches(steps):
                self.state, measured = self._learner.step(self.state, batch)
                told.append(measured)
                if len(told) == 10:
                    self._log(told, time.perf_counter() - began, report)
                    told = []
                if self.step % self.plan.checkpoint == 0:
                    self.keep()
                if time.perf_counter() - began > seconds:
                    break
        finally:
            self.keep()

    def _batches(self, steps: int | None) -> Iterator[Batch]:
        def numbers() -> Iterator[int]:
            for step in itertools.count(self.step):
                if steps is not None and step >= steps:
                    return
                yield step

        # Batches are made ahead only within a stretch of equal examples.
        for shards, stretch in itertools.groupby(numbers(), self.plan.shards):
            self._load(shards)
            yield from ahead(self._sampler.draw, stretch)

    def _load(self, shards: int) -> None:
        while self._known < shards:
            path = self.folder / "lessons" / f"{self._known:05d}.npz"
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                examples.save(path, self._lessons(self._known))
            self._sampler.add(examples.load(path))
            self._known += 1

    def _lessons(self, shard: int) -> list[examples.Lesson]:
        plan = self.plan
        problems = examples.problems(plan.seed * 100_003 + shard)
        if shard < plan.imitated:
            return list(examples.lessons(problems, plan.graphs))
        packed = [pack(graph, cost) for graph, cost, _ in itertools.islice(problems, plan.graphs)]
        return visited_lessons(self.policy, packed, plan.seed * 100_003 + shard)

    @property
    def policy(self) -> Policy:
        """The running mean of the weights."""
        return Policy(self.plan.shape, jax.tree.map(np.asarray, jax.device_get(self.state.mean)))

    def keep(self) -> None:
        """Write a checkpoint and the weights."""
        if self._manager.latest_step() != self.step:
            self._manager.save(self.step, args=ocp.args.StandardSave(self.state), force=True)
        self._manager.wait_until_finished()
        if jax.process_index() == 0:
            card: dict[str, Any] = {"steps": self.step, "shards": self._known, "plan": asdict(self.plan)}
            save(self.folder / "weights.safetensors", self.policy, card)

    def _log(
        self, told: list[dict[str, jax.Array]], seconds: float, report: Callable[[dict[str, float]], None]
    ) -> None:
        means = {name: float(np.mean([float(m[name]) for m in told])) for name in told[0]}
        row = {"step": float(self.step), "seconds": seconds, "examples": float(len(self._sampler)), **means}
        if jax.process_index() == 0:
            path = self.folder / "log.csv"
            fresh = not path.exists()
            with path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS)
                if fresh:
                    writer.writeheader()
                writer.writerow({name: f"{row[name]:.6g}" for name in COLUMNS})
            report(row)
