"""Compile a program for the CUDA devices of this process, and register its handler with XLA."""

from __future__ import annotations

import functools
import logging

import jax

from ccjac.kernels import probe
from ccjac.kernels.cpu.module import Module
from ccjac.kernels.cpu.target import Target
from ccjac.kernels.gpu import kernel
from ccjac.kernels.layout import Layout
from ccjac.program import Program

from .device_call import CALL
from .handler import described_layout, write_handler_of
from .install import CUDA, install
from .interface import declared, run_apart, run_probe

log = logging.getLogger("ccjac")


def register(program: Program, layout: Layout, *, single: bool = False, fastmath: bool = False) -> str:
    """Compile a kernel and register its handler, if this process has a device to run it.

    Without one only the name is made: a function may be lowered, and looked at, for machines elsewhere.

    Args:
        program: A program that :func:`ccjac.kernels.gpu.kernel.supports` has nothing against.
        layout: Where its scalars lie.
        single: No difference here: one sample takes one thread.
        fastmath: No difference here.

    Returns:
        The custom call's target name, made from the source alone.

    Raises:
        BackendError: The compiler or the driver refuses.
    """
    source, digest = kernel.source_of(program, layout)
    name = f"ccjac_cuda_kernel_{digest}__to_export_use_executor_ops"
    version = declared()
    if devices() and kernel.obstacle() is None and not isinstance(version, str):
        loaded = kernel.loaded(source, digest)
        target = Target.host()
        handle = f"inttoptr (i64 {loaded.handle} to ptr)"
        text = write_handler_of(
            described_layout(layout), len(layout.operands), loaded.threads, call=CALL, kernel=handle
        )
        text = f'target triple = "{target.triple}"\n{text}\nattributes #0 = {{ nounwind }}'
        install(name, Module(text, {}, 1, effort=2), target, version, platform=CUDA)
    return name


def devices() -> list[jax.Device]:
    """JAX's CUDA devices in this process."""
    try:
        return jax.local_devices(backend="cuda")
    except RuntimeError:
        return []


def obstacle(*, tried: bool = True) -> str | None:
    """Why kernels cannot run on the CUDA devices of this process, or ``None``.

    Args:
        tried: Whether to have run one, the first time, and compared its results.
    """
    if not devices():
        return "JAX has no CUDA device"
    version = declared()
    if isinstance(version, str):
        return version
    reason = kernel.obstacle()
    return _proven() if reason is None and tried else reason


def refused() -> bool:
    """Whether there are devices, and kernels cannot run on them."""
    return bool(devices()) and obstacle() is not None


@functools.cache
def _proven() -> str | None:
    try:
        if wrong := run_apart(_self_test):
            return f"a kernel gave wrong results on the device ({wrong})"
    except Exception as error:
        log.debug("the self-test of kernels on the device failed", exc_info=True)
        return f"a kernel cannot be run on the device ({type(error).__name__}: {error})"
    return None


def _self_test() -> str | None:
    return run_probe(register(*probe.program()), devices()[0])
