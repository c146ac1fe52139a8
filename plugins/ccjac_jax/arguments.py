"""Arguments of one call: checked, flattened, and split into traced operands and static values."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from ccjac.arguments import joined, normalised, refusal, unflattened
from ccjac.backends.protocol import Request
from ccjac.errors import InputError


@dataclass(frozen=True, eq=False)
class JaxCall:
    """A call, analysed.  Leaves are numbered through the differentiated arguments first, then all others.

    Attributes:
        request: What the user asked for.
        operands: The traced leaves, differentiated ones first.
        types: JAX's type of every operand.
        n_differentiated: How many of the operands are differentiated.
        argument_trees: The container of every differentiated argument.
    """

    request: Request
    operands: tuple[Any, ...]
    types: tuple[Any, ...]
    n_differentiated: int
    argument_trees: tuple[Any, ...]
    _rest_tree: Any
    _rest: tuple[Any, ...]
    _traced_places: tuple[int, ...]
    _n_args: int

    def without_values(self) -> JaxCall:
        """What later steps need; it holds neither operands nor static values nor the user's function."""
        nothing = replace(self.request, fun=_nothing)
        return replace(self, request=nothing, operands=(), _rest=(), _traced_places=())

    def rebuild(self, operands: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call's arguments with other operands in place."""
        n = self.n_differentiated
        rest = list(self._rest)
        for place, value in zip(self._traced_places, operands[n:], strict=True):
            rest[place] = value
        others, kwargs = jax.tree.unflatten(self._rest_tree, rest)
        differentiated = unflattened(self.argument_trees, operands[:n], jax.tree.unflatten)
        return joined(normalised(self.request.argnums, self._n_args), differentiated, others), kwargs


def prepare(request: Request, args: tuple[Any, ...], kwargs: dict[str, Any], *, numbers: bool = True) -> JaxCall:
    """Analyse the arguments of one call."""
    kinds = ("array", "number") if numbers else ("array",)
    positions = normalised(request.argnums, len(args))
    operands: list[Any] = []
    trees = []
    for position in positions:
        leaves, tree = jax.tree.flatten_with_path(args[position])
        for path, leaf in leaves:
            _check_differentiable(request, leaf, position, path)
        operands.extend(leaf for _, leaf in leaves)
        trees.append(tree)
    n_differentiated = len(operands)
    others = [a for position, a in enumerate(args) if position not in positions]
    rest, rest_tree = jax.tree.flatten((others, kwargs))
    # What is static has been taken out before, unless only shapes and types are asked for.
    traced = tuple(k for k, leaf in enumerate(rest) if kind(leaf) in kinds)
    operands.extend(rest[k] for k in traced)
    without_arrays = tuple(None if k in traced else leaf for k, leaf in enumerate(rest))
    types = tuple(map(type_of, operands))
    return JaxCall(
        request, tuple(operands), types, n_differentiated, tuple(trees), rest_tree, without_arrays, traced, len(args)
    )


def type_of(operand: Any) -> Any:
    """JAX's type of an operand, or of what stands for one."""
    return operand if isinstance(operand, jax.ShapeDtypeStruct) else jax.typeof(operand)


def kind(leaf: Any) -> str:
    """See :meth:`ccjac.backends.protocol.Backend.kind`."""
    if isinstance(leaf, (jax.Array, jax.ShapeDtypeStruct)):
        return "array"
    if isinstance(leaf, (np.ndarray, np.generic)):
        return "static" if leaf.dtype.kind in "OUSMmV" and not _is_extended_float(leaf.dtype) else "number"
    if isinstance(leaf, bool):
        return "static"
    if type(leaf) is int:
        return "count"
    return "number" if type(leaf) in (float, complex) else "static"


def _is_extended_float(dtype: np.dtype) -> bool:
    return bool(jax.numpy.issubdtype(dtype, np.number))


def _check_differentiable(request: Request, leaf: Any, position: int, path: Any) -> None:
    is_python = isinstance(leaf, (bool, int, float, complex))
    is_array = is_python or isinstance(leaf, (jax.Array, np.ndarray, np.generic, jax.ShapeDtypeStruct))
    convert = "`jnp.asarray(x, dtype=float)`"
    if not is_array:
        raise refusal(_where(request, position, path), type(leaf).__name__, convert=convert, is_array=False)
    dtype = np.dtype(type(leaf)) if is_python else leaf.dtype
    is_complex = jax.numpy.issubdtype(dtype, np.complexfloating)
    if is_complex != request.holomorphic and jax.numpy.issubdtype(dtype, np.inexact):
        if request.holomorphic:
            where = _where(request, position, path)
            raise InputError(f"`holomorphic=True` needs complex inputs, but {where} is {dtype}; leave it out.")
    elif is_complex or jax.numpy.issubdtype(dtype, np.floating) or request.allow_int:
        return
    kind = f"Python {type(leaf).__name__}" if is_python else "complex" if is_complex else f"{dtype}"
    raise refusal(_where(request, position, path), kind, convert=convert)


def _where(request: Request, position: int, path: Any) -> str:
    """How a message names an argument: ``argument 0 (`x['w']`) of `residual```."""
    place = jax.tree_util.keystr(path)
    try:
        place = list(inspect.signature(request.fun).parameters)[position] + place
    except (TypeError, ValueError, IndexError):
        place = f"...{place}" if place else ""
    name = getattr(request.fun, "__name__", type(request.fun).__name__)
    return f"argument {position} (`{place}`) of `{name}`" if place else f"argument {position} of `{name}`"


def _nothing() -> None:
    """Stands for the user's function where it is not needed any more."""
