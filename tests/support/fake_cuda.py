"""A CUDA driver and compiler that are not there: kernels run on the processor's memory, every launch is recorded.

The driver is a small library with the functions that :mod:`ccjac.kernels.gpu.driver` names; what it loads as code is
the path of a library that :mod:`block_shim` compiled.  Handlers for CUDA are registered with XLA for the CPU, behind a
wrapper that gives the stream which XLA has for devices only.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import block_shim
from ccjac.kernels.gpu import driver, kernel, launch, nvrtc
from ccjac.kernels.gpu.source import ENTRY, Source

STREAM = 0x5EA
"""The stream that the wrapper gives."""

_DRIVER = r"""
#include <cstring>
#include <dlfcn.h>
extern "C" {
int fake_version = 13000, fake_devices = 1, fake_failure = 0, fake_major[4] = {9, 9, 9, 9};
struct Launch { long long grid, block, shared, stream; } fake_last;
int fake_launches = 0;
int cuInit(unsigned) { return 0; }
int cuDriverGetVersion(int *v) { *v = fake_version; return 0; }
int cuDeviceGetCount(int *n) { *n = fake_devices; return 0; }
int cuDeviceGet(int *d, int k) { *d = k; return 0; }
int cuDeviceGetAttribute(int *v, int what, int d) { *v = what == 75 ? fake_major[d] : 0; return 0; }
int cuLibraryLoadData(void **library, const char *code, void *, void *, unsigned, void *, void *, unsigned) {
  *library = dlopen(code, RTLD_NOW | RTLD_LOCAL);
  return *library ? 0 : 209;
}
int cuLibraryGetKernel(void **kernel, void *library, const char *name) {
  if (std::strcmp(name, "ccjac_kernel") != 0) return 500;
  *kernel = dlsym(library, "run_0");
  return *kernel ? 0 : 500;
}
int cuLaunchKernel(void *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **arguments, void **extra) {
  if (fake_failure) return fake_failure;
  if (gx == 0 || gy != 1 || gz != 1 || by != 1 || bz != 1 || extra) return 1;
  fake_last = {gx, bx, shared, (long long)stream};
  ++fake_launches;
  return ((int (*)(void **, unsigned, unsigned))kernel)(arguments, gx, bx);
}
int cuGetErrorName(int code, const char **name) {
  *name = code == 719 ? "CUDA_ERROR_LAUNCH_FAILED" : code == 209 ? "CUDA_ERROR_NO_BINARY_FOR_GPU" : 0;
  return *name ? 0 : 1;
}
}
"""

_WRAPPER = r"""
#include <cstring>
#include "xla/ffi/api/c_api.h"
static XLA_FFI_Handler *wrapped[512];
static XLA_FFI_Error *stream_of(XLA_FFI_Stream_Get_Args *args) {
  if (args->struct_size < sizeof(XLA_FFI_Stream_Get_Args) || !args->ctx) __builtin_trap();
  args->stream = (void *)STREAM;
  return nullptr;
}
static XLA_FFI_Error *answer(XLA_FFI_Handler *handler, XLA_FFI_CallFrame *frame) {
  if (!frame->api) return handler(frame);
  alignas(16) char memory[4096];
  std::memcpy(memory, frame->api, frame->api->struct_size);
  XLA_FFI_Api *api = (XLA_FFI_Api *)memory;
  api->XLA_FFI_Stream_Get = stream_of;
  XLA_FFI_CallFrame other = *frame;
  other.api = api;
  return handler(&other);
}
template <int k> static XLA_FFI_Error *at(XLA_FFI_CallFrame *frame) { return answer(wrapped[k], frame); }
template <int k> struct Table { static XLA_FFI_Handler *get(int n) { return n == k ? at<k> : Table<k - 1>::get(n); } };
template <> struct Table<-1> { static XLA_FFI_Handler *get(int) { return nullptr; } };
extern "C" void *wrap(int k, void *handler) {
  wrapped[k] = (XLA_FFI_Handler *)handler;
  return (void *)Table<511>::get(k);
}
"""


class _Launch(ctypes.Structure):
    _fields_ = [(name, ctypes.c_longlong) for name in ("grid", "block", "shared", "stream")]


@dataclass
class Fake:
    """The driver, for tests to look into and to disturb."""

    library: ctypes.CDLL

    @property
    def launches(self) -> int:
        """How often something was launched."""
        return ctypes.c_int.in_dll(self.library, "fake_launches").value

    @property
    def last(self) -> _Launch:
        """The last launch: ``grid``, ``block``, ``shared`` and ``stream``."""
        return _Launch.in_dll(self.library, "fake_last")

    def set(self, name: str, value: int) -> None:
        """Change ``version``, ``devices`` or ``failure``, the code that launches answer with."""
        ctypes.c_int.in_dll(self.library, f"fake_{name}").value = value

    def set_majors(self, *majors: int) -> None:
        """The devices' compute capabilities."""
        (ctypes.c_int * 4).in_dll(self.library, "fake_major")[: len(majors)] = majors


def _built(text: str, directory: Path, name: str, *options: str) -> ctypes.CDLL:
    (directory / f"{name}.cpp").write_text(text)
    # Otherwise a name of the real driver, where there is one in the process, would be taken.
    fixed = ["-std=c++17", "-O1", "-Wall", "-fPIC", "-shared", "-Wl,-Bsymbolic"]
    command = [block_shim.COMPILER or "g++", *fixed, *options, f"{name}.cpp", "-ldl", "-o", f"{name}.so"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    return ctypes.CDLL(str(directory / f"{name}.so"))


@functools.cache
def _driver() -> ctypes.CDLL:
    """One for the process: what is registered with XLA keeps launching by it."""
    return _built(_DRIVER, Path(tempfile.mkdtemp(prefix="ccjac-fake-cuda-")), "driver")


CACHES = (driver.obstacle, driver.architecture, kernel.obstacle, launch._launch, launch._code)
"""What a process remembers of its driver."""


def install(monkeypatch: Any, directory: Path) -> Fake:
    """Put the driver and the compiler in place of the real ones, for one test."""
    fake = Fake(_driver())
    fake.set("version", 13000)
    fake.set("devices", 1)
    fake.set("failure", 0)
    fake.set_majors(9, 9, 9, 9)
    serial = itertools.count()

    def compile_source(text: str, architecture: str, *, cache: bool = True) -> bytes:
        name = f"code{next(serial)}"
        # How many threads a block has does not matter for the text.
        block_shim.compiled([Source(text, 1)], directory, name, effort="-O0")
        return str(directory / f"{name}.so").encode() + b"\0"

    monkeypatch.setattr(driver, "_library", lambda: fake.library)
    monkeypatch.setattr(nvrtc, "is_available", lambda: True)
    monkeypatch.setattr(nvrtc, "compile_source", compile_source)
    monkeypatch.setattr(kernel, "_loaded", {})
    for cached in CACHES:
        cached.cache_clear()
    assert ENTRY == "ccjac_kernel"
    return fake


def remove() -> None:
    """Forget what was found out about the driver that was installed."""
    for cached in CACHES:
        cached.cache_clear()


def redirect(monkeypatch: Any, directory: Path) -> None:
    """Let JAX's CPU play the device: its kernels are lowered, and their handlers registered, as if it were one."""
    import jax
    from jax.interpreters import mlir

    from ccjac_jax import kernel as calls
    from ccjac_jax.xla import device
    from ccjac_jax.xla import install as installation

    text = _WRAPPER.replace("STREAM", str(STREAM))
    wrapper = _built(text, directory, "wrapper", f"-I{jax.ffi.include_dir()}")
    wrapper.wrap.restype = ctypes.c_void_p
    serial = itertools.count()
    registered = jax.ffi.register_ffi_target
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]

    def register(name: str, capsule: Any, *, platform: str, **options: Any) -> Any:
        if platform == installation.CUDA:
            handler = ctypes.c_void_p(pointer_of(capsule, None))
            outer = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(wrapper.wrap(next(serial), handler))
            capsule, platform = jax.ffi.pycapsule(outer), "cpu"
        return registered(name, capsule, platform=platform, **options)

    monkeypatch.setattr(installation.jax.ffi, "register_ffi_target", register)
    monkeypatch.setattr(device, "devices", lambda: jax.local_devices(backend="cpu"))
    device._proven.cache_clear()
    installation._on_cuda.cache_clear()
    mlir.register_lowering(calls.KERNEL, calls._lower_on_cuda, platform="cpu")


def restore() -> None:
    """Undo :func:`redirect`."""
    from jax.interpreters import mlir

    from ccjac_jax import kernel as calls
    from ccjac_jax.xla import device
    from ccjac_jax.xla import install as installation

    mlir.register_lowering(calls.KERNEL, calls._lower_on_cpu, platform="cpu")
    device._proven.cache_clear()
    installation._on_cuda.cache_clear()
