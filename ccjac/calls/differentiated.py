"""The function that :func:`ccjac.jacobian` returns."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

from ..backends.protocol import Request
from ..graph import Graph
from ..options import Options
from ..planning.plan import Plan
from .dispatch import Calls
from .inspection import graph_of, plan_of
from .memory import generation
from .selection import known_backends


def differentiator(request: Request, options: Options) -> Callable[..., Any]:
    """The Jacobian function of ``request.fun``, with its methods ``plan``, ``graph`` and ``prepare``."""
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
                if entry.holds(fun) and calls.generation == generation[0]:
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

    methods = {"plan": plan, "graph": graph, "prepare": prepare, "__ccjac__": request}
    for name, method in methods.items():
        setattr(differentiated, name, method)
    if differentiated.__name__ == "<lambda>":
        # Compilers write functions into their programs by name.
        differentiated.__name__ = "jacobian"
    for backend in known_backends().values():
        backend.made(differentiated)
    return differentiated
