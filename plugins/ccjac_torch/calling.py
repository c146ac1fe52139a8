"""Calls: a table from shapes, types and settings to what was compiled for them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch

from ccjac.backends.protocol import Request

from . import private
from .arguments import kind_of, number_type, prepare
from .tracing import trace

Run = Callable[..., Any]


class Road:
    """See :meth:`ccjac.backends.protocol.Backend.road`."""

    def __init__(self, build: Any) -> None:
        self._build = build
        self._table: dict[Hashable, _Entry] = {}

    def __call__(self, captured: tuple[Any, ...], *args: Any, **kwargs: Any) -> Any:
        plain = not kwargs
        key: list[Any] = []
        if plain:
            for x in args:
                if not isinstance(x, torch.Tensor):
                    plain = False
                    break
                key.append(x.shape)
                key.append(x.dtype)
                if not x.is_cpu:
                    key.append(x.device)
        leaves: Sequence[Any] = args
        if not plain:
            leaves, tree = private.flatten((args, kwargs))
            leaves = self._with_numbers(leaves)
            key = [tree]
            for x in leaves:
                key.append((x.shape, x.dtype, x.device) if isinstance(x, torch.Tensor) else None)
        key.append(_settings())
        if torch.compiler.is_compiling() or (leaves and private.is_virtual(leaves[0])):
            key = _numbered(key)
        entry = self._table.get(tuple(key))
        if entry is None:
            if not plain:
                args, kwargs = private.unflatten(tree, leaves)
            entry = self._table[tuple(key)] = self._compiled(captured, args, kwargs, leaves)
        return entry.call(captured, leaves)

    def _compiled(self, captured: tuple[Any, ...], args: Any, kwargs: Any, leaves: Sequence[Any]) -> _Entry:
        run, call, others = self._build.compiled(captured, *args, **kwargs)
        places = {id(x): k for k, x in enumerate(leaves)}
        order = [places[id(x)] for x in call.operands]
        known = {id(x): k for k, x in enumerate(captured)}
        # What a guard watches is handed in at each call, and not kept alive here.
        extra = [(known[id(x)], None) if id(x) in known else (None, x) for x in others]
        return _Entry(run, order, extra)

    def _with_numbers(self, leaves: Sequence[Any]) -> list[Any]:
        """Python's numbers as tensors of the type that they would have in operations with the others."""
        if not any(type(x) is float for x in leaves):
            return list(leaves)
        kind = number_type(leaves)
        if kind is None:
            self._build.fail(TypeError("numbers beside tensors of several floating-point types"))
        return [torch.full((), x, dtype=kind) if type(x) is float else x for x in leaves]


class _Entry:
    """A compiled function and where its operands stand among a call's leaves and the captured tensors."""

    __slots__ = ("_extra", "_order", "_run")

    def __init__(self, run: Run, order: list[int], extra: Sequence[tuple[int | None, Any]]) -> None:
        self._run = run
        self._order = None if order == list(range(len(order))) else order
        self._extra = extra

    def call(self, captured: tuple[Any, ...], leaves: Sequence[Any]) -> Any:
        """Run it."""
        order = self._order
        operands = leaves if order is None else [leaves[k] for k in order]
        if self._extra:
            more = [x if k is None else captured[k] for k, x in self._extra]
            return self._run(*operands, *more)
        return self._run(*operands)


def _settings() -> Hashable:
    """What else decides about the results of torch's operations."""
    if torch.is_autocast_enabled("cpu"):
        return torch.get_default_dtype(), torch.get_autocast_dtype("cpu")
    return torch.get_default_dtype()


def _numbered(key: list[Any]) -> list[Any]:
    """Sizes that are symbols of a tracer, as numbers."""

    def plain(x: Any) -> Any:
        if isinstance(x, torch.Size):
            return tuple(int(n) for n in x)
        return tuple(map(plain, x)) if isinstance(x, tuple) else x

    return [plain(x) for x in key]


def content(request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable | None:
    """See :meth:`ccjac.backends.protocol.Backend.content`."""
    leaves, tree = private.flatten((args, kwargs))
    kind = number_type(leaves)
    ready = [torch.full((), x, dtype=kind) if kind is not None and kind_of(x) == "number" else x for x in leaves]
    args, kwargs = private.unflatten(tree, ready)
    traced = trace(prepare(request, args, kwargs))
    found = traced.linearization
    if found is None:
        return None
    return (
        tuple(found.builder.nodes),
        tuple(found.partials.items()),
        tuple(found.graph.outputs),
        found.values,
        str(traced.output_tree),
        str(traced.auxiliary_tree),
        traced.outputs,
        traced.auxiliary,
        tuple(id(t) for t in traced.captured),
    )


def ahead(call: Callable[..., Any], captured: tuple[Any, ...], args: Sequence[Any], kwargs: Any) -> None:
    """See :meth:`ccjac.backends.protocol.Backend.ahead`."""
    stand_ins = private.map_tensors(lambda x: torch.empty(x.shape, dtype=x.dtype, device="meta"), (tuple(args), kwargs))
    call(captured, *stand_ins[0], **stand_ins[1])
