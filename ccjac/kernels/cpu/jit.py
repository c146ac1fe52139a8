"""From LLVM IR to callable machine code in this process, through llvmlite's ORC just-in-time compiler."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from .target import Target, initialize

_lock = threading.Lock()
_numbers = itertools.count()
_compilers: dict[tuple[Target, int], Any] = {}

if hasattr(os, "register_at_fork"):
    # A child must not inherit a compiler that another thread was using.
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class Code:
    """Machine code that lives as long as this object.

    Attributes:
        entries: Address of every exported function.
    """

    def __init__(self, library: Any, names: Sequence[str]) -> None:
        self._library = library
        self.entries = {name: library[name] for name in names}


def compile_text(text: str, addresses: Mapping[str, int], target: Target, names: Sequence[str], *, effort: int) -> Code:
    """Compile a module.

    Args:
        text: LLVM IR.
        addresses: Where the module's external functions live.
        target: The machine to generate code for.
        names: The functions to look up.
        effort: LLVM's optimisation level of code generation, 0 to 3.

    Raises:
        RuntimeError: LLVM rejects the text; that is an error of the code generator.
    """
    from llvmlite import binding as llvm

    builder = llvm.JITLibraryBuilder().add_ir(text)
    for name, address in addresses.items():
        builder.import_symbol(name, address)
    for name in names:
        builder.export_symbol(name)
    with _lock:
        return Code(builder.link(_compiler(target, effort), f"ccjac.{os.getpid()}.{next(_numbers)}"), names)


def _compiler(target: Target, effort: int) -> Any:
    from llvmlite import binding as llvm

    key = (target, effort)
    if key not in _compilers:
        initialize()
        # Position-independent code of the small model: constants are an instruction's operand.  JITLink lays code and
        # constants of a library into one block of memory, so that they are always within reach.
        machine = llvm.Target.from_triple(target.triple).create_target_machine(
            cpu=target.cpu, features=target.features, opt=effort, reloc="pic", codemodel="small", jit=True
        )
        _compilers[key] = llvm.create_lljit_compiler(machine, use_jit_link=True)
    return _compilers[key]
