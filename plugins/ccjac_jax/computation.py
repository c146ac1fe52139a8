"""What a kernel's call computes for one sample, and the computations that are its derivatives.

A derivative's program is derived when it is first asked for its program, that is, when a function is lowered that
contains it: JAX asks for many more derivatives than it runs.  That of a Jacobian's program comes from the program; that
of a user's function, which may have rules of its own, from JAX's derivative of the function.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core as jex

from ccjac.errors import UnsupportedError
from ccjac.expand import Spec, is_floating
from ccjac.kernels import Layout
from ccjac.kernels.derivatives import cotangent_program, tangent_program
from ccjac.limits import ONE_FUSION
from ccjac.loops.chain import Chain
from ccjac.program import Program
from ccjac.settings import limits

from .shard_map import axes_of, varied
from .templates import template

KERNEL_NAME = "ccjac_kernel"
"""Name of the primitive whose parameter is a computation."""

Arrays = Sequence[Any]
Plain = Callable[..., Arrays]
"""The computation as JAX operations."""
Expand = Callable[[Plain, Sequence[Spec]], tuple[Program, Layout]]
"""From a function of arrays, and their types for one sample, to its program.  It raises :class:`UnsupportedError` where
there is none."""


@functools.cache
def _envelope() -> jex.Jaxpr:
    """A jaxpr without operands, equations and results that has one constant."""
    jaxpr = jax.make_jaxpr(lambda _: ())(0.0).jaxpr
    return jaxpr.replace(invars=[], constvars=jaxpr.invars)


def computation_of(parameter: jex.ClosedJaxpr) -> Computation:
    """The inverse of :attr:`Computation.parameter`."""
    found: Computation = parameter.consts[0]
    return found


class Computation:
    """A program between arrays.

    Attributes:
        operands, results: The arrays of one sample.
        plain: The same function as JAX operations: for other platforms, and for what cannot be a kernel.
        fastmath: See :func:`ccjac.kernels.compile_kernel`.
        accelerated: Whether it is a kernel on accelerators as well.
        expand: How to make a program of a JAX function of arrays; ``None`` where derivatives come from the program.
        looped: What it is instead of a program, if it has loops.
    """

    def __init__(
        self,
        operands: Sequence[Spec],
        results: Sequence[Spec],
        build: Callable[[], tuple[Program, Layout]],
        plain: Plain,
        *,
        fastmath: bool = False,
        accelerated: bool = False,
        fusible: bool | None = None,
        expand: Expand | None = None,
        tangent_of: tuple[Computation, tuple[int, ...]] | None = None,
    ) -> None:
        self.operands, self.results = tuple(operands), tuple(results)
        self.plain, self.fastmath, self.accelerated, self.expand = plain, fastmath, accelerated, expand
        self._build, self._fusible, self._tangent_of = build, fusible, tangent_of
        self._derived: dict[Any, Computation] = {}
        self._obstacles: dict[Any, str | None] = {}
        self.jitted: dict[Any, Any] = {}
        self.looped: tuple[Chain, Layout] | None = None

    def __repr__(self) -> str:
        return f"Computation({len(self.operands)} -> {len(self.results)})"

    @cached_property
    def parameter(self) -> jex.ClosedJaxpr:
        """The computation as a parameter of equations: the constant of an empty jaxpr.

        JAX remembers by their parameters what it found out about equations, and of all parameters refers to jaxprs
        alone weakly: anything else would be kept, with its program, after the function is gone.
        """
        return jex.ClosedJaxpr(_envelope(), [self])

    @cached_property
    def built(self) -> tuple[Program, Layout]:
        """The program, and which of its scalars the arrays hold.

        Raises:
            UnsupportedError: The program would be a derivative that the operations' rules do not give.
        """
        return self._build()

    def obstacle(self, supports: Callable[[Program], str | None]) -> str | None:
        """Why the computation cannot be a kernel, where ``supports`` says what a program lacks for one."""
        if supports not in self._obstacles:
            self._obstacles[supports] = self._obstacle(supports)
        return self._obstacles[supports]

    def _obstacle(self, supports: Callable[[Program], str | None]) -> str | None:
        try:
            program, _ = self.built
        except UnsupportedError as error:
            return str(error)
        if program.operations > limits().derivative_operations:
            return f"{program.operations} operations"
        return supports(program)

    @property
    def fusible(self) -> bool:
        """Whether plain operations are the better choice for one or two samples."""
        return self.built[0].operations <= ONE_FUSION if self._fusible is None else self._fusible

    @cached_property
    def differentiable(self) -> tuple[int, ...]:
        """Results that carry tangents."""
        return tuple(k for k, spec in enumerate(self.results) if is_floating(spec.dtype))

    # -- derivatives ----------------------------------------------------------------------------------------------

    def tangent(self, active: tuple[int, ...]) -> Computation:
        """From the operands, and tangents of the ``active`` ones, to the tangents of :attr:`differentiable`."""
        key = ("tangent", active)
        if key not in self._derived:
            self._derived[key] = self._tangent(active)
        return self._derived[key]

    def transposed(self, unknown: tuple[int, ...], given: tuple[int, ...]) -> tuple[Computation, tuple[int, ...]]:
        """The transpose of a computation that is linear in its ``unknown`` operands together.

        Args:
            unknown: Operands whose cotangents are wanted.
            given: Results whose cotangents are given; those of the others are zero.

        Returns:
            A computation, and which operands it takes before the cotangents of ``given``; its results are the
            cotangents of ``unknown``.
        """
        if self._tangent_of is not None:
            parent, active = self._tangent_of
            n = len(parent.operands)
            if min(unknown) >= n:
                # The program itself is shorter than the one for its tangents.
                wanted, results = tuple(active[k - n] for k in unknown), tuple(parent.differentiable[k] for k in given)
                return parent._cotangent(wanted, results, linear=False), tuple(range(n))
        known = tuple(k for k in range(len(self.operands)) if k not in unknown)
        return self._cotangent(unknown, given, linear=True), known

    def _tangent(self, active: tuple[int, ...]) -> Computation:
        n = len(self.operands)

        operands = [*self.operands, *(self.operands[k] for k in active)]

        def plain(*operands: Any) -> Arrays:
            primals, tangents = operands[:n], operands[n:]
            function = self._of(active, primals, self.differentiable)
            return list(jax.jvp(function, tuple(primals[k] for k in active), tuple(tangents))[1])

        def build() -> tuple[Program, Layout]:
            if self.expand is not None:
                return self.expand(plain, operands)
            return tangent_program(*self.built, active, self.differentiable, template)

        return Computation(
            operands,
            [self.results[k] for k in self.differentiable],
            build,
            plain,
            fastmath=self.fastmath,
            accelerated=self.accelerated,
            expand=self.expand,
            tangent_of=(self, active),
        )

    def _cotangent(self, active: tuple[int, ...], given: tuple[int, ...], *, linear: bool) -> Computation:
        key = ("cotangent", active, given, linear)
        if key not in self._derived:
            self._derived[key] = self._cotangents(active, given, linear=linear)
        return self._derived[key]

    def _cotangents(self, active: tuple[int, ...], given: tuple[int, ...], *, linear: bool) -> Computation:
        """From the operands (if ``linear`` without the ``active`` ones) and the cotangents of the ``given`` results to
        the cotangents of ``active``.
        """
        kept = [k for k in range(len(self.operands)) if not linear or k not in active]
        operands = [*(self.operands[k] for k in kept), *(self.results[k] for k in given)]

        def build() -> tuple[Program, Layout]:
            if self.expand is not None:
                return self.expand(plain, operands)
            return cotangent_program(*self.built, active, given, template, linear=linear)

        def plain(*operands: Any) -> Arrays:
            given_operands = dict(zip(kept, operands[: len(kept)], strict=True))
            axes = axes_of(operands)
            # A linear function may be transposed anywhere.
            primals = [
                given_operands[k] if k in given_operands else varied([jnp.zeros(s.shape, s.dtype)], axes)[0]
                for k, s in enumerate(self.operands)
            ]
            _, pullback = jax.vjp(self._of(active, primals, given), *(primals[k] for k in active))
            return list(pullback(list(operands[len(kept) :])))

        return Computation(
            operands,
            [self.operands[k] for k in active],
            build,
            plain,
            fastmath=self.fastmath,
            accelerated=self.accelerated,
            expand=self.expand,
        )

    def _of(self, active: Sequence[int], operands: Arrays, wanted: Sequence[int]) -> Plain:
        """The wanted results as a function of the active operands alone."""

        def function(*varying: Any) -> Arrays:
            whole = list(operands)
            for k, value in zip(active, varying, strict=True):
                whole[k] = value
            results = self.plain(*whole)
            return [results[k] for k in wanted]

        return function
