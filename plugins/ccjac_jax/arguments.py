"""Arguments of one call: checked, flattened, and split into traced operands and static values."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from ccjac.backends.protocol import Request
from ccjac.errors import InputError

from .settings import setting


@dataclass(frozen=True)
class _Same:
    """Stands for an unhashable static argument: equal to itself only, and keeps it alive."""

    value: Any

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value


@dataclass(frozen=True, eq=False)
class JaxCall:
    """A call, analysed.  Leaves are numbered through the differentiated arguments first, then all others.

    Attributes:
        request: What the user asked for.
        signature: Equal for calls that share a compiled function.
        operands: The traced leaves, differentiated ones first.
        types: JAX's type of every operand.
        n_differentiated: How many of the operands are differentiated.
        argument_trees: The container of every differentiated argument.
    """

    request: Request
    signature: Hashable
    operands: tuple[Any, ...]
    types: tuple[Any, ...]
    n_differentiated: int
    argument_trees: tuple[Any, ...]
    _rest_tree: Any
    _rest: tuple[Any, ...]
    _traced_places: tuple[int, ...]
    _n_args: int

    @cached_property
    def avals(self) -> tuple[jax.ShapeDtypeStruct, ...]:
        """Shape and type of every operand, for tracing."""
        return tuple(jax.ShapeDtypeStruct(t.shape, t.dtype, weak_type=t.weak_type) for t in self.types)

    @property
    def positions(self) -> tuple[int, ...]:
        """The differentiated positions, counted from the front."""
        return normalised(self.request.argnums, self._n_args)

    def rebuild(self, operands: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call's arguments with other operands in place."""
        differentiated, others = list(operands[: self.n_differentiated]), operands[self.n_differentiated :]
        rest = list(self._rest)
        for place, value in zip(self._traced_places, others, strict=True):
            rest[place] = value
        args_left, kwargs = jax.tree.unflatten(self._rest_tree, rest)
        args_left = list(args_left)
        args: list[Any] = []
        trees = dict(zip(self.positions, self.argument_trees, strict=True))
        leaves: dict[int, list[Any]] = {}
        for position, tree in zip(self.positions, self.argument_trees, strict=True):
            leaves[position], differentiated = differentiated[: tree.num_leaves], differentiated[tree.num_leaves :]
        for position in range(self._n_args):
            if position in trees:
                args.append(jax.tree.unflatten(trees[position], leaves[position]))
            else:
                args.append(args_left.pop(0))
        return tuple(args), kwargs


def normalised(argnums: int | tuple[int, ...], n_args: int) -> tuple[int, ...]:
    """``argnums`` as distinct positions counted from the front.

    Raises:
        InputError: A position that the call does not have, or one named twice.
    """
    wanted = argnums if isinstance(argnums, tuple) else (argnums,)
    for a in wanted:
        if not -n_args <= a < n_args:
            raise InputError(
                f"`argnums` names positional argument {a}, but the function was called with {n_args} positional "
                "arguments; pass differentiated arguments by position."
            )
    positions = tuple(a % n_args for a in wanted)
    if len(set(positions)) != len(positions):
        raise InputError(f"`argnums` names an argument twice: {argnums}.")
    return positions


def prepare(request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> JaxCall:
    """Analyse the arguments of one call."""
    positions = normalised(request.argnums, len(args))
    operands: list[Any] = []
    trees = []
    for position in positions:
        leaves, tree = jax.tree.flatten(args[position])
        for leaf in leaves:
            _check_differentiable(leaf, position)
        operands.extend(leaves)
        trees.append(tree)
    n_differentiated = len(operands)
    others = [a for position, a in enumerate(args) if position not in positions]
    rest, rest_tree = jax.tree.flatten((others, kwargs))
    traced = tuple(k for k, leaf in enumerate(rest) if _is_traced(leaf))
    operands.extend(rest[k] for k in traced)
    static = tuple(
        None if _is_traced(leaf) else (type(leaf), leaf if _is_hashable(leaf) else _Same(leaf)) for leaf in rest
    )
    types = tuple(map(jax.typeof, operands))
    signature = (
        tuple(trees),
        len(args),
        rest_tree,
        static,
        tuple((t.shape, t.dtype, t.weak_type) for t in types),
        setting("jax_enable_x64"),
        setting("jax_default_matmul_precision"),
        setting("jax_numpy_dtype_promotion"),
    )
    without_arrays = tuple(None if _is_traced(leaf) else leaf for leaf in rest)
    return JaxCall(
        request,
        signature,
        tuple(operands),
        types,
        n_differentiated,
        tuple(trees),
        rest_tree,
        without_arrays,
        traced,
        len(args),
    )


def _is_traced(leaf: Any) -> bool:
    """Arrays and floating-point numbers vary from call to call; ints, bools, strings and the rest steer the tracing."""
    return isinstance(leaf, (jax.Array, np.ndarray, np.generic, float, complex)) and not _is_text(leaf)


def _is_text(leaf: Any) -> bool:
    return isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in "OUSMm"


def _is_hashable(leaf: Any) -> bool:
    try:
        hash(leaf)
    except TypeError:
        return False
    return True


def _check_differentiable(leaf: Any, position: int) -> None:
    if isinstance(leaf, (jax.Array, np.ndarray, np.generic)):
        dtype = leaf.dtype
        if jax.numpy.issubdtype(dtype, np.floating):
            return
        kind = "complex" if jax.numpy.issubdtype(dtype, np.complexfloating) else f"{dtype}"
    elif isinstance(leaf, float):
        return
    elif isinstance(leaf, (bool, int, complex)):
        kind = f"Python {type(leaf).__name__}"
    else:
        raise InputError(
            f"`ccjac.jacobian` differentiates arrays, but argument {position} contains a {type(leaf).__name__}. "
            "Leave it out of `argnums`, or pass the arrays only."
        )
    remedy = (
        "split it into real and imaginary parts."
        if "complex" in kind
        else "convert it with `jnp.asarray(x, dtype=float)`, or leave it out of `argnums`."
    )
    raise InputError(f"`ccjac.jacobian` needs real floating-point inputs, but argument {position} is {kind}; {remedy}")
