"""NVIDIA's driver, as far as kernels need it: which devices there are, and compiled code as a kernel to launch.

Code is loaded as a *library* of the driver (CUDA 12.0 and later), which belongs to no context: its kernel is launched
on the device of whatever stream it is given.  So code is loaded once, when a function is compiled, and a call does
nothing but launch (CUDA Driver API, sections "Library Management" and "Execution Control", ``cuLaunchKernel``).
"""

from __future__ import annotations

import ctypes
import functools
import sys
from contextlib import suppress

from ...errors import BackendError
from ..cpu.target import address_of

LAUNCHING = ("cuLaunchKernel", "cuGetErrorName")
"""What is called while a function runs."""

_PREPARING = """cuInit cuDriverGetVersion cuDeviceGetCount cuDeviceGet cuDeviceGetAttribute cuLibraryLoadData
cuLibraryGetKernel""".split()
_OLDEST = 12_000
"""The driver's version that has libraries, as the driver writes it."""
_MAJOR, _MINOR = 75, 76
"""``CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR`` and ``_MINOR``."""


@functools.cache
def obstacle() -> str | None:
    """Why nothing can be launched from this process, or ``None`` if there is a device for it."""
    driver = _library()
    if driver is None:
        return "there is no NVIDIA driver"
    version = ctypes.c_int()
    if driver.cuDriverGetVersion(ctypes.byref(version)) != 0 or version.value < _OLDEST:
        found = f"{version.value // 1000}.{version.value % 1000 // 10}"
        return f"the NVIDIA driver is too old: it serves CUDA {found}, kernels need 12.0"
    missing = [name for name in (*_PREPARING, *LAUNCHING) if address_of(driver, name) is None]
    if missing:
        return f"the NVIDIA driver has no function {missing[0]}"
    try:
        _ask("cuInit", 0)
        count = _devices()
    except BackendError as error:
        return str(error)
    return None if count else "there is no NVIDIA device"


@functools.cache
def architecture() -> str:
    """What to compile for: machine code if all devices are alike, else PTX that the oldest of them takes too.

    Raises:
        BackendError: The driver fails.
    """
    found = set()
    for number in range(_devices()):
        device = ctypes.c_int()
        _ask("cuDeviceGet", ctypes.byref(device), number)
        parts = []
        for attribute in (_MAJOR, _MINOR):
            value = ctypes.c_int()
            _ask("cuDeviceGetAttribute", ctypes.byref(value), attribute, device)
            parts.append(value.value)
        found.add((parts[0], parts[1]))
    major, minor = min(found)
    return f"{'sm' if len(found) == 1 else 'compute'}_{major}{minor}"


def load(code: bytes, entry: str) -> int:
    """The kernel ``entry`` of compiled code, for as long as the process lives.

    Raises:
        BackendError: The driver does not accept the code.
    """
    library, kernel = ctypes.c_void_p(), ctypes.c_void_p()
    none = ctypes.c_void_p()
    _ask("cuLibraryLoadData", ctypes.byref(library), code, none, none, 0, none, none, 0)
    _ask("cuLibraryGetKernel", ctypes.byref(kernel), library, entry.encode())
    assert kernel.value is not None
    return kernel.value


def addresses() -> dict[str, int]:
    """Where the functions of :data:`LAUNCHING` lie; :func:`obstacle` has found nothing against them."""
    found = {name: address_of(_library(), name) for name in LAUNCHING}
    return {name: address for name, address in found.items() if address is not None}


def name_of(code: int) -> str:
    """The driver's name of an error, with its number."""
    driver, text = _library(), ctypes.c_char_p()
    if driver is not None and driver.cuGetErrorName(code, ctypes.byref(text)) == 0 and text.value is not None:
        return f"{text.value.decode()} ({code})"
    return f"error {code}"


def _devices() -> int:
    count = ctypes.c_int()
    _ask("cuDeviceGetCount", ctypes.byref(count))
    return count.value


def _ask(name: str, *arguments: object) -> None:
    code = getattr(_library(), name)(*arguments)
    if code != 0:
        raise BackendError(f"{name} of the NVIDIA driver fails with {name_of(code)}")


@functools.cache
def _library() -> ctypes.CDLL | None:
    with suppress(OSError):
        return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    return None
