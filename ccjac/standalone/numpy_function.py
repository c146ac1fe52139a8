"""A kernel of single samples behind numpy arrays, called as fast as Python allows."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from ..errors import InputError
from ..kernels.cpu.jit import Code, compile_text
from ..kernels.cpu.module import ENTRY, write_module
from ..kernels.cpu.target import Target
from ..kernels.export import Parameter
from ..kernels.layout import Layout
from ..planning.recipe import NumpyCallable
from ..program import Program

_ONCE = "once"


def numpy_function(
    program: Program,
    layout: Layout,
    operands: Sequence[Parameter],
    results: Sequence[Parameter],
    captured: Sequence[np.ndarray],
) -> NumpyCallable:
    """See :meth:`ccjac.Plan.to_numpy`.

    The kernel works on arrays that stay where they are, so that their addresses are part of its code: arguments are
    copied into them, results out of them.  Threads take turns.

    Args:
        program, layout: What to compute from which arrays.
        operands, results: The arrays' names and shapes, in the layout's order.
        captured: The values of the last operands.
    """
    n_own = len(operands) - len(captured)
    ins = [np.zeros(p.shape, o.dtype) for p, o in zip(operands, layout.operands, strict=True)]
    outs = [np.zeros(p.shape, r.dtype) for p, r in zip(results, layout.results, strict=True)]
    for array, value in zip(ins[n_own:], captured, strict=True):
        array[...] = value
    code, once = _compiled(program, layout, ins, outs)
    own = tuple(operands[:n_own])
    places = tuple((x, x.shape, x.dtype) for x in ins[:n_own])
    lock, single = threading.Lock(), outs[0] if len(outs) == 1 else None
    ndarray = np.ndarray

    def jacobian(*arrays: Any) -> Any:
        if len(arrays) != n_own:
            raise InputError(f"this Jacobian takes {described(own)}, got {len(arrays)} arguments.")
        with lock:
            for (target, shape, dtype), array in zip(places, arrays, strict=True):
                if type(array) is ndarray and array.dtype is dtype and array.shape == shape:
                    target[...] = array
                else:
                    target[...] = _fitting(array, target, own)
            if once():
                raise MemoryError("no memory for the kernel's scratch space")
            return single.copy() if single is not None else tuple([x.copy() for x in outs])

    target, shape, dtype = places[0] if places else (np.zeros(0), (0,), None)

    def jacobian_of_one(array: Any) -> Any:
        with lock:
            if type(array) is ndarray and array.dtype is dtype and array.shape == shape:
                target[...] = array
            else:
                target[...] = _fitting(array, target, own)
            if once():
                raise MemoryError("no memory for the kernel's scratch space")
            return single.copy() if single is not None else tuple([x.copy() for x in outs])

    # The loop over arguments would take a third of the time of a call with one.
    function: Any = jacobian_of_one if n_own == 1 else jacobian
    function.arguments, function.results, function.code = own, tuple(results), code
    function.__doc__ = f"{described(own)} -> {described(results)}"
    function.__name__ = function.__qualname__ = "jacobian"
    return cast(NumpyCallable, function)


def described(parameters: Sequence[Parameter]) -> str:
    """Arrays in words: ``(x[6], gamma[])``."""
    return f"({', '.join(p.name + str(list(p.shape)) for p in parameters)})"


def _fitting(array: Any, target: np.ndarray, own: Sequence[Parameter]) -> np.ndarray:
    """Anything that is an array of the right shape, and whose numbers are not of a larger kind.

    Raises:
        InputError: It is not.
    """
    given = np.asarray(array)
    if given.shape != target.shape:
        raise InputError(f"this Jacobian takes {described(own)}, got an array of shape {list(given.shape)}.")
    if not np.can_cast(given.dtype, target.dtype, "same_kind"):
        raise InputError(f"this Jacobian takes {target.dtype} numbers, got {given.dtype}.")
    return given


def _compiled(
    program: Program, layout: Layout, ins: Sequence[np.ndarray], outs: Sequence[np.ndarray]
) -> tuple[Code, Callable[[], int]]:
    """Scalar code for one sample between these arrays.  A function without arguments costs least to call."""
    pointers = [(ctypes.c_void_p * max(len(xs), 1))(*(x.ctypes.data for x in xs)) for xs in (ins, outs)]
    tables = [f"ptr inttoptr (i64 {ctypes.addressof(table)} to ptr)" for table in pointers]

    def entry(lanes: int) -> str:
        return (
            f"define i32 @{_ONCE}() {{\n"
            f"  %status = call i32 @{ENTRY}({', '.join(tables)}, i64 0, i64 1)\n  ret i32 %status\n}}"
        )

    # One lane: what a vector would compute besides is of no use to a single sample.
    module = write_module(program, layout, Target.host(), fastmath=False, lanes=1, extra=entry)
    code = compile_text(module.text, module.addresses, Target.host(), (_ONCE,), effort=module.effort)
    # The interpreter's lock is kept: to let it go and take it again would take longer than most kernels.
    once: Any = ctypes.PYFUNCTYPE(ctypes.c_int32)(code.entries[_ONCE])
    once.kept = (code, pointers, ins, outs)
    return code, once
