"""Machine code of a handler, made known to XLA under a name."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Sequence

import jax
import jax.ffi

from ccjac.kernels.cpu.jit import Code, compile_text
from ccjac.kernels.cpu.module import Module
from ccjac.kernels.cpu.pieces import pieces_symbols
from ccjac.kernels.cpu.target import Target, address_of, math_library
from ccjac.kernels.gpu import driver

from . import call, device_call
from .abi import ApiVersion
from .handler import HANDLER

CPU, CUDA = "cpu", "CUDA"
"""XLA's names of platforms."""

_lock = threading.Lock()
_installed: dict[str, Code] = {}
"""Every handler ever installed.  XLA has no way to take one back, so its code lives as long as the process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def install(name: str, module: Module, target: Target, version: ApiVersion, *, platform: str = CPU) -> None:
    """Compile a module that defines a handler and register it, unless this process has done so before."""
    with _lock:
        if name in _installed:
            return
        common = _on_cpu(target, version) if platform == CPU else _on_cuda(target, version)
        code = compile_text(module.text, module.addresses | common.entries, target, (HANDLER,), effort=module.effort)
        handler = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(code.entries[HANDLER])
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(handler), platform=platform)
        _installed[name] = code


@functools.cache
def _on_cpu(target: Target, version: ApiVersion) -> Code:
    """What all handlers of a platform share; compiled by the first one."""
    addresses = _located(call.LIBRARY_FUNCTIONS) | pieces_symbols()
    return compile_text(call.write_common(target, version), addresses, target, (call.CALL,), effort=2)


@functools.cache
def _on_cuda(target: Target, version: ApiVersion) -> Code:
    addresses = _located(device_call.LIBRARY_FUNCTIONS) | driver.addresses()
    return compile_text(device_call.write_common(target, version), addresses, target, (device_call.CALL,), effort=2)


def _located(names: Sequence[str]) -> dict[str, int]:
    found = {name: address_of(math_library(), name) for name in names}
    return {name: address for name, address in found.items() if address is not None}
