"""The one road from a traced function to what runs it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ..backends.protocol import Backend, Traced
from ..errors import UnsupportedError
from ..options import Options
from ..planning.choose import choose
from ..planning.plan import Plan
from ..program.accumulate import JacobianProgram, accumulate

log = logging.getLogger("ccjac")


def planned(
    backend: Backend, traced: Traced, options: Options, name: str, *, remember: bool
) -> tuple[Plan, JacobianProgram | None]:
    """The plan, and the program unless the plan is the framework's own mode."""
    linearization, obstacle = traced.linearization, traced.obstacle
    if linearization is not None:
        chosen = choose(linearization.graph, options.order, options.zoo, name=name, remember=remember)
        try:
            program = accumulate(
                linearization, chosen.order, with_values=traced.with_values, dtypes=traced.entry_dtypes
            )
            executor, reason = backend.select_executor(program, options.executor, platform=traced.platform)
            return chosen.with_executor(executor, reason), program
        except UnsupportedError as error:
            obstacle = str(error)
    return Plan(None, (), "fallback", executor=backend.mode(traced), reason=obstacle), None


def built(backend: Backend, traced: Traced, options: Options, name: str) -> Callable[..., Any]:
    """The compiled function of the call's operands and the captured values."""
    plan, program = planned(backend, traced, options, name, remember=True)
    if program is None:
        log.warning("ccjac: %s uses the framework's own %s mode: %s", name, plan.executor, plan.reason)
        return backend.fallback(traced, plan.executor)
    return backend.compile(traced, program, plan.executor, fastmath=options.fastmath)
