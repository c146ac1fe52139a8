"""Equations that only JAX computes, as regions of the function.

An equation's results that are real numbers come back as values of the scalar program at once.  What is complex or a
random key waits (:class:`~ccjac.expand.Foreign`) until an equation makes real numbers of it; all equations in between
are one region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import jax
import numpy as np

from ccjac import expand
from ccjac.errors import UnsupportedError
from ccjac.executor import fewer_sweeps, working_mode
from ccjac.expand import Expander, Foreign, Forms, Spec, Symbolic, Value
from ccjac.regions.region import Region

from . import derivative as local
from .jaxprs import equations, inner_jaxprs
from .names import ELEMENTWISE, label
from .structural import STRUCTURAL

Arrays = Sequence[Any]


WHOLE_ARRAYS = frozenset(
    ("approx_top_k", "fft", "eig", "eigh", "svd", "schur", "hessenberg", "tridiagonal", "tridiagonal_solve")
)
"""Primitives that are known to be no scalar operations: to look at what JAX lowers them to took 20 ms."""

_SINGULAR = frozenset({"eigh", "eig", "svd"})
_FUSED = frozenset((*ELEMENTWISE, *STRUCTURAL, "complex", "real", "imag", "conj"))
"""Primitives that XLA puts into one loop with others."""


@dataclass(eq=False)
class Node:
    """One equation on its way into a region.

    Attributes:
        eqn: The equation.
        operands: Its distinct operands: values of the scalar program, known arrays, or results of other nodes.
        region: The last region that it became part of.
    """

    eqn: Any
    operands: tuple[Value, ...]
    region: Region | None = None

    def __call__(self, *arrays: Any) -> list[Any]:
        return list(local.as_function(self.eqn, local.operands_of(self.eqn))(*arrays))

    def behind(self) -> dict[Node, None]:
        """This node and those whose results it reads, every one after those that it depends on."""
        found: dict[Node, None] = {}
        for value in self.operands:
            if isinstance(value, Foreign):
                found |= value.origin[0].behind()
        return found | {self: None}


@dataclass(eq=False)
class Equations:
    """What a region computes: see :class:`ccjac.regions.region.Operation`.

    Attributes:
        why: As there.
        nodes: Equations in the order of evaluation.
        inputs: The values of the scalar program that they read.
        wanted: The region's results: a node, and which of its results.
    """

    why: str
    nodes: dict[Node, None] = field(default_factory=dict)
    inputs: list[Symbolic] = field(default_factory=list)
    wanted: list[tuple[Node, int]] = field(default_factory=list)
    executor: str = "value"

    @property
    def label(self) -> str:
        """Of the first equation, which is why there is a region."""
        return label(next(iter(self.nodes)).eqn)

    @property
    def fused(self) -> bool:
        """As there."""
        return all(node.eqn.primitive.name in _FUSED for node in self.nodes)

    @property
    def singular(self) -> bool:
        """As there."""
        return any(node.eqn.primitive.name in _SINGULAR for node in self.nodes)

    @property
    def operations(self) -> int:
        """Equations, those inside of loops and calls included."""
        return sum(sum(map(equations, inner_jaxprs(node.eqn))) or 1 for node in self.nodes)

    def __call__(self, *arrays: Any) -> list[Any]:
        """The results."""
        given = {id(v): x for v, x in zip(self.inputs, arrays, strict=True)}
        done: dict[Node, list[Any]] = {}

        def read(value: Value) -> Any:
            if isinstance(value, Foreign):
                node, k = value.origin
                return done[node][k]
            return given.get(id(value), value)

        for node in self.nodes:
            done[node] = node(*map(read, node.operands))
        return [done[node][k] for node, k in self.wanted]

    # -- derivatives ----------------------------------------------------------------------------------------------

    def of(self, arrays: Arrays, active: Sequence[int], wanted: Sequence[int]) -> Callable[..., tuple[Any, Any]]:
        """The wanted results as a function of the active operands, with all results beside them."""

        def function(*varying: Any) -> tuple[Any, Any]:
            whole = list(arrays)
            for k, value in zip(active, varying, strict=True):
                whole[k] = value
            results = self(*whole)
            return [results[k] for k in wanted], results

        return function

    def partials(self, arrays: Arrays, region: Region) -> tuple[list[Any], dict[tuple[int, int], Any]]:
        """The results, and by result and operand the blocks of partials, by JAX's mode with fewer sweeps."""
        active, wanted = region.active, region.differentiable
        function = self.of(arrays, active, wanted)
        given = [arrays[k] for k in active]
        differentiate = jax.jacfwd if self.executor == "forward" else jax.jacrev
        rows, results = differentiate(function, argnums=tuple(range(len(active))), has_aux=True)(*given)
        blocks = {(k, j): rows[a][b] for a, k in enumerate(wanted) for b, j in enumerate(active)}
        return results, blocks

    def pushed(self, arrays: Arrays, region: Region, tangents: Arrays) -> tuple[list[Any], dict[int, Any]]:
        """The results, and their derivatives: ``tangents`` and these have directions along the last axis."""
        active, wanted = region.active, region.differentiable
        function = self.of(arrays, active, wanted)

        def push(*directions: Any) -> tuple[Any, Any]:
            _, moved, results = jax.jvp(function, tuple(arrays[k] for k in active), directions, has_aux=True)
            return moved, results

        moved, results = jax.vmap(push, in_axes=-1, out_axes=(-1, None))(*tangents)
        return results, dict(zip(wanted, moved, strict=True))


def is_opaque(aval: Any) -> bool:
    """Whether values of a type cannot be a scalar program's."""
    dtype = getattr(aval, "dtype", np.dtype("float32"))
    return bool(jax.numpy.issubdtype(dtype, np.complexfloating) or jax.numpy.issubdtype(dtype, jax.dtypes.extended))


def evaluate(ex: Expander, eqn: Any, operands: list[Value], why: str) -> list[Value]:
    """An equation that JAX computes.

    Args:
        ex: The expansion.
        eqn: The equation.
        operands: Its operands.
        why: It is not expanded.

    Raises:
        UnsupportedError: It is applied to tangents or has side effects.
    """
    if eqn.effects:
        raise UnsupportedError(why)
    if any(isinstance(v, Forms) for v in operands):
        raise UnsupportedError(why)
    by_var = {v: x for v, x in zip(eqn.invars, operands, strict=True) if not local.is_literal(v)}
    node = Node(eqn, tuple(by_var[v] for v in local.operands_of(eqn)))
    outs = [v.aval for v in eqn.outvars]
    found: list[Value] = [Foreign(tuple(a.shape), str(a.dtype), (node, k)) for k, a in enumerate(outs)]
    real = [k for k, a in enumerate(outs) if not is_opaque(a)]
    if real:
        for k, value in zip(real, _real(ex, node, real, why), strict=True):
            found[k] = value
    return found


def _real(ex: Expander, node: Node, which: Sequence[int], why: str) -> list[Symbolic]:
    """Results of a node as values of the scalar program: of a region that stands or of a new one."""
    nodes = node.behind()
    inputs = [v for n in nodes for v in n.operands if isinstance(v, Symbolic)]
    region = _extensible(ex, nodes, inputs)
    if region is None:
        operation = Equations(why)
        region = expand.region_of(ex, operation, [])
    else:
        operation = cast(Equations, region.operation)
    for value in inputs:
        if not any(v is value for v in operation.inputs):
            operation.inputs.append(value)
            region.operands.append(expand.as_operand(ex, value))
    if not operation.nodes:
        region.depth = 1 + ex.recorder.depth(k for v in inputs for k in v.ids.ravel().tolist())
    operation.nodes |= nodes
    for n in nodes:
        n.region = region
    operation.wanted += [(node, k) for k in which]
    depends = [k for k, v in enumerate(operation.inputs) if any(v is x for x in inputs)]
    outs = [Spec(tuple(node.eqn.outvars[k].aval.shape), node.eqn.outvars[k].aval.dtype.name) for k in which]
    moving = [k for k, spec in enumerate(outs, len(region.results)) if expand.is_floating(spec.dtype)]
    forward = True
    if moving and region.derivative == "none" and any(v.active for v in inputs):
        forward = _choose_mode(operation, region, moving)
    found = expand.give(ex, region, outs, [depends] * len(outs), forward=forward)
    if region.derivative == "pushed":
        operation.executor = "forward"
    return found


def _choose_mode(operation: Equations, region: Region, wanted: Sequence[int]) -> bool:
    """Choose the mode with fewer sweeps that works; whether that is so of forward mode."""
    types = [jax.ShapeDtypeStruct(o.spec.shape, o.dtype) for o in region.operands]
    active = region.active

    def works(mode: str) -> None:
        def differentiated(*arrays: Any) -> Any:
            function = operation.of(arrays, active, wanted)
            differentiate = jax.jacfwd if mode == "forward" else jax.jacrev
            return differentiate(function, tuple(range(len(active))), has_aux=True)(*(arrays[k] for k in active))

        jax.eval_shape(differentiated, *types)

    into = sum(region.operands[k].spec.size for k in active)
    out = sum(int(np.prod(operation.wanted[k][0].eqn.outvars[operation.wanted[k][1]].aval.shape)) for k in wanted)
    try:
        operation.executor = working_mode(fewer_sweeps(into, out), works)
        if operation.executor == "forward":
            return True
    except Exception as error:
        raise UnsupportedError(
            f"{operation.why}, and JAX differentiates it in no mode ({type(error).__name__})"
        ) from None
    try:
        works("forward")
    except Exception:
        return False
    return True


def _extensible(ex: Expander, nodes: dict[Node, None], inputs: Sequence[Symbolic]) -> Region | None:
    """A region that has some of the nodes and can have all: none of what they read comes after it."""
    depth = ex.recorder.depth(k for v in inputs for k in v.ids.ravel().tolist())
    standing = [n.region for n in nodes if n.region is not None]
    fitting = [r for r in standing if r.depth > depth and any(r is x for x in ex.recorder.regions)]
    return fitting[-1] if fitting else None
