"""The function that :func:`ccjac.jacobian` returns."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..backends.protocol import Request
from ..graph import Graph
from ..options import Options
from ..planning.plan import Plan
from ..settings import limits
from .dispatch import Calls
from .inspection import graph_of, plan_of
from .memory import generation
from .selection import known_backends, select_backend


def differentiator(request: Request, options: Options) -> Callable[..., Any]:
    """The Jacobian function of ``request.fun``, with its methods ``plan``, ``graph`` and ``prepare``."""
    if request.in_dims is not None:
        return _vectorized(request, options)
    fun = request.fun
    calls = Calls(request, options)
    live = weakref.ref(calls.live)
    arrays = calls.arrays

    @functools.wraps(fun)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        # The common case, as fast as Python allows: arrays only, and the compiled function of the last call.
        entry = calls.recent
        if entry is not None and not kwargs:
            for argument in args:
                if type(argument) not in arrays:
                    break
            else:
                if entry.holds(fun) and calls.generation == generation[0] and calls.limits is limits():
                    entry.slot.live = live
                    return entry.call(entry.operands() if entry.captured else (), *args)
        return calls.call(args, kwargs)

    def plan(*args: Any, **kwargs: Any) -> Plan:
        """The plan for these arguments, which all go to the function."""
        return plan_of(request, options, args, kwargs)

    def graph(*args: Any, **kwargs: Any) -> Graph:
        """The linearized computational graph for these arguments, which all go to the function."""
        return graph_of(request, options, args, kwargs)

    def prepare(*args: Any, **kwargs: Any) -> Plan:
        """Plan and compile for these arguments, of which only shapes and types matter."""
        calls.call(args, kwargs, ahead=True)
        return plan(*args, **kwargs)

    return _named(differentiated, {"plan": plan, "graph": graph, "prepare": prepare, "__ccjac__": request})


def _vectorized(request: Request, options: Options) -> Callable[..., Any]:
    """The Jacobian function of batches; its methods are those of the function of samples."""
    single = differentiator(replace(request, in_dims=None), options)
    roads: dict[type, Callable[..., Any]] = {}

    @functools.wraps(request.fun)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        # The type of the first argument tells the backend, unless it is a container or a number.
        road = roads.get(type(args[0])) if args else None
        if road is None:
            backend = select_backend(options.backend, args, kwargs)
            road = backend.vectorized(single, request)
            if type(args[0]) in backend.array_types():
                roads[type(args[0])] = road
        return road(*args, **kwargs)

    methods = {name: getattr(single, name) for name in ("plan", "graph", "prepare")}
    return _named(differentiated, {**methods, "__ccjac__": request})


def _named(differentiated: Callable[..., Any], methods: dict[str, Any]) -> Callable[..., Any]:
    for name, method in methods.items():
        setattr(differentiated, name, method)
    if differentiated.__name__ == "<lambda>":
        # Compilers write functions into their programs by name.
        differentiated.__name__ = "jacobian"
    for backend in known_backends().values():
        backend.made(differentiated)
    return differentiated
