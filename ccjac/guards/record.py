"""Walk over what a function can reach, and compile the checks."""

from __future__ import annotations

import array
import collections
import functools
import importlib.util
import random
import sys
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..limits import GUARD_CHECKS, GUARD_DEPTH
from . import values
from .checks import MISSING, Checks
from .guard import Guard
from .reads import Reads, reads
from .shapes import has_getattr, holds_functions, is_empty, is_special, nested, slots
from .trust import is_library, is_trusted, package_of
from .values import Watch

_LONG = 8
"""Elements from which a sequence of plain values is one check."""

_READERS = (random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)
_CLOCKS = frozenset({"time", "secrets", "random", "uuid"})
_SEQUENCES = (tuple, list, collections.deque)
_BOXES = (tuple, list, dict, set, frozenset, collections.deque)

Recognise = Callable[[Any], Watch | None]


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
    walk = _Walk(watch, _all_reads(roots, own), own)
    for k, root in enumerate(roots):
        walk.visit(root, f"root{k}", 0)
    return walk.compiled(len(roots))


def _all_reads(roots: tuple[Any, ...], own: frozenset[str]) -> Reads:
    """Names read by all code that can be reached; a first walk with no filter on names finds the code."""
    total = Reads()
    seen: set[int] = set()
    while True:
        walk = _Walk(lambda value: None, total, own, collect=True)
        for root in roots:
            walk.visit(root, "None", 0)
        new = [code for code in walk.codes if id(code) not in seen]
        if not new:
            return total
        for code in new:
            seen.add(id(code))
            total.add(_reads_of(code))


_reads_cache: weakref.WeakKeyDictionary[types.CodeType, Reads] = weakref.WeakKeyDictionary()


def _reads_of(code: types.CodeType) -> Reads:
    found = _reads_cache.get(code)
    if found is None:
        found = _reads_cache[code] = reads(code)
    return found


class _Walk(Checks):
    """Visits values, and writes the checks of each."""

    def __init__(self, watch: Recognise, names: Reads, own: frozenset[str], *, collect: bool = False) -> None:
        super().__init__()
        self.watch = watch
        self.names = names
        self.own = own
        self.collect = collect
        self.codes: list[types.CodeType] = []
        self.obstacle = names.unknowable and f"its code uses `{names.unknowable}`"
        self._known: dict[int, str] = {}
        self._kept: list[Any] = []

    def visit(self, value: Any, place: str, depth: int) -> None:
        """Check the value that the expression ``place`` gives, and what can be reached from it."""
        if (self.obstacle and not self.collect) or self.count > GUARD_CHECKS:
            return
        if values.is_plain(value) or values.is_plain_tuple(value):
            self.plain(place, value)
            return
        if (known := self._known.get(id(value))) is not None:
            self.check(f"{place} is {known}")
            return
        name = self.name(place)
        if not isinstance(value, tuple):
            # Equal tuples may be one object or two; everything else that is met twice is one object.
            self._known[id(value)] = name
        self._kept.append(value)
        if depth > GUARD_DEPTH:
            self.refuse(value, "too far away to be followed")
            return
        found = self.watch(value)
        if found is not None and found.owner is not None:
            self.watched.append(weakref.ref(found.owner))
        if found is None and isinstance(value, np.ndarray):
            found = values.array_watch(value)
            if found is None:
                self.refuse(value, "which holds Python objects")
                return
        if found is None and isinstance(value, (bytearray, array.array)):
            found = values.buffer_watch(value)
        if found is not None:
            self.check(f"{self.constant(found.holds)}({name})")
            if found.owner is not None:
                self.dies_with(found.owner)
            for part in found.parts:
                self.visit(getattr(value, part), f"getattr({name}, {part!r}, MISSING)", depth + 1)
            return
        self._inside(value, name, depth + 1)

    def _inside(self, value: Any, name: str, depth: int) -> None:
        match value:
            case types.FunctionType():
                self._function(value, name, depth)
            case types.MethodType():
                self.check(f"type({name}) is {self.constant(types.MethodType)}")
                self.visit(value.__func__, f"{name}.__func__", depth)
                self.visit(value.__self__, f"{name}.__self__", depth)
            case types.BuiltinFunctionType() | types.MethodWrapperType():
                self._builtin(value, name)
            case functools.partial():
                for part in ("func", "args", "keywords"):
                    self.visit(getattr(value, part), f"{name}.{part}", depth)
                self._instance_attributes(value, name, depth, everything=True)
            case types.ModuleType():
                self._module(value, name, depth)
            case type():
                self._class(value, name, depth)
            case staticmethod() | classmethod():
                self.visit(value.__func__, f"{name}.__func__", depth)
            case property():
                for part in ("fget", "fset"):
                    self.visit(getattr(value, part), f"{name}.{part}", depth)
            case functools.cached_property():
                self.visit(value.func, f"{name}.func", depth)
            case types.MappingProxyType():
                self._mapping(value, name, depth)
            case types.CellType():
                self._cell(value, name, depth)
            case _:
                self._object(value, name, depth)

    def _function(self, function: types.FunctionType, name: str, depth: int) -> None:
        wrapped = function.__dict__.get("__wrapped__")
        if is_trusted(function) or (self._foreign(function)):
            if wrapped is not None:
                # What a framework's transformation returns is another function each time; what it wraps decides.
                self.check(f"{name}.__code__ is {self.weak(function.__code__)}")
                self.visit(wrapped, f"{name}.__wrapped__", depth)
                self._closure(function, name, depth)
            else:
                self.identity(function, name)
            return
        code = function.__code__
        self.codes.append(code)
        self.check(f"{name}.__code__ is {self.weak(code)}")
        self.dies_with(code)
        self.visit(function.__defaults__, f"{name}.__defaults__", depth)
        self.visit(function.__kwdefaults__, f"{name}.__kwdefaults__", depth)
        if wrapped is not None:
            self.visit(wrapped, f"{name}.__wrapped__", depth)
        self._closure(function, name, depth)
        wanted = _reads_of(code)
        space = self.name(f"{name}.__globals__")
        for variable in sorted(wanted.variables | wanted.collected):
            if variable in code.co_freevars:
                continue
            found = function.__globals__.get(variable, MISSING)
            if found is MISSING:
                builtin: Any = getattr(function, "__builtins__", {})
                if not hasattr(builtin, variable) and variable not in builtin:
                    self.check(f"{variable!r} not in {space}")
                continue
            if not (variable not in wanted.variables and isinstance(found, _BOXES)):
                self.visit(found, f"{space}.get({variable!r}, MISSING)", depth)
        for module, level in sorted(wanted.modules):
            full = module
            if level:
                package = function.__globals__.get("__package__") or ""
                full = importlib.util.resolve_name("." * level + module, package)
            if (loaded := sys.modules.get(full)) is not None:
                modules = self.constant(sys.modules)
                self.visit(loaded, f"{modules}.get({full!r})", depth)

    def _closure(self, function: types.FunctionType, name: str, depth: int) -> None:
        wanted = _reads_of(function.__code__)
        inner = {n for c in nested(function.__code__) for n in c.co_freevars}
        for k, cell in enumerate(function.__closure__ or ()):
            variable = function.__code__.co_freevars[k]
            if variable in wanted.variables or variable == "__class__":
                pass
            elif variable in wanted.collected:
                try:
                    if isinstance(cell.cell_contents, _BOXES):
                        continue
                except ValueError:
                    pass
            elif variable in inner or not is_trusted(function):
                continue
            self._cell(cell, f"{name}.__closure__[{k}]", depth)

    def _cell(self, cell: types.CellType, place: str, depth: int) -> None:
        try:
            contents = cell.cell_contents
        except ValueError:
            name = self.name(place)
            self.check(f"{self.constant(is_empty)}({name})")
            return
        self.visit(contents, f"{place}.cell_contents", depth)

    def _builtin(self, value: Any, name: str) -> None:
        owner = getattr(value, "__self__", None)
        if isinstance(owner, _READERS) or getattr(value, "__module__", None) in _CLOCKS:
            self.refuse(value, "whose result differs from call to call")
        elif owner is None or isinstance(owner, types.ModuleType):
            self.check(f"{name} is {self.constant(value)}")
        else:
            self.visit(owner, f"{name}.__self__", GUARD_DEPTH // 2)

    def _module(self, module: types.ModuleType, name: str, depth: int) -> None:
        self.check(f"{name} is {self.constant(module)}")
        if module.__name__ in ("random", "secrets", "time") or (module is np and "random" in self.names.attributes):
            self._clock(module)
        if is_trusted(module):
            return
        self._attributes(vars(module), f"{name}.__dict__", depth, everything=False)

    def _clock(self, module: types.ModuleType) -> None:
        drawn = set(vars(np.random if module is np else module)) & self.names.attributes
        if drawn - {"random"} or (module is not np and drawn):
            self.obstacle = self.obstacle or f"it may read `{module.__name__}`"

    def _class(self, cls: type, name: str, depth: int) -> None:
        self.identity(cls, name)
        if is_trusted(cls) or self._foreign(cls):
            return
        inherited = {a for base in cls.__mro__ for a in vars(base)} & self.names.attributes
        # Methods of the user's bases may be reached by `super()`: all definitions of a name count.
        for k, base in enumerate(cls.__mro__):
            if is_trusted(base) or self._foreign(base):
                continue
            place = self.name(f"{name}.__mro__[{k}]") if k else name
            self._absent(inherited - set(vars(base)), f"{place}.__dict__")
            for attribute, value in list(vars(base).items()):
                special = attribute.startswith("__") and isinstance(value, types.FunctionType)
                if (
                    special
                    or attribute in self.names.attributes
                    or (self.names.reflective and not is_special(attribute))
                ):
                    self.visit(value, f"{place}.__dict__.get({attribute!r}, MISSING)", depth)

    def _object(self, value: Any, name: str, depth: int) -> None:
        kind = type(value)
        self.check(f"type({name}) is {self._constant_type(kind)}")
        if isinstance(value, (dict, *_SEQUENCES, set, frozenset)):
            self._container(value, name, depth)
            self._instance_attributes(value, name, depth, everything=False)
        elif isinstance(value, _READERS) or hasattr(kind, "__next__"):
            self.refuse(value, "whose next value differs from call to call")
        elif is_trusted(kind):
            self._of_a_framework(value, name, depth)
        else:
            self.visit(kind, f"type({name})", depth)
            read = self._instance_attributes(value, name, depth, everything=self._foreign(kind) or has_getattr(kind))
            if not read:
                # Nothing of it is named in the code: something else looks into it, such as a flattening of containers.
                self._instance_attributes(value, name, depth, everything=True)

    def _constant_type(self, kind: type) -> str:
        reference = self.weak(kind)
        return reference or self.constant(kind)

    def _of_a_framework(self, value: Any, name: str, depth: int) -> None:
        if isinstance(value, types.SimpleNamespace) or callable(value):
            wrapped = getattr(value, "__wrapped__", None)
            if not isinstance(value, types.SimpleNamespace) and wrapped is None and not holds_functions(value):
                self.identity(value, name)
                return
            if wrapped is not None:
                self.visit(wrapped, f"{name}.__wrapped__", depth)
            self._instance_attributes(value, name, depth, everything=True)
        else:
            self.identity(value, name)

    def _container(self, value: Any, name: str, depth: int) -> None:
        if isinstance(value, dict):
            self._mapping(value, name, depth)
        elif isinstance(value, (set, frozenset)):
            if all(map(values.is_plain, value)):
                self.check(f"{name} == {self.constant(frozenset(value))}")
            else:
                self.refuse(value, "whose elements cannot be compared")
        elif len(value) >= _LONG and all(map(values.is_plain, value)):
            self.check(f"{self.constant(values.sequence_check(value))}({name})")
        else:
            self.check(f"len({name}) == {len(value)}")
            for k, item in enumerate(value):
                self.visit(item, f"{name}[{k}]", depth)

    def _mapping(self, value: Any, name: str, depth: int) -> None:
        self.check(f"len({name}) == {len(value)}")
        keys = tuple(value)
        if not all(map(values.is_plain, keys)) and not all(isinstance(k, type) for k in keys):
            self.refuse(value, "whose keys cannot be compared")
            return
        # Containers are flattened in the order of their keys.
        self.check(f"tuple({name}) == {self.constant(keys)}")
        for key, item in list(value.items()):
            self.visit(item, f"{name}[{self.constant(key)}]", depth)

    def _instance_attributes(self, value: Any, name: str, depth: int, *, everything: bool) -> bool:
        """Check attributes of an instance; whether any was."""
        found = False
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict) and attributes:
            everything |= self.names.reflective
            found = self._attributes(attributes, f"{name}.__dict__", depth, everything=everything)
        if isinstance(attributes, dict) and not everything:
            above = {a for base in type(value).__mro__ for a in vars(base)}
            self._absent((above & self.names.attributes) - set(attributes), f"{name}.__dict__")
        for slot in slots(type(value)):
            if everything or slot in self.names.attributes:
                held = getattr(value, slot, MISSING)
                place = f"getattr({name}, {slot!r}, MISSING)"
                if held is MISSING:
                    self.check(f"{place} is MISSING")
                else:
                    self.visit(held, place, depth)
                found = True
        return found

    def _absent(self, names: set[str], place: str) -> None:
        """Nothing hides an attribute that a class further up has."""
        if names:
            self.check(f"{self.constant(frozenset(names))}.isdisjoint({place})")

    def _attributes(self, table: dict[str, Any], place: str, depth: int, *, everything: bool) -> bool:
        collected = {a for a in self.names.collected_attributes if isinstance(table.get(a), _BOXES)}
        named = self.names.attributes | (self.names.collected_attributes - collected)
        wanted = list(table) if everything else [a for a in named if a in table]
        if not wanted:
            return bool(collected)
        space = self.name(place)
        if everything:
            self.check(f"len({space}) == {len(table)}")
        for attribute in sorted(map(str, wanted)):
            if attribute != "__wrapped__":
                self.visit(table[attribute], f"{space}.get({attribute!r}, MISSING)", depth)
        return True

    def _foreign(self, value: Any) -> bool:
        """Whether it is code of an installed package other than the function's own."""
        return is_library(value) and package_of(value) not in self.own
