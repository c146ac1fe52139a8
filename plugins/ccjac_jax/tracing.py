"""From a call to its linearization."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np

from ccjac.backends.protocol import Request, UntraceableError
from ccjac.errors import CcjacError, InputError, UnsupportedError
from ccjac.estimate import Features
from ccjac.expand import Expander, Spec, Symbolic, Value, check_entries, linearize, unforeseen
from ccjac.guards import is_plain
from ccjac.program.linearization import Linearization
from ccjac.results import Containers
from ccjac.spec import Signature

from .arguments import JaxCall
from .features import features
from .interpreter import run
from .settings import platform_of


@dataclass(eq=False)
class JaxTraced:
    """A traced call.

    Attributes:
        call: The call it was traced for, without its values.
        closed: The user's function as a jaxpr of the call's operands.
        outputs: Shape and type of every differentiated result.
        auxiliary: Shape and type of every auxiliary result that is an array.
        output_tree, auxiliary_tree: Their containers.
        captured: Arrays that the function reads besides its arguments and that are operands, behind the call's own:
            values of an enclosing trace, and arrays that a guard watches.
        places: Which of the traced function's constants they are.
        read: Which of ``captured`` a scalar program takes as inputs: those whose values were not known.
        read_types: Their types.
        reusable: Whether later calls may use the compiled function: not if it captured a value of an enclosing trace
            that no guard watches.
        platform: Where the operands live.
        name: The user's function's.
    """

    call: JaxCall
    closed: Any = field(default=None, repr=False)
    outputs: tuple[Any, ...] = ()
    auxiliary: tuple[Any, ...] = ()
    output_tree: Any = None
    auxiliary_tree: Any = None
    captured: tuple[Any, ...] = field(default=(), repr=False)
    places: tuple[int, ...] = ()
    read: tuple[int, ...] = ()
    read_types: tuple[Any, ...] = ()
    reusable: bool = True
    platform: str = "cpu"
    name: str = "fun"

    @cached_property
    def features(self) -> Features:
        """What an estimate needs to know."""
        n, n_outputs = self.call.n_differentiated, len(self.outputs)
        try:
            return features(self.closed, n, n_outputs)
        except Exception as error:
            unforeseen(error, self.name)
            # Nothing speaks against an expansion.
            return Features(sum(a.size for a in self.call.types[:n]), sum(a.size for a in self.outputs))

    @property
    def linearization(self) -> Linearization | None:
        """The scalar graph and program, or ``None``; expanded when it is first asked for."""
        return self._expanded[0]

    @property
    def obstacle(self) -> str:
        """Why there is no linearization."""
        return self._expanded[1]

    @cached_property
    def _expanded(self) -> tuple[Linearization | None, str]:
        try:
            return _linearize(self.call, self.closed, len(self.outputs)), ""
        except UnsupportedError as obstacle:
            return None, str(obstacle)
        except Exception as error:
            return None, unforeseen(error, self.name)

    @cached_property
    def divided(self) -> Linearization:
        """See :attr:`ccjac.backends.protocol.Traced.divided`."""
        try:
            return _linearize(self.call, self.closed, len(self.outputs), regions=True)
        except UnsupportedError:
            raise
        except Exception as error:
            raise UnsupportedError(unforeseen(error, self.name)) from None

    @property
    def entry_dtypes(self) -> np.ndarray:
        """``[outputs, 1]``: an entry has its output's type, as in ``jax.jacfwd``."""
        names = [a.dtype.name for a in self.outputs for _ in range(a.size)]
        return np.array(names, dtype=object).reshape(-1, 1)

    @property
    def signature(self) -> Signature:
        """The arrays of the scalar program and of the results."""
        own = self.call.types
        return Signature(
            tuple(specs([*own, *self.read_types])),
            self.call.n_differentiated,
            len(own),
            tuple(specs(self.outputs)),
            tuple(specs(self.auxiliary)),
            "output",
        )

    @property
    def operand_types(self) -> tuple[Any, ...]:
        """Of the arrays that a compiled function reads: the call's, then captured ones."""
        return (*self.call.types, *self.read_types)

    @property
    def operand_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Their shapes."""
        return tuple(a.shape for a in self.operand_types)

    @property
    def with_values(self) -> bool:
        """Whether values or auxiliary results are returned."""
        return self.call.request.with_value or self.call.request.has_aux

    @property
    def fused(self) -> bool:
        """Whether nothing else is."""
        return self.call.request.fused

    @property
    def values(self) -> tuple[Any, ...]:
        """The arrays that precede the Jacobian's blocks."""
        return (*self.outputs, *self.auxiliary) if self.with_values else ()

    @property
    def containers(self) -> Containers:
        """The containers of the results."""
        return Containers(self.output_tree, self.auxiliary_tree, self.call.argument_trees, jax.tree.unflatten)

    def types(self) -> JaxTraced:
        """What compiled code may keep: no value, no function, no trace."""
        return replace(self, closed=None, captured=())


def trace(call: JaxCall, watched: Mapping[int, Any] | None = None) -> JaxTraced:
    """Trace the user's function."""
    traced = JaxTraced(call.without_values(), platform=platform_of(call.operands))
    traced.name = getattr(call.request.fun, "__name__", traced.name)
    fun = function_of(call.request)

    def flat(*operands: Any) -> list[Any]:
        args, kwargs = call.rebuild(operands)
        output, auxiliary = split_auxiliary(call.request, fun(*args, **kwargs))
        leaves, traced.output_tree = jax.tree.flatten(output)
        for leaf in leaves:
            _check_output(call.request, leaf)
        arrays, traced.auxiliary_tree = jax.tree.flatten(wrapped(auxiliary))
        return [*leaves, *arrays]

    try:
        if call.request.allow_int and any(not _is_inexact(t.dtype) for t in call.types[: call.n_differentiated]):
            raise TypeError("tangents of integers have no arrays outside of JAX")
        closed = traced.closed = jax.make_jaxpr(flat)(*call.operands)
    except CcjacError:
        raise
    except Exception as error:
        raise UntraceableError(error) from None
    avals = closed.out_avals
    n_outputs = traced.output_tree.num_leaves
    traced.outputs, traced.auxiliary = tuple(avals[:n_outputs]), tuple(avals[n_outputs:])
    _capture(traced, closed.consts, watched or {})
    return traced


def function_of(request: Request) -> Callable[..., Any]:
    """The function whose Jacobian is asked for: the user's, or its derivative."""
    if not request.second:
        return request.fun
    return jax.jacrev(request.fun, argnums=request.argnums, has_aux=request.has_aux, holomorphic=request.holomorphic)


def split_auxiliary(request: Request, result: Any) -> tuple[Any, Any]:
    """Output and auxiliary output."""
    if request.fused:
        return (), result
    if not request.has_aux:
        return result, ()
    if not (isinstance(result, (tuple, list)) and len(result) == 2):
        raise InputError(
            f"`has_aux=True` needs a function that returns (output, aux), but "
            f"`{getattr(request.fun, '__name__', 'fun')}` returned {_kind(result)}; "
            "give back the pair, or leave `has_aux` out."
        )
    output, auxiliary = result
    return output, auxiliary


def _kind(result: Any) -> str:
    return "an array" if isinstance(result, jax.Array) else f"a {type(result).__name__}"


@jax.tree_util.register_static
@dataclass(frozen=True)
class Static:
    """An auxiliary result that is no array, on its way out of ``jax.jit``."""

    value: Any


def unwrapped(result: Any) -> Any:
    """A result with its static parts as they are."""
    return jax.tree.map(
        lambda leaf: leaf.value if isinstance(leaf, Static) else leaf,
        result,
        is_leaf=lambda leaf: isinstance(leaf, Static),
    )


def wrapped(auxiliary: Any, *, once: bool = False) -> Any:
    """Auxiliary results with those that are no arrays in envelopes.

    Raises:
        TypeError: A result is neither an array nor a plain value, and is wanted more than ``once``.
    """

    def envelope(leaf: Any) -> Any:
        if isinstance(leaf, jax.Array) or (isinstance(leaf, np.ndarray) and not leaf.dtype.hasobject):
            return leaf
        if once or is_plain(leaf):
            return Static(leaf)
        raise TypeError(f"an auxiliary result is a {type(leaf).__name__}, which belongs to one call")

    return jax.tree.map(envelope, auxiliary)


def _capture(traced: JaxTraced, consts: Sequence[Any], watched: Mapping[int, Any]) -> None:
    found: list[tuple[int, Any]] = []
    for k, const in enumerate(consts):
        if id(const) in watched:
            found.append((k, watched[id(const)]))
        elif isinstance(const, jax.core.Tracer):
            found.append((k, const))
            traced.reusable = False
    traced.places = tuple(k for k, _ in found)
    traced.captured = tuple(value for _, value in found)
    traced.read = tuple(n for n, k in enumerate(traced.places) if isinstance(consts[k], jax.core.Tracer))
    traced.read_types = tuple(jax.typeof(consts[traced.places[n]]) for n in traced.read)


def _check_output(request: Request, leaf: Any) -> None:
    if not isinstance(leaf, (jax.Array, np.ndarray, np.generic, float, int, complex)):
        raise InputError(
            f"`ccjac.jacobian` needs a function that returns arrays, but "
            f"`{getattr(request.fun, '__name__', 'fun')}` returned a {type(leaf).__name__}. "
            "Return such values through `has_aux=True`, or not at all."
        )


def _is_inexact(dtype: Any) -> bool:
    return bool(jax.numpy.issubdtype(dtype, np.inexact))


def _linearize(call: JaxCall, closed: Any, n_outputs: int, *, regions: bool = False) -> Linearization:
    for aval in (*call.types, *closed.out_avals):
        if jax.numpy.issubdtype(aval.dtype, np.complexfloating):
            raise UnsupportedError("the function works on complex numbers")
        if jax.numpy.issubdtype(aval.dtype, jax.dtypes.extended):
            raise UnsupportedError("the function takes or returns random keys")
    inputs = specs([*call.types, *(c for c in closed.consts if isinstance(c, jax.core.Tracer))])
    n = call.n_differentiated
    check_entries(sum(a.size for a in closed.out_avals[:n_outputs]), sum(a.size for a in call.types[:n]))

    def body(ex: Expander, operands: list[Symbolic]) -> tuple[list[Value], list[Value]]:
        arguments, follow = operands[: len(call.types)], iter(operands[len(call.types) :])
        consts = [next(follow) if isinstance(c, jax.core.Tracer) else _known(c) for c in closed.consts]
        results = run(ex, closed, arguments, consts)
        return results[:n_outputs], results[n_outputs:]

    return linearize(inputs, n, body, walk=run, regions=regions)


def specs(values: Sequence[Any]) -> list[Spec]:
    """Shapes and types of arrays or their types."""
    return [Spec(tuple(v.shape), v.dtype.name) for v in values]


def _known(constant: Any) -> Any:
    """Random keys have no numpy equivalent."""
    is_key = jax.numpy.issubdtype(jax.typeof(constant).dtype, jax.dtypes.extended)
    return constant if is_key else np.asarray(constant)
