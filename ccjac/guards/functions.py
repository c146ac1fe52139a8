"""Functions, modules and what code reads of them."""

from __future__ import annotations

import importlib.util
import sys
import types
from typing import Any

import numpy as np

from ..limits import GUARD_DEPTH
from .checks import MISSING
from .objects import BOXES, READERS, of_attributes
from .reads import reads_of
from .shapes import is_empty, nested
from .trust import is_trusted
from .walk import Walk

_CLOCKS = frozenset({"time", "secrets", "random", "uuid"})


def of_function(walk: Walk, function: types.FunctionType, name: str, depth: int) -> None:
    wrapped = function.__dict__.get("__wrapped__")
    if is_trusted(function) or (walk.foreign(function)):
        if wrapped is not None:
            # What a framework's transformation returns is another function each time; what it wraps decides.
            walk.check(f"{name}.__code__ is {walk.weak(function.__code__)}")
            walk.visit(wrapped, f"{name}.__wrapped__", depth)
            _of_closure(walk, function, name, depth)
        else:
            walk.identity(function, name)
        return
    code = function.__code__
    walk.codes.append(code)
    walk.check(f"{name}.__code__ is {walk.weak(code)}")
    walk.dies_with(code)
    walk.visit(function.__defaults__, f"{name}.__defaults__", depth)
    walk.visit(function.__kwdefaults__, f"{name}.__kwdefaults__", depth)
    if wrapped is not None:
        walk.visit(wrapped, f"{name}.__wrapped__", depth)
    _of_closure(walk, function, name, depth)
    wanted = reads_of(code)
    space = walk.name(f"{name}.__globals__")
    for variable in sorted(wanted.variables | wanted.collected):
        if variable in code.co_freevars:
            continue
        found = function.__globals__.get(variable, MISSING)
        if found is MISSING:
            builtin: Any = getattr(function, "__builtins__", {})
            if not hasattr(builtin, variable) and variable not in builtin:
                walk.check(f"{variable!r} not in {space}")
            continue
        if not (variable not in wanted.variables and isinstance(found, BOXES)):
            walk.visit(found, f"{space}.get({variable!r}, MISSING)", depth)
    for module, level in sorted(wanted.modules):
        full = module
        if level:
            package = function.__globals__.get("__package__") or ""
            full = importlib.util.resolve_name("." * level + module, package)
        if (loaded := sys.modules.get(full)) is not None:
            modules = walk.constant(sys.modules)
            walk.visit(loaded, f"{modules}.get({full!r})", depth)


def _of_closure(walk: Walk, function: types.FunctionType, name: str, depth: int) -> None:
    wanted = reads_of(function.__code__)
    inner = {n for c in nested(function.__code__) for n in c.co_freevars}
    for k, cell in enumerate(function.__closure__ or ()):
        variable = function.__code__.co_freevars[k]
        if variable in wanted.variables or variable == "__class__":
            pass
        elif variable in wanted.collected:
            try:
                if isinstance(cell.cell_contents, BOXES):
                    continue
            except ValueError:
                pass
        elif variable in inner or not is_trusted(function):
            continue
        of_cell(walk, cell, f"{name}.__closure__[{k}]", depth)


def of_cell(walk: Walk, cell: types.CellType, place: str, depth: int) -> None:
    try:
        contents = cell.cell_contents
    except ValueError:
        name = walk.name(place)
        walk.check(f"{walk.constant(is_empty)}({name})")
        return
    walk.visit(contents, f"{place}.cell_contents", depth)


def of_builtin(walk: Walk, value: Any, name: str) -> None:
    owner = getattr(value, "__self__", None)
    if isinstance(owner, READERS) or getattr(value, "__module__", None) in _CLOCKS:
        walk.refuse(value, "whose result differs from call to call")
    elif owner is None or isinstance(owner, types.ModuleType):
        walk.check(f"{name} is {walk.constant(value)}")
    else:
        walk.visit(owner, f"{name}.__self__", GUARD_DEPTH // 2)


def of_module(walk: Walk, module: types.ModuleType, name: str, depth: int) -> None:
    walk.check(f"{name} is {walk.constant(module)}")
    if module.__name__ in ("random", "secrets", "time") or (module is np and "random" in walk.names.attributes):
        _of_clock(walk, module)
    if is_trusted(module):
        return
    of_attributes(walk, vars(module), f"{name}.__dict__", depth, everything=False)


def _of_clock(walk: Walk, module: types.ModuleType) -> None:
    """A module and what the code reads of it."""
    drawn = set(vars(np.random if module is np else module)) & walk.names.attributes
    if drawn - {"random"} or (module is not np and drawn):
        walk.obstacle = walk.obstacle or f"it may read `{module.__name__}`"
