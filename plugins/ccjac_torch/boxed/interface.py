"""libtorch's stable C interface: which of its functions are used, and whether the installed torch has them.

The functions are declared in ``torch/csrc/stable/c/shim.h`` and ``torch/csrc/inductor/aoti_torch/c/shim.h``, which
promise binary compatibility from release to release (notes on the "LibTorch Stable ABI").
"""

from __future__ import annotations

import ctypes
import functools
import sys
from pathlib import Path

import torch

from ccjac.kernels.cpu.target import address_of

FUNCTIONS: dict[str, str] = {
    "aoti_torch_get_dtype": "ptr, ptr",
    "aoti_torch_get_dim": "ptr, ptr",
    "aoti_torch_get_sizes": "ptr, ptr",
    "aoti_torch_get_strides": "ptr, ptr",
    "aoti_torch_get_data_ptr": "ptr, ptr",
    "aoti_torch_is_contiguous": "ptr, ptr",
    "aoti_torch_empty_strided": "i64, ptr, ptr, i32, i32, i32, ptr",
    "aoti_torch_delete_tensor_object": "ptr",
    "torch_get_num_threads": "ptr",
}
"""What machine code calls: the types of the arguments; all return an ``i32``, zero if all went well."""

CHECK = "aoti_torch_check"
"""``void check(i1 condition, function, file, i32 line, message)`` throws torch's exception if a condition is false."""

_REGISTRATION = ("aoti_torch_library_init_impl", "torch_library_impl")


@functools.cache
def library() -> ctypes.CDLL | None:
    """libtorch's library of the CPU, as this process has loaded it."""
    names = {"linux": "libtorch_cpu.so", "darwin": "libtorch_cpu.dylib"}
    if sys.platform not in names:
        return None
    try:
        return ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / names[sys.platform]))
    except OSError:
        return None


@functools.cache
def addresses() -> dict[str, int] | str:
    """Where the functions lie, or what is missing."""
    found = {name: address_of(library(), name) for name in (*FUNCTIONS, CHECK, *_REGISTRATION)}
    missing = [name for name, address in found.items() if address is None]
    if missing:
        return f"the installed torch {torch.__version__} has no function {missing[0]} in its C interface"
    return {name: address for name, address in found.items() if address is not None}


def implement(namespace: str, operator: str, function: int) -> None:
    """Make machine code the implementation of an operator on the CPU, for as long as the process lives.

    Args:
        namespace, operator: The operator, already defined.
        function: Address of ``void boxed(uint64* stack, uint64 arguments, uint64 results)``.

    Raises:
        RuntimeError: libtorch refuses.
    """
    torch_cpu = library()
    assert torch_cpu is not None
    handle = ctypes.c_void_p()
    error = torch_cpu.aoti_torch_library_init_impl(
        namespace.encode(), b"CPU", __file__.encode(), ctypes.c_uint32(1), ctypes.byref(handle)
    )
    error = error or torch_cpu.torch_library_impl(
        handle, operator.encode(), ctypes.c_void_p(function), ctypes.c_uint64(_VERSION)
    )
    if error:
        raise RuntimeError(f"libtorch does not accept an implementation of {namespace}::{operator} (error {error})")


_VERSION = 2 << 56 | 10 << 48
"""The release whose interface the code is written for, 2.10, as libtorch encodes it."""
