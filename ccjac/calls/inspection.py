"""What a Jacobian function would do: its plan and its graph, and both ahead of time."""

from __future__ import annotations

import logging
from typing import Any

from ..backends.protocol import Backend, Request, Traced, UntraceableError
from ..errors import UnsupportedError
from ..graph import Graph
from ..options import Options
from ..pattern import Pattern
from ..planning.choose import choose
from ..planning.naming import call_name
from ..planning.plan import CONSTANT, FRAMEWORK, FUSED, Plan
from ..standalone.names import names_of
from ..standalone.recipe import ProgramRecipe
from .road import planned
from .selection import select_backend
from .static import steered

log = logging.getLogger("ccjac")


def plan_of(request: Request, options: Options, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Plan:
    """The plan for these arguments; see :func:`ccjac.plan`."""
    backend = select_backend(options.backend, args, kwargs)
    try:
        traced = _traced(backend, request, args, kwargs)
    except UntraceableError as untraceable:
        if not backend.steers(untraceable.error):
            raise untraceable.error from None
        # Outside of a compiled function the framework differentiates with values in place.
        executor = FRAMEWORK if request.fused else "forward"
        return Plan(None, (), "fallback", executor=executor, reason=steered(untraceable.error))
    name = call_name(request.fun, args, kwargs)
    plan = planned(backend, traced, options, name, remember=False)[0]
    if plan.regions or (plan.graph is None and plan.source not in (CONSTANT, FUSED)):
        return plan
    return plan.with_recipe(ProgramRecipe(traced, plan.order, names_of(backend, request, traced, args, kwargs), name))


def graph_of(request: Request, options: Options, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Graph:
    """The graph for these arguments; see :func:`ccjac.trace`."""
    if request.fused:
        raise UnsupportedError("A function of `ccjac.fuse` has no graph: nothing is differentiated; see its `plan`.")
    if options.granularity == "tensor":
        raise UnsupportedError(
            '`ccjac.trace` has no graph of `granularity="tensor"`: such functions are divided into cells, each with a '
            "scalar graph of its own; `ccjac.plan(...).parts` has them."
        )
    try:
        traced = _traced(select_backend(options.backend, args, kwargs), request, args, kwargs)
    except UntraceableError as untraceable:
        raise untraceable.error from None
    if traced.linearization is None:
        raise UnsupportedError(
            f"`ccjac.trace` cannot build the scalar graph of this function: {traced.obstacle}. "
            "`ccjac.jacobian` still works; it uses the framework's own mode."
        )
    return traced.linearization.graph


def pattern_of(request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pattern:
    """The structure of the whole Jacobian; see :func:`ccjac.sparsity`."""
    backend = select_backend(None, args, kwargs)
    try:
        traced = _traced(backend, request, args, kwargs)
    except UntraceableError as untraceable:
        raise untraceable.error from None
    try:
        divided = backend.cells(traced, lambda found: choose(found.graph, "forward"))
    except UnsupportedError as obstacle:
        log.info("ccjac: a pattern of dependence only: %s", obstacle)
        divided = None
    try:
        return backend.dependence(traced) if divided is None else divided.whole
    except UnsupportedError as error:
        raise UnsupportedError(f"`ccjac.sparsity` finds no structure in this function: {error}.") from None


def _traced(backend: Backend, request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    """Traced with numbers as operands, or as they are where they steer Python."""
    try:
        return backend.trace(backend.prepare(request, args, kwargs))
    except UntraceableError as untraceable:
        if not backend.steers(untraceable.error):
            raise
    return backend.trace(backend.prepare(request, args, kwargs, numbers=False))
