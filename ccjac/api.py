"""The public functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Unpack

from .backends import discovery
from .backends.protocol import Request
from .calls import checked, clear, differentiator, graph_of, pattern_of, plan_of
from .checking import Check
from .cost import CostModel
from .elimination import check_order, count
from .graph import Graph, checked_graph
from .options import (
    OF_THE_CALL,
    SHARED,
    Executor,
    GranularityChoice,
    Keywords,
    Options,
    checked_argnums,
    checked_function,
    documented,
)
from .pattern import Pattern
from .planning.plan import Plan

_OWN = ("fun", "argnums", "has_aux", "holomorphic", "allow_int")


@documented(*_OWN, *OF_THE_CALL, *SHARED)
def jacobian(
    fun: Callable[..., Any] | None = None,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    **options: Unpack[Keywords],
) -> Callable[..., Any]:
    """Exact Jacobian of ``fun``, a drop-in for ``jax.jacfwd``/``jax.jacrev`` and ``torch.func.jacrev``.

    Works bare (``@ccjac.jacobian``), with arguments (``@ccjac.jacobian(argnums=(0, 1))``) and as a function.  ``fun``
    is traced and compiled once per combination of argument shapes, types, static arguments, settings of the framework,
    and of everything else that it reads (variables of enclosing functions, globals, attributes): a change of any of
    them is noticed at the next call outside of ``jax.jit``.  Functions made by the same code that read equal values
    share what was compiled.

    Args:
        {arguments}

    Returns:
        A function with the signature of ``fun``.  For an output leaf of shape ``s`` and a differentiated argument leaf
        of shape ``t`` the result's leaf has shape ``s + t``; the containers nest as ``jax.jacfwd`` nests them: the
        output's outside, then the tuple of ``argnums`` if it is one, then the argument's.  Its methods
        ``plan(*args, **kwargs)`` and ``graph(*args, **kwargs)`` tell how it computes that, without computing it.

    Raises:
        InputError: When called with integer, boolean or complex differentiated arguments, or if ``fun`` returns
            something that is no array.
        OrderError: When called with an ``order`` that does not fit the traced graph.
        BackendError: If no backend takes the arguments.

    Examples:
        >>> import ccjac, jax.numpy as jnp
        >>> ccjac.jacobian(lambda x: x[0] * x)(jnp.array([2.0, 3.0])).tolist()
        [[4.0, 0.0], [3.0, 2.0]]
    """
    return _public("jacobian", fun, options, argnums, has_aux, holomorphic, allow_int)


def value_and_jacobian(
    fun: Callable[..., Any] | None = None,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    **options: Unpack[Keywords],
) -> Callable[..., Any]:
    """Value and Jacobian from one program: ``(value, jacobian)``, with ``has_aux`` ``((value, aux), jacobian)``.

    Arguments and errors are those of :func:`jacobian`.
    """
    return _public("value_and_jacobian", fun, options, argnums, has_aux, holomorphic, allow_int, with_value=True)


def hessian(
    fun: Callable[..., Any] | None = None,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    **options: Unpack[Keywords],
) -> Callable[..., Any]:
    """Exact Hessian of ``fun``: the Jacobian, by elimination, of the framework's reverse-mode derivative.

    Arguments and errors are those of :func:`jacobian`.  The containers nest as in ``jax.hessian``.
    """
    return _public("hessian", fun, options, argnums, has_aux, holomorphic, second=True)


@documented("fun", "backend", "executor", "fastmath")
def fuse(
    fun: Callable[..., Any] | None = None,
    *,
    backend: Any = None,
    executor: Executor = "auto",
    fastmath: bool = False,
) -> Callable[..., Any]:
    """``fun`` itself as one compiled loop over the batch, with the Jacobians, small solves and loops inside of it.

    For a whole step of an application: a filter's update, a Newton, Gauss-Newton or implicit Euler step.  What XLA runs
    as dozens of loops with arrays in between becomes one kernel, in which a sample never leaves the processor's
    registers and first cache.  Jacobians by :func:`jacobian` inside of ``fun`` become part of the same program.

    A drop-in: use ``jax.vmap(ccjac.fuse(step))`` where ``jax.vmap(step)`` was, under ``jax.jit``, ``jax.lax.scan``,
    ``jax.grad``, ``jax.jvp`` and the rest.  Derivatives are those that JAX takes of ``fun`` (rules of ``custom_jvp``
    and ``custom_vjp`` functions included), fused likewise.  Guards, static arguments and captured arrays are as in
    :func:`jacobian`.

    Where that does not pay (large arrays, operations that only JAX has, loops of unknown length, accelerators) it is
    ``fun`` as JAX runs it; ``ccjac.fuse(f).plan(*args)`` says why.

    Args:
        {arguments}

    Returns:
        A function with the signature and the results of ``fun``.  Its method ``plan(*args, **kwargs)`` tells how it
        computes them.

    Raises:
        BackendError: When called with ``executor="kernel"`` and a function that cannot become a kernel, or with
            tensors of torch.

    Examples:
        >>> import ccjac, jax, jax.numpy as jnp
        >>> newton = lambda x: x - jnp.linalg.solve(ccjac.jacobian(lambda x: x**2 - 2)(x), x**2 - 2)
        >>> jax.vmap(ccjac.fuse(newton))(jnp.ones((3, 2))).tolist()
        [[1.5, 1.5], [1.5, 1.5], [1.5, 1.5]]
    """
    if fun is None:
        return functools.partial(fuse, backend=backend, executor=executor, fastmath=fastmath)
    request = Request(checked_function("fuse", fun), (), False, True, fused=True)
    return differentiator(request, Options(backend=backend, executor=executor, fastmath=fastmath))


@documented(*_OWN[:3], *SHARED[:5])
def plan(
    fun: Callable[..., Any],
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    order: Any = "auto",
    backend: Any = None,
    granularity: GranularityChoice = "auto",
    executor: Executor = "auto",
    zoo: Any = None,
    **kwargs: Any,
) -> Plan:
    """The plan that :func:`jacobian` would follow for these arguments, without compiling or running it.

    ``args`` and ``kwargs`` go to ``fun``; only their shapes and types matter: ``jax.ShapeDtypeStruct`` stands for an
    array.  Where a keyword of ``fun`` is one of those below, use ``ccjac.jacobian(fun).plan(...)``, which leaves all
    keywords to ``fun``; plans of values with Jacobians and of Hessians come from their functions in the same way.

    For a function that does not expand to scalars the plan's ``source`` is ``"fallback"`` and its ``reason`` says why.

    Args:
        {arguments}
    """
    request = Request(checked_function("plan", fun), checked_argnums(argnums), has_aux, with_value=False)
    return plan_of(request, Options(order, backend, granularity, executor, zoo), args, kwargs)


@documented("argnums", "has_aux", "backend", "granularity")
def trace(
    fun: Callable[..., Any],
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    backend: Any = None,
    granularity: GranularityChoice = "auto",
    **kwargs: Any,
) -> Graph:
    """The linearized computational graph of ``fun`` at these argument shapes.

    Args:
        {arguments}

    Raises:
        UnsupportedError: The function does not expand to scalars (a while loop, a matrix factorisation, huge arrays).
    """
    request = Request(checked_function("trace", fun), checked_argnums(argnums), has_aux, with_value=False)
    return graph_of(request, Options("auto", backend, granularity, "auto", False), args, kwargs)


def prepare(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Plan:
    """Plan and compile ahead of the first call, from shapes and types alone; nothing is run.

    Args:
        fun: A function that :func:`jacobian`, :func:`value_and_jacobian` or :func:`hessian` returned; any other one
            stands for its :func:`jacobian`.
        args: As in a call; ``jax.ShapeDtypeStruct`` stands for an array.
        kwargs: Likewise.

    Returns:
        The plan.  Calls with arguments of these types find the compiled program.
    """
    function: Any = fun if hasattr(fun, "__ccjac__") else jacobian(fun)
    plan: Plan = function.prepare(*args, **kwargs)
    return plan


@documented("argnums")
def sparsity(fun: Callable[..., Any], *args: Any, argnums: int | tuple[int, ...] = 0, **kwargs: Any) -> Pattern:
    """Where the Jacobian of ``fun`` can have entries, without compiling anything.

    Args:
        {arguments}

    Returns:
        The pattern of one matrix: all outputs, flat and one after the other, by all differentiated arguments.  It is
        structural: entries that vanish for some arguments only are there.  Results of operations that are not taken
        apart (a sort, a Fourier transform, a solve, a ``while`` loop) count as depending on all that they read.

    Raises:
        UnsupportedError: The function has side effects, or too many dependencies.
    """
    return pattern_of(Request(checked_function("sparsity", fun), checked_argnums(argnums), False, False), args, kwargs)


def sparse_values(fun: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The nonzero entries of the Jacobian of ``fun`` as one array, in the order of its :func:`sparsity` pattern.

    For solvers that keep the structure: ``ccjac.sparsity(fun, x).scipy(ccjac.sparse_values(fun)(x))`` is the matrix.

    Returns:
        A function of the arguments of ``fun`` that returns ``[nnz]``.
    """
    return _public("sparse_values", fun, {"output": "values"}, argnums, False, False)  # type: ignore[typeddict-item]


def check(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Check:
    """Compare a Jacobian with the framework's own and with central finite differences, at these arguments.

    Args:
        fun: A function that :func:`jacobian` or one of its like returned; any other stands for its :func:`jacobian`.
        args: As in a call.
        kwargs: Likewise.

    Returns:
        The comparisons: a table when printed, ``ok`` when all agree.
    """
    return checked(fun if hasattr(fun, "__ccjac__") else jacobian(fun), args, kwargs)


def clear_caches() -> None:
    """Forget every compiled Jacobian, opened zoos, and what plugins answered.

    A framework's own caches are its to clear (``jax.clear_caches()``).  Machine code that was registered with XLA
    stays: it has no way to take one back.
    """
    from . import ordering
    from .zoo import zoo

    clear()
    ordering.forget()
    zoo.forget()


def evaluate_order(graph: Graph, order: Any, cost: str | CostModel = "multiplications") -> int:
    """What eliminating ``graph`` in ``order`` costs.

    Args:
        graph: The graph.
        order: Every live intermediate vertex once; dead ones may be left out.
        cost: ``"multiplications"``, ``"structural"``, a registered cost model's name, or a :class:`CostModel`.

    Raises:
        OrderError: The order does not fit the graph.
    """
    graph = checked_graph("evaluate_order", graph)
    return count(graph, check_order(graph, order)).cost(discovery.cost_model(cost))


def _public(
    name: str,
    fun: Callable[..., Any] | None,
    keywords: Keywords,
    argnums: Any,
    has_aux: bool,
    holomorphic: bool,
    allow_int: bool = False,
    *,
    with_value: bool = False,
    second: bool = False,
) -> Callable[..., Any]:
    asked: dict[str, Any] = {k: v for k, v in keywords.items() if k in OF_THE_CALL}
    options = Options.of(name, {k: v for k, v in keywords.items() if k not in OF_THE_CALL})
    argnums = checked_argnums(argnums)
    if fun is None:
        return functools.partial(
            _public,
            name,
            keywords=keywords,
            argnums=argnums,
            has_aux=has_aux,
            holomorphic=holomorphic,
            allow_int=allow_int,
            with_value=with_value,
            second=second,
        )
    fun = checked_function(name, fun)
    request = Request(fun, argnums, has_aux, with_value, holomorphic, allow_int, second, **asked)
    return differentiator(request, options)
