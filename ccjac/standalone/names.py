"""What the arrays of a call are called, in the order in which the function takes them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..arguments import normalised
from ..backends.protocol import Backend, Request, Traced
from ..planning.naming import function_name


@dataclass(frozen=True)
class Names:
    """The arrays of a call.

    Attributes:
        operands: The name of every operand of the traced call, in its order (differentiated ones first).
        order: Positions among the operands, in the order of the function's parameters; captured arrays come last.
        function: The function's own name.
        what: ``"jacobian"``, ``"hessian"``, or an empty string if it is the function itself.
    """

    operands: tuple[str, ...]
    order: tuple[int, ...]
    function: str
    what: str


def names_of(
    backend: Backend, request: Request, traced: Traced, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Names:
    """Names from the function's signature, with the place inside of containers."""
    parameters = _parameters(request.fun, len(args))
    positions = normalised(request.argnums, len(args))
    others = [k for k in range(len(args)) if k not in positions]
    operands = backend.prepare(request, args, kwargs).operands
    # The call's operands are some of the leaves, differentiated arguments first: found again by identity.
    named: list[tuple[tuple[int, int], str, Any]] = []
    for k in (*positions, *others):
        leaves = _named(backend, parameters[k], args[k])
        named += [((k, n), name, leaf) for n, (name, leaf) in enumerate(leaves)]
    for k, (key, value) in enumerate(kwargs.items(), len(args)):
        named += [((k, n), name, leaf) for n, (name, leaf) in enumerate(_named(backend, key, value))]
    texts: list[str] = []
    places: list[tuple[int, int]] = []
    for operand in operands:
        at = next((n for n, (_, _, leaf) in enumerate(named) if leaf is operand), None)
        place, name, _ = named.pop(at) if at is not None else ((len(args) + len(kwargs), len(texts)), "x", None)
        texts.append(name)
        places.append(place)
    order = sorted(range(len(texts)), key=places.__getitem__)
    captured = range(len(texts), len(traced.signature.operands))
    texts += [f"captured_{k - len(order)}" for k in captured]
    function = function_name(request.fun).rpartition(":")[2].rpartition(".")[2]
    what = "" if request.fused else "hessian" if request.second else "jacobian"
    return Names(tuple(texts), (*order, *captured), "f" if "<" in function else function, what)


def _parameters(fun: Any, n_args: int) -> Sequence[str]:
    """A name for every positional argument."""
    try:
        kinds = inspect.signature(fun).parameters.values()
    except (TypeError, ValueError):
        kinds = {}.values()
    names = [p.name for p in kinds if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [names[k] if k < len(names) else f"x{k}" for k in range(n_args)]


def _named(backend: Backend, name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The leaves of an argument with their names: ``x``, ``x_0``, ``params_weight``."""
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            yield from _named(backend, f"{name}_{key}", value[key])
    elif isinstance(value, (list, tuple)):
        fields = getattr(value, "_fields", range(len(value)))
        for field, part in zip(fields, value, strict=True):
            yield from _named(backend, f"{name}_{field}", part)
    else:
        leaves = backend.flatten((value,), {})[0]
        for k, leaf in enumerate(leaves):
            yield (name if len(leaves) == 1 else f"{name}_{k}"), leaf
