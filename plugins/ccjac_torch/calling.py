"""Calls: a table from shapes, types and settings to what was compiled for them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch

from ccjac.backends.protocol import Request
from ccjac.errors import InputError
from ccjac.estimate import obstacle

from . import levels, private
from .arguments import kind_of, number_type, prepare
from .tracing import trace

Run = Callable[..., Any]


class Road:
    """See :meth:`ccjac.backends.protocol.Backend.road`."""

    def __init__(self, build: Any) -> None:
        self._build = build
        self._table: dict[Hashable, _Entry] = {}
        self._rows: dict[Hashable, _Entry] = {}

    def __call__(self, captured: tuple[Any, ...], *args: Any, **kwargs: Any) -> Any:
        in_dims = levels.batch.in_dims
        if in_dims is None and not kwargs and len(args) == 1 and (entry := self._single(args[0])) is not None:
            return entry.run(args[0])
        key: list[Any] = [_settings()]
        if in_dims == 0 and not kwargs and (entry := self._in_order(key, args)) is not None:
            return entry.call_rows(captured, args)
        for x in args:
            if not isinstance(x, torch.Tensor):
                return self._containers(captured, args, kwargs, in_dims)
            key.append(x.shape)
            key.append(x.dtype)
            if not x.is_cpu:
                key.append(x.device)
        if kwargs:
            return self._containers(captured, args, kwargs, in_dims)
        if in_dims is not None:
            return self._batched(captured, args, _dims_of(args, in_dims), None)
        try:
            entry = self._table.get(tuple(key))
        except TypeError:
            # Sizes that are symbols of a tracer have no hash.
            key = [_plain(x) for x in key]
            entry = self._table.get(tuple(key))
        if entry is None:
            entry = self._table[tuple(key)] = self._compiled(captured, args, {}, args)
        return entry.run(*args) if entry.simple else entry.call(captured, args)

    def _single(self, x: Any) -> _Entry | None:
        """What is known for one tensor on the CPU, the most common case."""
        if type(x) is not torch.Tensor or not x.is_cpu:
            return None
        try:
            entry = self._table.get((_settings(), x.shape, x.dtype))
        except TypeError:
            # Sizes that are symbols of a tracer have no hash.
            return None
        return entry if entry is not None and entry.simple else None

    def _in_order(self, key: list[Any], args: Any) -> _Entry | None:
        """What is known for a batch whose axis is the first one of all arguments, the common case."""
        size = None
        key.append(0)
        for x in args:
            if type(x) is not torch.Tensor or not x.is_cpu:
                return None
            shape = x.shape
            if not shape or (size is not None and shape[0] != size):
                return None
            size = shape[0]
            key.append(shape[1:])
            key.append(x.dtype)
        return self._rows.get(tuple(key))

    def _containers(self, captured: tuple[Any, ...], args: Any, kwargs: Any, in_dims: Any) -> Any:
        """Arguments that are not all tensors."""
        if torch.compiler.is_compiling():
            args, kwargs = private.mutable((args, kwargs))
        leaves, tree = private.flatten((args, kwargs))
        leaves = self._with_numbers(leaves)
        args, kwargs = private.unflatten(tree, leaves)
        if in_dims is not None:
            return self._batched(captured, leaves, _dims_of(args, in_dims, kwargs), tree)
        key = (_settings(), tree, *(_described(x) for x in leaves))
        entry = self._table.get(key)
        if entry is None:
            entry = self._table[key] = self._compiled(captured, args, kwargs, leaves)
        return entry.call(captured, leaves)

    def _batched(self, captured: tuple[Any, ...], leaves: Sequence[Any], dims: list[int | None], tree: Any) -> Any:
        """A whole batch at once."""
        # A list, because sizes that are symbols of a tracer have no hash.
        sizes = [x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None]
        if not sizes:
            raise InputError("`ccjac.jacobian(..., in_dims=...)` needs an argument with a batch axis.")
        size = sizes[0]
        if any(other != size for other in sizes):
            raise InputError(f"`ccjac.jacobian(..., in_dims=...)` got batches of different sizes: {sizes}.")
        key: list[Hashable] = [_settings(), tree]
        for x, d in zip(leaves, dims, strict=True):
            key.append(_described(x) if d is None else (_without(x.shape, d), x.dtype, x.device, d))
        entry = self._table.get(tuple(key))
        if entry is None:
            samples = [x if d is None else _sample(x, d) for x, d in zip(leaves, dims, strict=True)]
            with levels.without_batch():
                some, named = (samples, {}) if tree is None else private.unflatten(tree, samples)
                entry = self._table[tuple(key)] = self._compiled(captured, some, named, samples)
        if tree is None and levels.batch.in_dims == 0 and entry.of_batches:
            front: list[Any] = [_settings()]
            self._in_order(front, leaves)
            if len(front) == 2 + 2 * len(leaves):
                self._rows[tuple(front)] = entry
        return entry.call_batch(captured, leaves, dims, size)

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
    """A compiled function and where its operands stand among a call's leaves and the captured tensors.

    Attributes:
        run: The compiled function.
        simple: Whether its operands are a call's leaves, in their order.
    """

    __slots__ = ("_extra", "_order", "run", "simple")

    def __init__(self, run: Run, order: list[int], extra: Sequence[tuple[int | None, Any]]) -> None:
        self.run = run
        self._order = None if order == list(range(len(order))) else order
        self._extra = extra
        self.simple = self._order is None and not extra

    def call(self, captured: tuple[Any, ...], leaves: Sequence[Any]) -> Any:
        """Run it."""
        order = self._order
        operands = leaves if order is None else [leaves[k] for k in order]
        if self._extra:
            more = self._more(captured)
            _check_visible(operands, more)
            return self.run(*operands, *more)
        return self.run(*operands)

    @property
    def of_batches(self) -> bool:
        """Whether what was compiled takes batches as they are."""
        return not getattr(self.run, "of_samples", False)

    def call_rows(self, captured: tuple[Any, ...], leaves: Sequence[Any]) -> Any:
        """Run it on a whole batch, whose axis is everyone's first."""
        operands = leaves if self._order is None else [leaves[k] for k in self._order]
        if self._extra:
            more, size = self._more(captured), leaves[0].shape[0]
            _check_visible(operands, more)
            return self.run(*operands, *(x.expand(size, *x.shape) for x in more))
        return self.run(*operands)

    def call_batch(
        self, captured: tuple[Any, ...], leaves: Sequence[Any], dims: Sequence[int | None], size: int
    ) -> Any:
        """Run it on a whole batch: operands without a batch axis are the same for all samples."""
        chosen = range(len(leaves)) if self._order is None else self._order
        more = self._more(captured)
        _check_visible(leaves, more)
        if not self.of_batches:
            axes = (*(dims[k] for k in chosen), *(None for _ in more))
            with levels.without_batch():
                return torch.func.vmap(self.run, in_dims=axes)(*(leaves[k] for k in chosen), *more)
        operands = [_leading(leaves[k], dims[k], size) for k in chosen]
        return self.run(*operands, *(x.expand(size, *x.shape) for x in more))

    def _more(self, captured: tuple[Any, ...]) -> list[Any]:
        return [x if k is None else captured[k] for k, x in self._extra]


def _check_visible(leaves: Sequence[Any], captured: Sequence[torch.Tensor]) -> None:
    """A tracer has stand-ins for what it has seen: the arguments."""
    if captured and any(map(private.is_virtual, leaves)) and not all(map(private.is_virtual, captured)):
        raise InputError(
            "`ccjac.jacobian` inside of `torch.compile` or `torch.export`: the function reads tensors from its "
            f"surroundings, the first of them of shape {tuple(captured[0].shape)}, which a compiled graph does not see "
            "there; pass them as arguments, a module's parameters by `torch.func.functional_call`."
        )


def _described(x: Any) -> Hashable:
    return (_plain(x.shape), x.dtype, x.device) if isinstance(x, torch.Tensor) else None


def _plain(x: Any) -> Any:
    """Sizes that are symbols of a tracer, as numbers."""
    return tuple(int(n) for n in x) if isinstance(x, torch.Size) else x


def _without(shape: Any, axis: int) -> tuple[int, ...]:
    return tuple(int(n) for k, n in enumerate(shape) if k != axis % len(shape))


def _sample(x: torch.Tensor, axis: int) -> torch.Tensor:
    return torch.empty(_without(x.shape, axis), dtype=x.dtype, device=x.device)


def _leading(x: torch.Tensor, axis: int | None, size: int) -> torch.Tensor:
    if axis is None:
        return x.expand(size, *x.shape)
    return x if axis == 0 else x.movedim(axis, 0)


def _dims_of(args: Sequence[Any], in_dims: Any, kwargs: Any = None) -> list[int | None]:
    """The batch axis of every leaf; keyword arguments and numbers have none, as in ``torch.func.vmap``."""
    axes = in_dims if isinstance(in_dims, tuple) else (in_dims,) * len(args)
    if len(axes) != len(args):
        raise InputError(f"`in_dims` has {len(axes)} axes for {len(args)} arguments.")
    found: list[int | None] = []
    for x, axis in zip(args, axes, strict=True):
        leaves = [x] if isinstance(x, torch.Tensor) else private.flatten(x)[0]
        found.extend(axis if isinstance(leaf, torch.Tensor) and leaf.dim() else None for leaf in leaves)
    return found + [None] * (len(private.flatten(kwargs)[0]) if kwargs else 0)


def vectorized(function: Run, request: Request) -> Run:
    """See :meth:`ccjac.backends.protocol.Backend.vectorized`."""
    in_dims = tuple(request.in_dims) if isinstance(request.in_dims, list) else request.in_dims
    axes = in_dims if isinstance(in_dims, tuple) else (in_dims,)
    if not all(axis is None or isinstance(axis, int) for axis in axes):
        return torch.func.vmap(function, in_dims=in_dims, randomness=request.randomness)
    batch = levels.batch

    def of_batch(*args: Any, **kwargs: Any) -> Any:
        before, batch.in_dims = batch.in_dims, in_dims
        try:
            return function(*args, **kwargs)
        finally:
            batch.in_dims = before

    return of_batch


def _settings() -> Hashable:
    """What else decides about the results of torch's operations."""
    if _autocast("cpu") or _autocast("cuda"):
        return _default_dtype(), *(torch.get_autocast_dtype(p) if _autocast(p) else None for p in ("cpu", "cuda"))
    return _default_dtype()


_autocast, _default_dtype = torch.is_autocast_enabled, torch.get_default_dtype


def content(request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable | None:
    """See :meth:`ccjac.backends.protocol.Backend.content`."""
    leaves, tree = private.flatten((args, kwargs))
    if (in_dims := levels.batch.in_dims) is not None:
        dims = _dims_of(args, in_dims, kwargs)
        leaves = [x if d is None else _sample(x, d) for x, d in zip(leaves, dims, strict=True)]
    kind = number_type(leaves)
    ready = [torch.full((), x, dtype=kind) if kind is not None and kind_of(x) == "number" else x for x in leaves]
    args, kwargs = private.unflatten(tree, ready)
    with levels.without_batch():
        traced = trace(prepare(request, args, kwargs))
    if traced.features is None or obstacle(traced.features) is not None:
        # Nothing is compiled that could be shared; to expand it would take as long as what the estimate refuses.
        return None
    found = traced.linearization
    if found is None or traced.stopped:
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
