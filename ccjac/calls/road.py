"""The one road from a traced function to what runs it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from .. import estimate
from ..backends.protocol import Backend, Traced
from ..elements.coloured import ColouredProgram
from ..elements.factored import FactoredProgram
from ..elements.parts import SparseProgram
from ..errors import BackendError, CcjacError, NoLoopsError, UnsupportedError
from ..expand import unforeseen
from ..loops.jacobian import looped_jacobian
from ..loops.joined import LoopedProgram
from ..loops.patterns import is_constant
from ..options import Options
from ..planning.choose import choose
from ..planning.plan import CONSTANT, Plan
from ..program.accumulate import JacobianProgram, accumulate
from ..program.linearization import Linearization
from ..regions.staged import with_stages
from . import fused

log = logging.getLogger("ccjac")


def planned(
    backend: Backend, traced: Traced, options: Options, name: str, *, remember: bool
) -> tuple[Plan, JacobianProgram | SparseProgram | FactoredProgram | ColouredProgram | LoopedProgram | None]:
    """The plan, and the program if it has one: not if the Jacobian is constant or the framework's own mode's."""
    if traced.fused:
        return fused.planned(backend, traced, options)
    if options.output not in backend.outputs:
        asked = "`ccjac.sparse_values`" if options.output == "values" else f'`output="{options.output}"`'
        raise BackendError(
            f'{asked} is not there for {backend.name}, whose Jacobians are dense; use `output="dense"` and convert the '
            "result, with `.to_sparse()` for example."
        )
    if options.output != "dense" or options.granularity == "tensor":
        try:
            return _by_cells(backend, traced, options, name, remember=remember)
        except UnsupportedError as error:
            reason, mode = f"no cells: {error}", backend.mode(traced)
        program = backend.coloured(traced, mode) if options.output != "dense" else None
        if program is not None:
            reason += f"; {program.reason}"
        return Plan(None, (), "fallback", executor=mode, reason=reason), program
    if options.automatic and traced.features is not None and estimate.is_constant(traced.features):
        return Plan(None, (), CONSTANT, executor=CONSTANT, reason="it does not depend on the arguments"), None
    try:
        return _scalar(backend, traced, options, name, remember=remember)
    except UnsupportedError as error:
        reason = str(error)
    try:
        return _by_loops(backend, traced, options, name, remember=remember, reason=reason)
    except NoLoopsError:
        pass
    except UnsupportedError as error:
        reason += f"; no loops: {error}"
    try:
        return _by_regions(backend, traced, options, name, remember=remember, reason=reason)
    except UnsupportedError as error:
        reason += f"; no regions: {error}" if str(error) else ""
    features = traced.features if options.automatic and traced.platform == "cpu" else None
    if features is not None and estimate.cells_may_pay(features):
        try:
            return _by_cells(backend, traced, options, name, remember=remember, reason=reason, features=features)
        except UnsupportedError as error:
            reason += f"; no cells: {error}"
    return Plan(None, (), "fallback", executor=backend.mode(traced), reason=reason), None


def _by_cells(
    backend: Backend,
    traced: Traced,
    options: Options,
    name: str,
    *,
    remember: bool,
    reason: str = "",
    features: estimate.Features | None = None,
) -> tuple[Plan, SparseProgram | FactoredProgram]:
    """The plan by cells, and the program.

    Args:
        backend: The framework's.
        traced: The function.
        options: What the user chose.
        name: The function's.
        remember: Whether orders that were found go to the zoo.
        reason: Why it is not one program.
        features: What tells whether cells pay; ``None`` if the user asked for them.

    Raises:
        UnsupportedError: The function has no cells, or they would not pay.
    """
    edges = 0

    def chosen(linearization: Linearization) -> Plan:
        nonlocal edges
        edges += len(linearization.graph.edges)
        if features is not None and (why := estimate.cells_obstacle(features, edges)) is not None:
            raise UnsupportedError(why)
        return choose(linearization.graph, options.order, options.zoo, name=name, remember=remember)

    nodes = None if features is None else estimate.cells_nodes(features)
    sparse = backend.cells(traced, chosen, nodes)
    parts = tuple((part.members, part.plan) for part in sparse.parts)
    if features is not None:
        operations = sum(part.members * part.program.operations for part in sparse.parts)
        rank = sparse.rank if isinstance(sparse, FactoredProgram) else 0
        if (why := estimate.cells_late_obstacle(features, operations, sparse.written, rank)) is not None:
            raise UnsupportedError(why)
    if isinstance(sparse, FactoredProgram):
        reason = "; ".join(filter(None, [reason, f"{sparse.rank} numbers depend on everything: S + U V"]))
    return Plan(None, (), "cells", executor="cells", reason=reason, parts=parts), sparse


def _by_loops(
    backend: Backend, traced: Traced, options: Options, name: str, *, remember: bool, reason: str
) -> tuple[Plan, LoopedProgram | None]:
    """The plan with loops, and the program.

    Raises:
        UnsupportedError: The function has no loops, or they would not pay.
    """
    order = options.order
    given = order.segments if isinstance(order, Plan) else ()
    if options.executor not in ("auto", "kernel") or not (isinstance(order, str) or given):
        raise UnsupportedError("they run as kernels only, in orders that are found for every part")
    tape = backend.tape(traced)
    if options.automatic and is_constant(tape):
        return Plan(None, (), CONSTANT, executor=CONSTANT, reason="it does not depend on the arguments"), None

    def chosen(linearization: Linearization) -> Plan:
        graph = linearization.graph
        known = next((plan for _, _, plan in given if plan.graph == graph), "auto" if given else order)
        return choose(graph, known, options.zoo, name=name, remember=remember)

    try:
        looped = looped_jacobian(tape, chosen, with_values=traced.with_values)
    except CcjacError:
        raise
    except Exception as error:
        raise UnsupportedError(unforeseen(error, name)) from None
    if (why := backend.loop_obstacle(looped, platform=traced.platform)) is not None:
        raise UnsupportedError(why)
    if options.executor == "auto" and (why := estimate.loops_obstacle(tape, looped)) is not None:
        raise UnsupportedError(why)
    return Plan(
        None, (), "loops", executor="kernel", reason=reason, segments=looped.parts, direction=looped.direction
    ), looped


def _by_regions(
    backend: Backend, traced: Traced, options: Options, name: str, *, remember: bool, reason: str
) -> tuple[Plan, JacobianProgram]:
    """The plan and the program of a function of which the framework computes a part.

    Raises:
        UnsupportedError: It would not pay, or is not possible; without words where regions are not the question.
    """
    features = traced.features if options.automatic else None
    if features is not None and not features.obstacle and estimate.obstacle(features) is not None:
        # It is too large, not foreign.
        raise UnsupportedError
    linearization = traced.divided
    if not linearization.regions and features is None:
        # Otherwise the estimate took for foreign what disappears where it is expanded.
        raise UnsupportedError
    if options.automatic and (why := estimate.regions_obstacle(linearization.regions)) is not None:
        raise UnsupportedError(why)
    chosen = choose(linearization.graph, options.order, options.zoo, name=name, remember=remember)
    program = accumulate(linearization, chosen.order, with_values=traced.with_values, dtypes=traced.entry_dtypes)
    wanted = options.order if isinstance(options.order, str) else "auto"

    def order(part: Linearization) -> Sequence[int]:
        return choose(part.graph, wanted, options.zoo, name=name, remember=remember).order

    program = with_stages(linearization, program, order)
    if options.automatic and (why := estimate.regions_late_obstacle(program)) is not None:
        raise UnsupportedError(why)
    executor, why = backend.select_executor(program, options.executor, platform=traced.platform)
    if executor != "kernel" and options.automatic:
        raise UnsupportedError(f"their surroundings are no kernels: {why}")
    return replace(chosen, regions=program.regions).with_executor(executor, why or reason), program


def _scalar(
    backend: Backend, traced: Traced, options: Options, name: str, *, remember: bool
) -> tuple[Plan, JacobianProgram]:
    """The plan and the straight-line program.

    Raises:
        UnsupportedError: There is no such program, or it would not pay; a choice that the user made is not questioned.
    """
    features = traced.features if options.automatic else None
    if features is not None and (reason := estimate.obstacle(features)) is not None:
        raise UnsupportedError(reason)
    linearization = traced.linearization
    if linearization is None:
        raise UnsupportedError(traced.obstacle)
    chosen = choose(linearization.graph, options.order, options.zoo, name=name, remember=remember)
    program = accumulate(linearization, chosen.order, with_values=traced.with_values, dtypes=traced.entry_dtypes)
    if features is not None and (reason := estimate.late_obstacle(features, program.program.operations)) is not None:
        raise UnsupportedError(reason)
    executor, reason = backend.select_executor(program, options.executor, platform=traced.platform)
    return chosen.with_executor(executor, reason), program


def built(backend: Backend, traced: Traced, options: Options, name: str) -> Callable[..., Any]:
    """The compiled function of the call's operands and the captured values."""
    plan, program = planned(backend, traced, options, name, remember=True)
    if plan.source == CONSTANT:
        return backend.constant(traced)
    if program is None and traced.fused:
        log.warning("ccjac: %s is not fused: %s", name, plan.reason)
    elif program is None or isinstance(program, ColouredProgram):
        log.warning("ccjac: %s uses the framework's own %s mode: %s", name, plan.executor, plan.reason)
    if isinstance(program, LoopedProgram):
        return backend.compile_loops(traced, program)
    if isinstance(program, JacobianProgram):
        asked = options.executor == "kernel"
        return backend.compile(traced, program, plan.executor, fastmath=options.fastmath, accelerated=asked)
    if program is not None:
        return backend.compile_sparse(traced, program, plan.executor, options.output)
    return backend.fallback(traced, plan.executor)
