"""A program with loops as one custom call in a compiled JAX function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ccjac.errors import UnsupportedError
from ccjac.expand import Spec
from ccjac.kernels import Layout
from ccjac.kernels.layout import Operand, Result
from ccjac.loops.chain import Chain
from ccjac.loops.joined import LoopedProgram
from ccjac.loops.numbers import lifted
from ccjac.program import Program

from . import kernel
from .computation import Computation
from .framework import jacobian_of, known
from .results import finished
from .tracing import JaxTraced, specs


class LoopedComputation(Computation):
    """What a chain computes.  Its derivatives are the framework's."""

    def __init__(
        self, chain: Chain, operands: Sequence[Spec], results: Sequence[Spec], plain: Callable[..., Any]
    ) -> None:
        rows = tuple(Operand(tuple(range(s.size)), s.dtype) for s in operands)
        layout = Layout(rows, tuple(Result(tuple(range(s.size)), s.dtype) for s in results))
        super().__init__(operands, results, _no_program, plain, fusible=False)
        self.looped = chain, layout

    def _obstacle(self, supports: Callable[[Program], str | None]) -> str | None:
        assert self.looped is not None
        return _first(self.looped[0], supports)


def obstacle(chain: Chain) -> str | None:
    """Why a chain cannot run as a kernel in this process, or ``None`` if it can."""
    return _first(chain, kernel.obstacle)


def _first(chain: Chain, supports: Callable[[Program], str | None]) -> str | None:
    return next((why for stage in chain.stages if (why := supports(stage.program)) is not None), None)


def _no_program() -> tuple[Program, Layout]:
    raise UnsupportedError("a loop is no straight-line program")


def compiled(traced: JaxTraced, looped: LoopedProgram) -> Callable[..., Any]:
    """The program as a function of ``(*call.operands, *traced.captured)``."""
    types = traced.types()
    n, n_results = types.call.n_differentiated, len(types.outputs)
    arguments, outputs, values = specs(types.call.types[:n]), specs(types.outputs), specs(types.values)
    blocks = [Spec((*out.shape, *arg.shape), out.dtype) for out in outputs for arg in arguments]
    results = [*values, *blocks]
    chain, numbers = lifted(looped.chain)
    # Copied: what is compiled keeps nothing of the user's alive.
    constants = [*map(np.array, looped.known), *numbers]
    operands = specs([*types.call.types, *types.read_types, *constants])
    filled = [k for k, spec in enumerate(results) if spec.size]
    own = jacobian_of(known(traced), n, n_results)
    skipped = n_results + len(types.auxiliary) - len(values)
    n_given = len(operands) - len(constants)

    def plain(*given: Any) -> list[Any]:
        whole = own(*given[:n_given])[skipped:]
        return [whole[k] for k in filled]

    computation = LoopedComputation(chain.without(filled), operands, [results[k] for k in filled], plain)

    def call(*given: Any) -> Any:
        n_own = len(types.call.types)
        arrays = [*given[:n_own], *(given[n_own + k] for k in types.read)]
        passed = [*(jnp.asarray(x) for x in arrays), *(jnp.asarray(c) for c in constants)]
        computed = dict(zip(filled, kernel.call(computation, passed), strict=True))
        return finished(
            types, [computed[k] if k in computed else jnp.zeros(s.shape, s.dtype) for k, s in enumerate(results)]
        )

    return call
