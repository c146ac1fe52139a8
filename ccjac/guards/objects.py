"""Classes, instances and containers."""

from __future__ import annotations

import collections
import random
import types
from typing import Any

import numpy as np

from . import values
from .checks import MISSING
from .shapes import has_getattr, holds_functions, is_special, slots
from .trust import is_trusted
from .walk import Walk

_LONG = 8
"""Elements from which a sequence of plain values is one check."""

READERS = (random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)
"""Objects whose next value is another one."""
_SEQUENCES = (tuple, list, collections.deque)
BOXES = (tuple, list, dict, set, frozenset, collections.deque)


def of_class(walk: Walk, cls: type, name: str, depth: int) -> None:
    walk.identity(cls, name)
    if is_trusted(cls) or walk.foreign(cls):
        return
    inherited = {a for base in cls.__mro__ for a in vars(base)} & walk.names.attributes
    # Methods of the user's bases may be reached by `super()`: all definitions of a name count.
    for k, base in enumerate(cls.__mro__):
        if is_trusted(base) or walk.foreign(base):
            continue
        place = walk.name(f"{name}.__mro__[{k}]") if k else name
        _absent(walk, inherited - set(vars(base)), f"{place}.__dict__")
        for attribute, value in list(vars(base).items()):
            special = attribute.startswith("__") and isinstance(value, types.FunctionType)
            if special or attribute in walk.names.attributes or (walk.names.reflective and not is_special(attribute)):
                walk.visit(value, f"{place}.__dict__.get({attribute!r}, MISSING)", depth)


def of_object(walk: Walk, value: Any, name: str, depth: int) -> None:
    kind = type(value)
    walk.check(f"type({name}) is {_type_of(walk, kind)}")
    if isinstance(value, (dict, *_SEQUENCES, set, frozenset)):
        _of_container(walk, value, name, depth)
        of_instance(walk, value, name, depth, everything=False)
    elif isinstance(value, READERS) or hasattr(kind, "__next__"):
        walk.refuse(value, "whose next value differs from call to call")
    elif is_trusted(kind):
        _of_a_framework(walk, value, name, depth)
    else:
        walk.visit(kind, f"type({name})", depth)
        read = of_instance(walk, value, name, depth, everything=walk.foreign(kind) or has_getattr(kind))
        if not read:
            # Nothing of it is named in the code: something else looks into it, such as a flattening of containers.
            of_instance(walk, value, name, depth, everything=True)


def _type_of(walk: Walk, kind: type) -> str:
    reference = walk.weak(kind)
    return reference or walk.constant(kind)


def _of_a_framework(walk: Walk, value: Any, name: str, depth: int) -> None:
    if isinstance(value, types.SimpleNamespace) or callable(value):
        wrapped = getattr(value, "__wrapped__", None)
        if not isinstance(value, types.SimpleNamespace) and wrapped is None and not holds_functions(value):
            walk.identity(value, name)
            return
        if wrapped is not None:
            walk.visit(wrapped, f"{name}.__wrapped__", depth)
        of_instance(walk, value, name, depth, everything=True)
    else:
        walk.identity(value, name)


def _of_container(walk: Walk, value: Any, name: str, depth: int) -> None:
    if isinstance(value, dict):
        of_mapping(walk, value, name, depth)
    elif isinstance(value, (set, frozenset)):
        if all(map(values.is_plain, value)):
            walk.check(f"{name} == {walk.constant(frozenset(value))}")
        else:
            walk.refuse(value, "whose elements cannot be compared")
    elif len(value) >= _LONG and all(map(values.is_plain, value)):
        walk.check(f"{walk.constant(values.sequence_check(value))}({name})")
    else:
        walk.check(f"len({name}) == {len(value)}")
        for k, item in enumerate(value):
            walk.visit(item, f"{name}[{k}]", depth)


def of_mapping(walk: Walk, value: Any, name: str, depth: int) -> None:
    walk.check(f"len({name}) == {len(value)}")
    keys = tuple(value)
    if not all(map(values.is_plain, keys)) and not all(isinstance(k, type) for k in keys):
        walk.refuse(value, "whose keys cannot be compared")
        return
    # Containers are flattened in the order of their keys.
    walk.check(f"tuple({name}) == {walk.constant(keys)}")
    for key, item in list(value.items()):
        walk.visit(item, f"{name}[{walk.constant(key)}]", depth)


def of_instance(walk: Walk, value: Any, name: str, depth: int, *, everything: bool) -> bool:
    """Check attributes of an instance; whether any was."""
    found = False
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict) and attributes:
        everything |= walk.names.reflective
        found = of_attributes(walk, attributes, f"{name}.__dict__", depth, everything=everything)
    if isinstance(attributes, dict) and not everything:
        above = {a for base in type(value).__mro__ for a in vars(base)}
        _absent(walk, (above & walk.names.attributes) - set(attributes), f"{name}.__dict__")
    for slot in slots(type(value)):
        if everything or slot in walk.names.attributes:
            held = getattr(value, slot, MISSING)
            place = f"getattr({name}, {slot!r}, MISSING)"
            if held is MISSING:
                walk.check(f"{place} is MISSING")
            else:
                walk.visit(held, place, depth)
            found = True
    return found


def _absent(walk: Walk, names: set[str], place: str) -> None:
    """Nothing hides an attribute that a class further up has."""
    if names:
        walk.check(f"{walk.constant(frozenset(names))}.isdisjoint({place})")


def of_attributes(walk: Walk, table: dict[str, Any], place: str, depth: int, *, everything: bool) -> bool:
    """Check entries of a namespace; whether there is any to check."""
    collected = {a for a in walk.names.collected_attributes if isinstance(table.get(a), BOXES)}
    named = walk.names.attributes | (walk.names.collected_attributes - collected)
    wanted = list(table) if everything else [a for a in named if a in table]
    if not wanted:
        return bool(collected)
    space = walk.name(place)
    if everything:
        walk.check(f"len({space}) == {len(table)}")
    for attribute in sorted(map(str, wanted)):
        if attribute != "__wrapped__":
            walk.visit(table[attribute], f"{space}.get({attribute!r}, MISSING)", depth)
    return True
