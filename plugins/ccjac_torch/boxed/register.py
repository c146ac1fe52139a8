"""Compile kernels into operators of torch's dispatcher."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
import xxhash

from ccjac.kernels.cpu import pool
from ccjac.kernels.cpu.jit import Code, compile_text
from ccjac.kernels.cpu.module import write_module
from ccjac.kernels.cpu.pieces import pieces_symbols
from ccjac.kernels.cpu.run import Kernel
from ccjac.kernels.cpu.target import Target, address_of, math_library
from ccjac.kernels.gpu.kernel import source_of
from ccjac.program.program import Program

from .. import device
from . import interface
from .call import C_FUNCTIONS, CALL, write_call
from .entry import ENTRY, TYPES, Signature, schema, write_entry

NAMESPACE = "ccjac"
CUDA = "CUDA"
"""The dispatcher's key."""

_lock = threading.RLock()
_operators: dict[str, Any] = {}
_programs: dict[str, tuple[Program, Signature]] = {}
_code: dict[str, Code | Kernel | None] = {}
"""What operators were made of.  The dispatcher keeps them, so their code lives as long as the process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def register(program: Program, signature: Signature, *, fastmath: bool = False, platform: str = "cpu") -> Any:
    """The operator that runs a program, compiled unless this process has it already.

    Its tensors may have any leading batch axes, the same for all operands.

    Args:
        program: A program that can be a kernel there.
        signature: The tensors of one sample; none of them empty, at least one operand.
        fastmath: See :func:`ccjac.kernels.compile_kernel`; no difference on devices.
        platform: ``"cpu"`` or ``"cuda"``.

    Returns:
        The operator, of ``torch.ops.ccjac``.  Its name is made from the code and the processor alone, so that what
        ``torch.compile`` keeps on disk finds it in another process that traces the same function.
    """
    make = _on_cpu if platform == "cpu" else _on_cuda
    return make(program, signature, fastmath)


def _on_cpu(program: Program, signature: Signature, fastmath: bool) -> Any:
    target = Target.host()
    found = interface.addresses()
    boxed = not isinstance(found, str)
    numbers = _type_numbers() if boxed else dict.fromkeys(TYPES, 0)
    module = write_module(
        program,
        signature.layout,
        target,
        fastmath=fastmath,
        extra=lambda lanes: write_entry(program, signature, numbers, lanes) if boxed else "",
    )
    identity = "\n".join((module.text, repr(signature), target.cpu, target.features))

    def implement(name: str) -> Code | Kernel:
        if isinstance(found, str):
            return _implement_in_python(name, program, signature, fastmath)
        common = _common(target, tuple(found.items()))
        addresses = module.addresses | {CALL: common.entries[CALL]}
        code = compile_text(module.text, addresses, target, (ENTRY,), effort=module.effort)
        interface.implement(NAMESPACE, name, code.entries[ENTRY])
        return code

    return _operator(f"kernel_{xxhash.xxh3_128_hexdigest(identity.encode())}", program, signature, implement)


def _on_cuda(program: Program, signature: Signature, fastmath: bool) -> Any:
    _, digest = source_of(program, signature.layout)
    digest = xxhash.xxh3_128_hexdigest(f"{digest} {signature!r}".encode())

    def implement(name: str) -> None:
        _library().impl(name, device.implementation(program, signature), CUDA)

    return _operator(f"cuda_kernel_{digest}", program, signature, implement)


def _operator(
    name: str, program: Program, signature: Signature, implement: Callable[[str], Code | Kernel | None]
) -> Any:
    with _lock:
        if name not in _operators:
            _library().define(schema(name, signature), tags=(torch.Tag.pt2_compliant_tag,))
            _code[name] = implement(name)
            operator = getattr(getattr(torch.ops, NAMESPACE), name).default
            _describe(f"{NAMESPACE}::{name}", operator, signature)
            _operators[name] = operator
            _programs[name] = (program, signature)
        return _operators[name]


def program_of(name: str) -> tuple[Program, Signature]:
    """The program that an operator runs."""
    return _programs[name]


@functools.cache
def _library() -> torch.library.Library:
    return torch.library.Library(NAMESPACE, "FRAGMENT")


@functools.cache
def _common(target: Target, found: tuple[tuple[str, int], ...]) -> Code:
    """What all operators share; compiled by the first one."""
    addresses = dict(found)
    wanted = {name: addresses[name] for name in (*interface.FUNCTIONS, interface.CHECK)}
    for name in C_FUNCTIONS:
        if (address := address_of(math_library(), name)) is not None:
            wanted[name] = address
    schedule = pool.schedule_address()
    if schedule is not None:
        wanted[pool.SCHEDULE] = schedule
    wanted |= pieces_symbols()
    text = write_call(target, threads=schedule is not None)
    return compile_text(text, wanted, target, (CALL,), effort=2)


@functools.cache
def _type_numbers() -> dict[str, int]:
    torch_cpu = interface.library()
    return {name: int(getattr(torch_cpu, function)()) for name, (_, function) in TYPES.items()}


def _implement_in_python(name: str, program: Program, signature: Signature, fastmath: bool) -> Kernel:
    """The same operator without libtorch's interface: Python reads the tensors, the kernel is called through ctypes."""
    from ccjac.kernels import compile_kernel

    kernel = compile_kernel(program, signature.layout, fastmath=fastmath)
    kinds = [TYPES[r.dtype][0] for r in signature.layout.results]
    wanted = [TYPES[o.dtype][0] for o in signature.layout.operands]

    def run(*tensors: torch.Tensor) -> Any:
        lead = device.leading(tensors, signature.operands)
        if [x.dtype for x in tensors] != wanted:
            raise RuntimeError("ccjac kernel: an operand has another type or shape than compiled for")
        ready = [x.contiguous() for x in tensors]
        results = [torch.empty((*lead, *s), dtype=k) for s, k in zip(signature.results, kinds, strict=True)]
        kernel.call(
            [x.data_ptr() for x in ready],
            [r.data_ptr() for r in results],
            lead.numel(),
            threads=torch.get_num_threads(),
        )
        return results[0] if len(results) == 1 else tuple(results)

    _library().impl(name, run, "CPU")
    return kernel


def _describe(qualified: str, operator: Any, signature: Signature) -> None:
    """What tracers and ``torch.func.vmap`` need to know of an operator."""
    kinds = [TYPES[r.dtype][0] for r in signature.layout.results]
    single = len(kinds) == 1

    def fake(*tensors: torch.Tensor) -> Any:
        # Sizes may be symbols; nothing here may ask for their value.
        axes = tensors[0].dim() - len(signature.operands[0])
        lead = tensors[0].shape[:axes]
        results = [tensors[0].new_empty((*lead, *s), dtype=k) for s, k in zip(signature.results, kinds, strict=True)]
        return results[0] if single else tuple(results)

    def batch(info: Any, in_dims: Sequence[int | None], *tensors: torch.Tensor) -> Any:
        moved = [
            x.expand(info.batch_size, *x.shape) if d is None else x.movedim(d, 0)
            for x, d in zip(tensors, in_dims, strict=True)
        ]
        return operator(*moved), 0 if single else (0,) * len(kinds)

    torch.library.register_fake(qualified, fake, lib=_library())
    torch.library.register_vmap(qualified, batch, lib=_library())
