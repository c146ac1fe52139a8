"""The arguments of one call: which are differentiated, and how a call is put together again from its leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .errors import InputError


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


def joined(positions: Sequence[int], differentiated: Sequence[Any], others: Sequence[Any]) -> tuple[Any, ...]:
    """The positional arguments of a call from the differentiated ones, in the order of ``positions``, and the others,
    in the call's order.
    """
    chosen = dict(zip(positions, differentiated, strict=True))
    rest = iter(others)
    return tuple(chosen[k] if k in chosen else next(rest) for k in range(len(chosen) + len(others)))


def unflattened(trees: Sequence[Any], leaves: Sequence[Any], unflatten: Callable[[Any, Sequence[Any]], Any]) -> list:
    """Containers from their trees and all their leaves, one after the other."""
    remaining = iter(leaves)
    return [unflatten(tree, [next(remaining) for _ in range(tree.num_leaves)]) for tree in trees]


def refusal(where: str, kind: str, *, convert: str, is_array: bool = True) -> InputError:
    """The error for an argument that cannot be differentiated.

    Args:
        where: Which argument, such as ``"argument 0 (`x`) of `f`"``.
        kind: What it is: ``"int32"``, ``"complex"``, ``"Python int"``, or the name of a class.
        convert: The framework's way to make it a floating-point array.
        is_array: Whether it is a number or an array of numbers at all.
    """
    if not is_array:
        return InputError(
            f"`ccjac.jacobian` differentiates arrays, but {where} contains a {kind}. "
            "Leave it out of `argnums`, or pass the arrays only."
        )
    remedy = (
        "split it into real and imaginary parts, or pass `holomorphic=True`."
        if "complex" in kind
        else f"convert it with {convert}, or leave it out of `argnums`."
    )
    return InputError(f"`ccjac.jacobian` needs real floating-point inputs, but {where} is {kind}; {remedy}")
