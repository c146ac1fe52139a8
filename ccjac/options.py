"""The options that all entry points share: one dataclass, checked at the door, and one text for each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields
from operator import index
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar, get_args

from .backends.protocol import Backend
from .errors import CcjacError, InputError, nearest

GranularityChoice = Literal["auto", "scalar", "tensor"]
Executor = Literal["auto", "kernel", "ops", "inductor"]
Output = Literal["dense", "bcoo", "bcsr", "operator"]
_VALUES = "values"
"""The output of :func:`ccjac.sparse_values`."""

_TEXTS = {
    "fun": "A function of arrays and containers of arrays.  Array arguments and Python floats are traced, whole\n"
    "    numbers too once a second value is seen; other leaves (bools, strings, objects) are compared by value.",
    "argnums": "Which positional argument, or tuple of them, to differentiate.",
    "has_aux": "Whether ``fun`` returns ``(output, aux)``; the result is then ``(jacobian, aux)``.",
    "holomorphic": "As in ``jax.jacfwd``: ``fun`` is a holomorphic function of complex arrays.",
    "allow_int": "As in ``jax.jacrev``: integer arguments are differentiated too; their tangents are ``float0``.",
    "in_dims": "The batch axis of every argument, or a tuple of them, one for each (``None``: it has none), as in\n"
    "    ``torch.func.vmap``: the function then takes a whole batch, and all results have the batch axis first.",
    "chunk_size": "As in ``torch.func.jacrev``, for functions that are left to it; programs need no chunks.",
    "randomness": "As in ``torch.func.jacfwd``, for functions that are left to torch's own modes.",
    "order": 'How to eliminate: ``"auto"`` (order zoo, else the greedy portfolio), ``"forward"``, ``"reverse"``,\n'
    '    ``"markowitz"``, the name of a registered searcher, a sequence of vertices, or a :class:`ccjac.Plan`.\n'
    "    Never changes the result.",
    "backend": '``"jax"``, ``"torch"`` or a backend object; by default the framework that the arguments belong to.',
    "granularity": '``"auto"``, ``"scalar"`` (a vertex for every number) or ``"tensor"`` (large arrays by\n'
    "    cells of equal structure, whatever an estimate says).",
    "executor": '``"auto"``, ``"kernel"`` (one fused loop), ``"ops"`` (plain operations of the framework) or\n'
    '    ``"inductor"`` (those of torch, compiled by ``torch.compile``).',
    "output": '``"dense"``, or sparse by cells of equal structure: ``"bcoo"`` (shape ``s + t``), ``"bcsr"`` (a\n'
    '    matrix of the flat output by the flat argument), ``"operator"`` (a matrix to multiply vectors with).',
    "zoo": 'Where ``order="auto"`` looks orders up: ``None`` for all layers, a directory, a :class:`ccjac.Zoo`, or\n'
    "    ``False`` for none.",
    "fastmath": "Let the kernel reassociate, multiply by reciprocals and ignore the sign of zero.  Results then\n"
    "    differ from IEEE arithmetic in their last digits, by more where terms cancel.  Other executors ignore it.",
}


class Keywords(TypedDict, total=False):
    """The shared keyword arguments, for type checkers."""

    in_dims: Any
    chunk_size: int | None
    randomness: str
    order: Any
    backend: str | Backend | None
    granularity: GranularityChoice
    executor: Executor
    zoo: Any
    fastmath: bool
    output: Output


@dataclass(frozen=True)
class Options:
    """The keyword arguments that all entry points share."""

    order: Any = "auto"
    backend: str | Backend | None = None
    granularity: str = "auto"
    executor: str = "auto"
    zoo: Any = None
    fastmath: bool = False
    output: str = "dense"

    def __post_init__(self) -> None:
        _choice("granularity", self.granularity, get_args(GranularityChoice))
        _choice("output", self.output, (*get_args(Output), _VALUES))
        _choice("executor", self.executor, get_args(Executor))

    @property
    def automatic(self) -> bool:
        """Whether the user left the choice of a road to an estimate."""
        return all(isinstance(x, str) and x == "auto" for x in (self.granularity, self.executor, self.order))

    @classmethod
    def of(cls, name: str, keywords: Any) -> Options:
        """The options of a call of the public function ``name``.

        Raises:
            TypeError: An unknown keyword.
        """
        known = [f.name for f in fields(cls)]
        for keyword in keywords:
            if keyword not in known:
                names = ["argnums", "has_aux", "holomorphic", "allow_int", *OF_THE_CALL, *known]
                raise TypeError(
                    f"`ccjac.{name}` has no option {keyword!r}; it has {', '.join(names)}.{nearest(keyword, names)} "
                    f"Arguments of the function itself go to what `ccjac.{name}(f)` returns."
                )
        return cls(**keywords)

    def key(self) -> Hashable | None:
        """Equal for options that lead to the same program, ``None`` if only this object can tell."""
        order = self.order
        if isinstance(order, Sequence) and not isinstance(order, str) and all(isinstance(v, int) for v in order):
            order = tuple(order)
        if not isinstance(order, (str, tuple)) or not isinstance(self.zoo, (str, Path, bool, type(None))):
            return None
        if not isinstance(self.backend, (str, type(None))):
            return None
        return order, self.backend, self.granularity, self.executor, self.zoo, self.fastmath, self.output


def checked_argnums(argnums: Any) -> int | tuple[int, ...]:
    """``argnums`` as ints.

    Raises:
        InputError: Anything else.
    """
    try:
        return tuple(index(a) for a in argnums) if isinstance(argnums, (tuple, list)) else index(argnums)
    except TypeError:
        remedy = (
            " The function's arguments go to what is returned: `ccjac.jacobian(f)(x)`."
            if hasattr(argnums, "shape")
            else ""
        )
        raise InputError(f"`argnums` must be an int or a tuple of ints, got {argnums!r}.{remedy}") from None


def checked_function(name: str, fun: Any) -> Callable[..., Any]:
    """``fun``, if it is a function.

    Raises:
        InputError: Anything else was given to ``ccjac.<name>``.
    """
    if not callable(fun):
        raise InputError(
            f"`ccjac.{name}` differentiates a function, got {type(fun).__name__}; give it `f`, not `f(x)`."
        )
    return fun


OF_THE_CALL = ("in_dims", "chunk_size", "randomness")
"""Keywords that say what is asked for, not how it is computed."""

F = TypeVar("F", bound=Callable[..., Any])


def documented(*names: str) -> Callable[[F], F]:
    """Write the texts of the named arguments where a docstring says ``{arguments}``."""

    def fill(function: F) -> F:
        text = inspect.cleandoc(function.__doc__ or "")
        lines = "\n".join(f"{name}: {_TEXTS[name]}" for name in names)
        function.__doc__ = text.replace("{arguments}", lines.replace("\n", "\n    "))
        return function

    return fill


SHARED = tuple(f.name for f in fields(Options))
"""Names of the shared options, in the order of the documentation."""


def _choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        near = nearest(value, choices) if isinstance(value, str) else ""
        raise CcjacError(f"`{name}` must be one of {', '.join(choices)}; got {value!r}.{near}")
