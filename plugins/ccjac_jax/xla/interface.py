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
from collections.abc import Callable
from pathlib import Path

import jax
import jax.ffi
import numpy as np

from ccjac.errors import KernelWarning
from ccjac.kernels import probe
from ccjac.kernels.cpu.module import write_module
from ccjac.kernels.cpu.target import Target

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
    version = declared()
    return version if isinstance(version, str) else _proven(version)


@functools.cache
def declared() -> ApiVersion | str:
    """The version that the installed jaxlib's header declares, or what its structs differ in; nothing is run."""
    if struct.calcsize("P") != 8:
        return "kernels are written for 64-bit systems"
    try:
        header = Path(jax.ffi.include_dir(), "xla", "ffi", "api", "c_api.h").read_text(encoding="utf-8")
    except (AttributeError, OSError) as error:
        return f"the installed jaxlib has no readable header of its foreign function interface ({error})"
    return read_interface(header)


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
    """The version, if a kernel gives the right numbers."""
    try:
        if wrong := run_apart(lambda: _self_test(version)):
            return f"a kernel called by the installed jaxlib gave wrong results ({wrong})"
    except Exception as error:
        log.debug("the self-test of kernels failed", exc_info=True)
        return f"a kernel cannot be called by the installed jaxlib ({type(error).__name__}: {error})"
    return version


def run_apart(test: Callable[[], str | None]) -> str | None:
    """Run a self-test, and return what it returns: what is wrong with its results.

    A thread of its own has none of the caller's context managers, meshes and traces.
    """
    outcome: list[str | Exception | None] = []

    def work() -> None:
        try:
            with jax.disable_jit(False):
                outcome.append(test())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=work, name="ccjac self-test")
    thread.start()
    thread.join()
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def run_probe(name: str, device: jax.Device) -> str | None:
    """Call the probe's kernel, installed under a name, on a device."""
    results = [jax.ShapeDtypeStruct((_SAMPLES, width), np.float32) for width in (2, 1)]
    placed = [jax.device_put(x, device) for x in probe.operands(_SAMPLES)]
    return probe.difference([np.asarray(x) for x in jax.jit(jax.ffi.ffi_call(name, results))(*placed)])


def _self_test(version: ApiVersion) -> str | None:
    program, layout = probe.program()
    target = Target.host()
    module = write_module(
        program,
        layout,
        target,
        fastmath=False,
        extra=lambda lanes: write_handler(program, layout, lanes, piece=-(-_PIECE // lanes) * lanes),
    )
    install(_NAME, module, target, version)
    return run_probe(_NAME, jax.local_devices(backend="cpu")[0])
