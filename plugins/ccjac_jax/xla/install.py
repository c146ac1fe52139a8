"""Machine code of a handler, made known to XLA under a name."""

from __future__ import annotations

import ctypes
import functools
import os
import threading

import jax
import jax.ffi

from ccjac.kernels.cpu.jit import Code, compile_text
from ccjac.kernels.cpu.module import Module
from ccjac.kernels.cpu.pieces import pieces_symbols
from ccjac.kernels.cpu.target import Target, address_of, math_library

from .abi import ApiVersion
from .call import CALL, LIBRARY_FUNCTIONS, write_common
from .handler import HANDLER

_lock = threading.Lock()
_installed: dict[str, Code] = {}
"""Every handler ever installed.  XLA has no way to take one back, so its code lives as long as the process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def install(name: str, module: Module, target: Target, version: ApiVersion) -> None:
    """Compile a module that defines a handler and register it, unless this process has done so before."""
    with _lock:
        if name in _installed:
            return
        addresses = module.addresses | {CALL: _common(target, version).entries[CALL]}
        code = compile_text(module.text, addresses, target, (HANDLER,), effort=module.effort)
        handler = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(code.entries[HANDLER])
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(handler), platform="cpu")
        _installed[name] = code


@functools.cache
def _common(target: Target, version: ApiVersion) -> Code:
    """What all handlers share; compiled by the first one."""
    found = {name: address_of(math_library(), name) for name in LIBRARY_FUNCTIONS}
    addresses = {name: address for name, address in found.items() if address is not None} | pieces_symbols()
    return compile_text(write_common(target, version), addresses, target, (CALL,), effort=2)
