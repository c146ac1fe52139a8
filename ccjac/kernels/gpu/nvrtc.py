"""CUDA source compiled at run time, by the library that the frameworks' CUDA wheels bring along.

What was compiled is kept on disk under the hash of the source, the architecture and the compiler's version.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import platformdirs
import xxhash

from ...errors import BackendError

REMEDY = "`pip install 'jax[cuda13]'` or a CUDA build of torch brings NVRTC along"
_OPTIONS = ("--std=c++17", "--fmad=true", "--extra-device-vectorization")


def compile_source(text: str, architecture: str, *, cache: bool = True) -> bytes:
    """Compile a kernel's source.

    Args:
        text: From :func:`ccjac.kernels.gpu.source.write_source`.
        architecture: ``"sm_90"`` for a device's machine code, ``"compute_90"`` for PTX that later devices take too.
        cache: Keep the result on disk, and look there first.

    Returns:
        What the driver loads as a module.

    Raises:
        BackendError: There is no NVRTC, or it rejects the source; the message has its log.
    """
    library = _library()
    if library is None:
        raise BackendError(f"no NVRTC was found; {REMEDY}.")
    major, minor = ctypes.c_int(), ctypes.c_int()
    library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    identity = "\n".join((text, architecture, f"{major.value}.{minor.value}", *_OPTIONS))
    place = _directory() / f"{xxhash.xxh3_128_hexdigest(identity.encode())}.bin"
    if cache:
        with suppress(OSError):
            return place.read_bytes()
    code = _compiled(library, text, architecture)
    if cache:
        _keep(place, code)
    return code


def is_available() -> bool:
    """Whether there is a compiler in this process."""
    return _library() is not None


def _compiled(library: ctypes.CDLL, text: str, architecture: str) -> bytes:
    program = ctypes.c_void_p()
    _check(library, library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None))
    try:
        options = [f"--gpu-architecture={architecture}".encode(), *(o.encode() for o in _OPTIONS)]
        array = (ctypes.c_char_p * len(options))(*options)
        if library.nvrtcCompileProgram(program, len(options), array) != 0:
            raise BackendError(f"NVRTC rejects a kernel's source: {_text(library, 'ProgramLog', program)[:2000]}")
        kind = "CUBIN" if architecture.startswith("sm_") else "PTX"
        return _bytes(library, kind, program)
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _bytes(library: ctypes.CDLL, kind: str, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    _check(library, getattr(library, f"nvrtcGet{kind}Size")(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(library, getattr(library, f"nvrtcGet{kind}")(program, buffer))
    return buffer.raw


def _text(library: ctypes.CDLL, kind: str, program: ctypes.c_void_p) -> str:
    return _bytes(library, kind, program).rstrip(b"\0").decode(errors="replace")


def _check(library: ctypes.CDLL, code: int) -> None:
    if code != 0:
        library.nvrtcGetErrorString.restype = ctypes.c_char_p
        raise BackendError(f"NVRTC failed: {library.nvrtcGetErrorString(code).decode()}")


@functools.cache
def _library() -> ctypes.CDLL | None:
    for candidate in _candidates():
        with suppress(OSError):
            library = ctypes.CDLL(candidate)
            if hasattr(library, "nvrtcCompileProgram"):
                return library
    return None


def _candidates() -> Iterator[str]:
    """In the wheels first, whose version the framework was built with, then in the system."""
    spec = importlib.util.find_spec("nvidia")
    for root in spec.submodule_search_locations or () if spec is not None else ():
        for pattern in ("cu*/lib/libnvrtc.so*", "cuda_nvrtc/lib/libnvrtc.so*", "*/bin/nvrtc64*.dll"):
            yield from sorted(str(p) for p in Path(root).glob(pattern) if "builtins" not in p.name)
    if found := ctypes.util.find_library("nvrtc"):
        yield found


def _directory() -> Path:
    return Path(platformdirs.user_cache_dir("ccjac")) / "gpu"


def _keep(place: Path, code: bytes) -> None:
    """Written beside its place and moved there, so that no process reads half a file; a full disk is no error."""
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(code)
            os.replace(name, place)
        except OSError:
            os.unlink(name)
            raise
