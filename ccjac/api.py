"""The public functions: the decorator with its in-memory cache, and the same road without execution."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from operator import index
from typing import Any, Literal, get_args

from . import estimate
from .backends import discovery
from .backends.protocol import Backend, Request, Traced
from .cost import CostModel
from .elimination import check_order, count
from .errors import BackendError, CcjacError, InputError, UnsupportedError
from .graph import Graph
from .planning.choose import choose
from .planning.naming import call_name
from .planning.plan import Plan
from .program.accumulate import JacobianProgram, accumulate

log = logging.getLogger("ccjac")

GranularityChoice = Literal["auto", "scalar", "tensor"]
Executor = Literal["auto", "kernel", "ops"]
_SERVED_GRANULARITIES = ("auto", "scalar")


@dataclass(frozen=True)
class _Options:
    """The keyword arguments that all entry points share, checked once."""

    order: Any
    backend: str | Backend | None
    granularity: str
    executor: str
    zoo: Any
    fastmath: bool = False

    def __post_init__(self) -> None:
        if self.granularity not in get_args(GranularityChoice):
            raise CcjacError(
                f"`granularity` must be one of {', '.join(get_args(GranularityChoice))}; got {self.granularity!r}."
            )
        if self.granularity not in _SERVED_GRANULARITIES:
            raise UnsupportedError(
                '`granularity="tensor"` is not served by this version; use "auto": functions with large arrays then '
                "run in the framework's own modes."
            )
        if self.executor not in get_args(Executor):
            raise CcjacError(f"`executor` must be one of {', '.join(get_args(Executor))}; got {self.executor!r}.")

    @property
    def automatic(self) -> bool:
        """Whether the user left the choice of a road to an estimate."""
        return all(isinstance(x, str) and x == "auto" for x in (self.granularity, self.executor, self.order))


@dataclass(frozen=True)
class _Compiled:
    run: Callable[..., Any]
    plan: Plan
    captured: tuple[Any, ...] = ()


def jacobian(
    fun: Callable[..., Any] | None = None,
    *,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    order: Any = "auto",
    backend: str | Backend | None = None,
    granularity: GranularityChoice = "auto",
    executor: Executor = "auto",
    zoo: Any = None,
    fastmath: bool = False,
) -> Callable[..., Any]:
    """Exact Jacobian of ``fun``, a drop-in for ``jax.jacfwd``/``jax.jacrev`` and ``torch.func.jacrev``.

    Works bare (``@ccjac.jacobian``), with arguments (``@ccjac.jacobian(argnums=(0, 1))``) and as a function.  ``fun``
    is traced and compiled once per combination of argument shapes, types and static arguments; Python side effects and
    values that it reads from its surroundings are those of that first call, as under ``jax.jit``.

    Args:
        fun: A function of arrays and containers of arrays.  Array arguments and Python floats are traced; other leaves
            (ints, bools, strings, ...) are static.
        argnums: Which positional argument, or tuple of them, to differentiate.
        has_aux: Whether ``fun`` returns ``(output, aux)``; the result is then ``(jacobian, aux)``.
        order: How to eliminate: ``"auto"`` (order zoo, else the greedy portfolio), ``"forward"``, ``"reverse"``,
            ``"markowitz"``, the name of a registered searcher, a sequence of vertices, or a :class:`ccjac.Plan`.
            Never changes the result.
        backend: ``"jax"``, ``"torch"`` or a backend object; by default the framework that the arguments belong to.
        granularity: ``"auto"`` or ``"scalar"``.
        executor: ``"auto"``, ``"kernel"`` (one fused loop) or ``"ops"`` (plain operations of the framework).
        zoo: Where ``order="auto"`` looks orders up: ``None`` for all layers, a directory, a :class:`ccjac.Zoo`, or
            ``False`` for none.
        fastmath: Let the kernel reassociate, multiply by reciprocals and ignore the sign of zero.  Results then differ
            from IEEE arithmetic in their last digits, by more where terms cancel.  Other executors ignore it.

    Returns:
        A function with the signature of ``fun``.  For an output leaf of shape ``s`` and a differentiated argument leaf
        of shape ``t`` the result's leaf has shape ``s + t``; the containers nest as ``jax.jacfwd`` nests them: the
        output's outside, then the tuple of ``argnums`` if it is one, then the argument's.

    Raises:
        InputError: When called with integer, boolean or complex differentiated arguments, or if ``fun`` returns
            something that is no array.
        OrderError: When called with an ``order`` that does not fit the traced graph.
        BackendError: If no backend takes the arguments.

    Example:
        >>> import ccjac, jax.numpy as jnp
        >>> ccjac.jacobian(lambda x: x[0] * x)(jnp.array([2.0, 3.0])).tolist()
        [[4.0, 0.0], [3.0, 2.0]]
    """
    options = _Options(order, backend, granularity, executor, zoo, fastmath)
    return _differentiator(fun, argnums, has_aux, options, with_value=False)


def value_and_jacobian(
    fun: Callable[..., Any] | None = None,
    *,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    order: Any = "auto",
    backend: str | Backend | None = None,
    granularity: GranularityChoice = "auto",
    executor: Executor = "auto",
    zoo: Any = None,
    fastmath: bool = False,
) -> Callable[..., Any]:
    """Value and Jacobian from one program: ``(value, jacobian)``, with ``has_aux`` ``((value, aux), jacobian)``.

    Arguments and errors are those of :func:`jacobian`.
    """
    options = _Options(order, backend, granularity, executor, zoo, fastmath)
    return _differentiator(fun, argnums, has_aux, options, with_value=True)


def hessian(
    fun: Callable[..., Any] | None = None,
    *,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    order: Any = "auto",
    backend: str | Backend | None = None,
    granularity: GranularityChoice = "auto",
    executor: Executor = "auto",
    zoo: Any = None,
    fastmath: bool = False,
) -> Callable[..., Any]:
    """Exact Hessian of ``fun``: the Jacobian, by elimination, of the framework's reverse-mode derivative.

    Arguments and errors are those of :func:`jacobian`.  The containers nest as in ``jax.hessian``.
    """
    options = _Options(order, backend, granularity, executor, zoo, fastmath)
    if fun is None:
        return functools.partial(
            hessian,
            argnums=argnums,
            has_aux=has_aux,
            order=order,
            backend=backend,
            granularity=granularity,
            executor=executor,
            zoo=zoo,
            fastmath=fastmath,
        )
    request = Request(fun, _checked_argnums(argnums), has_aux, with_value=False)

    @functools.wraps(fun)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return _select_backend(options.backend, args, kwargs).derivative(request)(*args, **kwargs)

    second = _differentiator(gradient, argnums, has_aux, options, with_value=False)
    second.__wrapped__ = fun  # type: ignore[attr-defined]
    return second


def plan(
    fun: Callable[..., Any],
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    order: Any = "auto",
    backend: str | Backend | None = None,
    granularity: GranularityChoice = "auto",
    executor: Executor = "auto",
    zoo: Any = None,
    **kwargs: Any,
) -> Plan:
    """The plan that :func:`jacobian` would follow for these arguments, without compiling or running it.

    ``args`` and ``kwargs`` go to ``fun``; only their shapes and types matter.  For a function that does not expand
    to scalars the plan's ``source`` is ``"fallback"`` and its ``reason`` says why.
    """
    options = _Options(order, backend, granularity, executor, zoo)
    chosen = _select_backend(options.backend, args, kwargs)
    request = Request(fun, _checked_argnums(argnums), has_aux, with_value=False)
    return _planned(chosen, chosen.trace(chosen.prepare(request, args, kwargs)), options, "", remember=False)[0]


def trace(
    fun: Callable[..., Any],
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    backend: str | Backend | None = None,
    granularity: GranularityChoice = "auto",
    **kwargs: Any,
) -> Graph:
    """The linearized computational graph of ``fun`` at these argument shapes.

    Raises:
        UnsupportedError: The function does not expand to scalars (a while loop, a matrix factorisation, huge arrays).
    """
    options = _Options("auto", backend, granularity, "auto", False)
    chosen = _select_backend(options.backend, args, kwargs)
    request = Request(fun, _checked_argnums(argnums), has_aux, with_value=False)
    traced = chosen.trace(chosen.prepare(request, args, kwargs))
    if traced.linearization is None:
        raise UnsupportedError(
            f"`ccjac.trace` cannot build the scalar graph of this function: {traced.obstacle}. "
            "`ccjac.jacobian` still works; it uses the framework's own mode."
        )
    return traced.linearization.graph


def evaluate_order(graph: Graph, order: Any, cost: str | CostModel = "multiplications") -> int:
    """What eliminating ``graph`` in ``order`` costs.

    Args:
        graph: The graph.
        order: Every live intermediate vertex once; dead ones may be left out.
        cost: ``"multiplications"``, ``"structural"``, a registered cost model's name, or a :class:`CostModel`.

    Raises:
        OrderError: The order does not fit the graph.
    """
    return count(graph, check_order(graph, order)).cost(discovery.cost_model(cost))


def _differentiator(
    fun: Callable[..., Any] | None, argnums: Any, has_aux: bool, options: _Options, *, with_value: bool
) -> Callable[..., Any]:
    argnums = _checked_argnums(argnums)
    if fun is None:
        return lambda f: _differentiator(f, argnums, has_aux, options, with_value=with_value)
    if not callable(fun):
        raise InputError(f"`ccjac.jacobian` differentiates a function, got {type(fun).__name__}.")
    request = Request(fun, argnums, has_aux, with_value)
    cache: dict[tuple[str, Hashable], _Compiled] = {}

    @functools.wraps(fun)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        backend = _select_backend(options.backend, args, kwargs)
        call = backend.prepare(request, args, kwargs)
        key = (backend.name, call.signature)
        compiled = cache.get(key)
        if compiled is None:
            traced = backend.trace(call)
            compiled = _build(backend, traced, options, call_name(fun, args, kwargs))
            if traced.reusable:
                cache[key] = compiled
        return compiled.run(*call.operands, *compiled.captured)

    return differentiated


def _planned(
    backend: Backend, traced: Traced, options: _Options, name: str, *, remember: bool
) -> tuple[Plan, JacobianProgram | None]:
    """The plan, and the program unless the plan is the framework's own mode."""
    try:
        return _scalar_plan(backend, traced, options, name, remember=remember)
    except UnsupportedError as error:
        return Plan(None, (), "fallback", executor=backend.fallback(traced)[1], reason=str(error)), None


def _scalar_plan(
    backend: Backend, traced: Traced, options: _Options, name: str, *, remember: bool
) -> tuple[Plan, JacobianProgram]:
    """The plan and the straight-line program.

    Raises:
        UnsupportedError: There is no such program, or it would not pay; a choice that the user made is not questioned.
    """
    features = traced.features if options.automatic else None
    if features is not None and (reason := estimate.obstacle(features)) is not None:
        raise UnsupportedError(reason)
    linearization = traced.linearization
    if linearization is None:
        raise UnsupportedError(traced.obstacle)
    chosen = choose(linearization.graph, options.order, options.zoo, name=name, remember=remember)
    program = accumulate(linearization, chosen.order, with_values=traced.with_values, dtypes=traced.entry_dtypes)
    if features is not None and (reason := estimate.late_obstacle(features, program.program.operations)) is not None:
        raise UnsupportedError(reason)
    executor, reason = backend.select_executor(program, options.executor, platform=traced.platform)
    return chosen.with_executor(executor, reason), program


def _build(backend: Backend, traced: Traced, options: _Options, name: str) -> _Compiled:
    plan, program = _planned(backend, traced, options, name, remember=True)
    if program is None:
        log.warning("ccjac: %s uses the framework's own %s mode: %s", name, plan.executor, plan.reason)
        return _Compiled(backend.fallback(traced)[0], plan)
    run = backend.compile(traced, program, plan.executor, fastmath=options.fastmath)
    return _Compiled(run, plan, tuple(traced.captured))


def _checked_argnums(argnums: Any) -> int | tuple[int, ...]:
    try:
        return tuple(index(a) for a in argnums) if isinstance(argnums, (tuple, list)) else index(argnums)
    except TypeError:
        raise InputError(f"`argnums` must be an int or a tuple of ints, got {argnums!r}.") from None


@functools.cache
def _backends() -> dict[str, Backend]:
    return {backend.name: backend for backend in discovery.answers("ccjac_backend")}


def _select_backend(wanted: str | Backend | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Backend:
    if wanted is not None and not isinstance(wanted, str):
        return wanted
    known = _backends()
    if isinstance(wanted, str):
        if wanted not in known:
            raise BackendError(
                f"`backend` must be one of the installed {sorted(known)}, got {wanted!r}. "
                f"Install it with `pip install 'ccjac[{wanted}]'`."
            )
        return known[wanted]
    for backend in known.values():
        if backend.claims(args, kwargs):
            return backend
    if not known:
        raise BackendError(
            "`ccjac.jacobian` found no backend. "
            "Install one with `pip install 'ccjac[jax]'` or `pip install 'ccjac[torch]'`."
        )
    # Python and numpy numbers belong to no framework; JAX takes them, as `jax.jacfwd` does.
    return known.get("jax") or next(iter(known.values()))
