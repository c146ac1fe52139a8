"""Walk over what a function can reach, and compile the checks."""

from __future__ import annotations

import functools
import types
from typing import Any

from . import functions, objects
from .guard import Guard
from .reads import Reads, reads_of
from .trust import package_of
from .walk import Recognise, Walk


def record(*roots: Any, watch: Recognise = lambda value: None) -> Guard:
    """Record what a function can reach besides its arguments.

    Followed are variables of enclosing functions, globals that the code names, defaults, the objects of bound methods
    and of ``functools.partial``, attributes that the code names (all of them where it uses ``getattr`` and the
    like), class attributes, containers, and the user's functions that are reached on the way.  Functions of installed
    libraries are taken as constant.  Counters (``n += 1``) and lists that the code only appends to are no inputs.

    Args:
        roots: The function first, then further values that it is given (static arguments).
        watch: The framework's own arrays and objects: a check for one that it knows, else ``None``.

    Returns:
        The guard.  Its ``holds`` takes as many roots.
    """
    own = frozenset(map(package_of, roots))
    walk = Walk(_inside, watch, _all_reads(roots, own), own)
    for k, root in enumerate(roots):
        walk.visit(root, f"root{k}", 0)
    return walk.compiled(len(roots))


def _all_reads(roots: tuple[Any, ...], own: frozenset[str]) -> Reads:
    """Names read by all code that can be reached; a first walk with no filter on names finds the code."""
    total = Reads()
    seen: set[int] = set()
    while True:
        walk = Walk(_inside, lambda value: None, total, own, collect=True)
        for root in roots:
            walk.visit(root, "None", 0)
        new = [code for code in walk.codes if id(code) not in seen]
        if not new:
            return total
        for code in new:
            seen.add(id(code))
            total.add(reads_of(code))


def _inside(walk: Walk, value: Any, name: str, depth: int) -> None:
    match value:
        case types.FunctionType():
            functions.of_function(walk, value, name, depth)
        case types.MethodType():
            walk.check(f"type({name}) is {walk.constant(types.MethodType)}")
            walk.visit(value.__func__, f"{name}.__func__", depth)
            walk.visit(value.__self__, f"{name}.__self__", depth)
        case types.BuiltinFunctionType() | types.MethodWrapperType():
            functions.of_builtin(walk, value, name)
        case functools.partial():
            for part in ("func", "args", "keywords"):
                walk.visit(getattr(value, part), f"{name}.{part}", depth)
            objects.of_instance(walk, value, name, depth, everything=True)
        case types.ModuleType():
            functions.of_module(walk, value, name, depth)
        case type():
            objects.of_class(walk, value, name, depth)
        case staticmethod() | classmethod():
            walk.visit(value.__func__, f"{name}.__func__", depth)
        case property():
            for part in ("fget", "fset"):
                walk.visit(getattr(value, part), f"{name}.{part}", depth)
        case functools.cached_property():
            walk.visit(value.func, f"{name}.func", depth)
        case types.MappingProxyType():
            objects.of_mapping(walk, value, name, depth)
        case types.CellType():
            functions.of_cell(walk, value, name, depth)
        case _:
            objects.of_object(walk, value, name, depth)
