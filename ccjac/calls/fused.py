"""The road of a function that is computed itself, as one program: :func:`ccjac.fuse`."""

from __future__ import annotations

from .. import estimate
from ..backends.protocol import Backend, Traced
from ..errors import BackendError, UnsupportedError
from ..options import Options
from ..planning.plan import FRAMEWORK, FUSED, Plan
from ..program.accumulate import JacobianProgram, accumulate


def planned(backend: Backend, traced: Traced, options: Options) -> tuple[Plan, JacobianProgram | None]:
    """The plan, and the program of the function's values unless the framework had better run it.

    Raises:
        BackendError: The kernel was asked for and is not possible.
    """
    if options.executor == "ops":
        # One by one the operations are the function's own.
        return Plan(None, (), "fallback", executor=FRAMEWORK, reason="asked for"), None
    try:
        program = _program(traced, asked=options.executor == "kernel")
        executor, reason = backend.select_executor(program, options.executor, platform=traced.platform)
    except UnsupportedError as error:
        if options.executor == "kernel":
            raise BackendError(f'`executor="kernel"` cannot run this function: {error}. Use executor="auto".') from None
        executor, reason = FRAMEWORK, str(error)
    if executor != "kernel":
        return Plan(None, (), "fallback", executor=FRAMEWORK, reason=reason), None
    return Plan(None, (), FUSED, executor=executor, operations=program.program.operations), program


def _program(traced: Traced, *, asked: bool) -> JacobianProgram:
    """The values' program: a Jacobian's without Jacobian.

    Raises:
        UnsupportedError: There is none, or it would not pay; where a kernel is ``asked`` for, that is not questioned.
    """
    features = None if asked else traced.features
    if features is not None and (reason := estimate.fusion_obstacle(features)) is not None:
        raise UnsupportedError(reason)
    linearization = traced.linearization
    if linearization is None:
        raise UnsupportedError(traced.obstacle)
    return accumulate(linearization, (), with_values=True, dtypes=traced.entry_dtypes)
