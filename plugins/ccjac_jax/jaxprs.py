"""Equations and the jaxprs among their parameters."""

from __future__ import annotations

from typing import Any

from jax.extend import core as jex


def equations(jaxpr: Any) -> int:
    count = 0
    for eqn in jaxpr.eqns:
        inner = inner_jaxprs(eqn)
        count += sum(map(equations, inner)) if inner else 1
    return count


def inner_jaxprs(eqn: Any) -> list[Any]:
    """The jaxprs among an equation's parameters."""
    found = []
    for value in eqn.params.values():
        for item in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(item, jex.ClosedJaxpr):
                found.append(item.jaxpr)
            elif isinstance(item, jex.Jaxpr):
                found.append(item)
    return found
