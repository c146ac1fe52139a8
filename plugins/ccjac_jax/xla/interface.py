"""Whether kernels can be called by the installed jaxlib: its header is compared first, then one kernel is really run.

The comparison comes first because a handler that reads another struct than it is given may end the process; what it
cannot see, a call with a known result proves.
"""

from __future__ import annotations

import functools
import logging
import struct
import threading
import warnings
from pathlib import Path

import jax
import jax.ffi
import numpy as np

from ccjac.errors import KernelWarning
from ccjac.kernels.cpu.module import write_module
from ccjac.kernels.cpu.target import Target
from ccjac.kernels.layout import Layout, Operand, Result
from ccjac.program import Builder, Program

from .abi import ApiVersion, read_interface
from .handler import write_handler
from .install import install

log = logging.getLogger("ccjac")


def interface() -> ApiVersion | str:
    """The installed jaxlib's version of the interface, or why kernels cannot use it; the latter is warned of once."""
    found = _interface()
    if isinstance(found, str):
        _warn(found)
    return found


@functools.cache
def _interface() -> ApiVersion | str:
    if struct.calcsize("P") != 8:
        return "kernels are written for 64-bit systems"
    try:
        header = Path(jax.ffi.include_dir(), "xla", "ffi", "api", "c_api.h").read_text(encoding="utf-8")
    except (AttributeError, OSError) as error:
        return f"the installed jaxlib has no readable header of its foreign function interface ({error})"
    version = read_interface(header)
    return version if isinstance(version, str) else _proven(version)


_told = threading.Event()


def _warn(reason: str) -> None:
    if not _told.is_set():
        _told.set()
        warnings.warn(
            f"ccjac runs without kernels, several times slower: {reason} (JAX {jax.__version__}). Results are right.",
            KernelWarning,
            stacklevel=2,
        )


# -- the self-test ----------------------------------------------------------------------------------------------------

_NAME = "ccjac_self_test"
_SAMPLES, _PIECE = 83, 16
"""A batch of several pieces, the last one incomplete, so that XLA's threads are asked to help."""


def _proven(version: ApiVersion) -> ApiVersion | str:
    """The version, if a kernel with batched, common and integer operands and two results gives the right numbers."""
    try:
        if wrong := run_apart(version):
            return f"a kernel called by the installed jaxlib gave wrong results ({wrong})"
    except Exception as error:
        log.debug("the self-test of kernels failed", exc_info=True)
        return f"a kernel cannot be called by the installed jaxlib ({type(error).__name__}: {error})"
    return version


def run_apart(version: ApiVersion) -> str | None:
    """Run the self-test; returns what is wrong with its results.

    A thread of its own has none of the caller's context managers, meshes and traces.
    """
    outcome: list[str | Exception | None] = []

    def work() -> None:
        try:
            outcome.append(_self_test(version))
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=work, name="ccjac self-test")
    thread.start()
    thread.join()
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _program() -> tuple[Program, Layout]:
    """``(a, b, c), s, k -> ((a b, c), c + k s)`` with a whole number ``k`` and a number ``s`` common to all samples."""
    kind = "float32"
    b = Builder()
    first, second, third, common = (b.input(k, kind) for k in range(4))
    count = b.emit("convert_element_type", (b.input(4, "int32"),), kind)
    product = b.emit("mul", (first, second), kind)
    total = b.emit("add", (third, b.emit("mul", (count, common), kind)), kind)
    operands = (Operand((0, 1, 2), kind), Operand((3,), kind, batched=False), Operand((4,), "int32"))
    return b.finish([product, third, total], 5), Layout(operands, (Result((0, 1), kind), Result((2,), kind)))


def _self_test(version: ApiVersion) -> str | None:
    program, layout = _program()
    target = Target.host()
    module = write_module(
        program,
        layout,
        target,
        fastmath=False,
        extra=lambda lanes: write_handler(program, layout, lanes, piece=-(-_PIECE // lanes) * lanes),
    )
    install(_NAME, module, target, version)
    results = [jax.ShapeDtypeStruct((_SAMPLES, 2), np.float32), jax.ShapeDtypeStruct((_SAMPLES, 1), np.float32)]
    call = jax.ffi.ffi_call(_NAME, results)
    # Small whole numbers, whose products and sums are exact.
    n = np.arange(_SAMPLES)
    rows = np.stack([n, n + 1, 3 * n], axis=1).astype(np.float32)
    counts = (n % 7).astype(np.int32).reshape(-1, 1)
    common = np.array([5], np.float32)
    device = jax.local_devices(backend="cpu")[0]
    operands = [jax.device_put(x, device) for x in (rows, common, counts)]
    with jax.disable_jit(False):
        got = [np.asarray(x) for x in jax.jit(call)(*operands)]
    expected = [np.stack([n * (n + 1), 3 * n], axis=1), (3 * n + 5 * (n % 7)).reshape(-1, 1)]
    for k, (a, b) in enumerate(zip(got, expected, strict=True)):
        if not np.array_equal(a, b):
            return f"result {k} differs at {np.argwhere(a != b)[0].tolist()}"
    return None
