"""From a program to a kernel on the devices of this process."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass

import xxhash

from ...program.program import Program
from ..c import obstacle as gap
from ..layout import Layout
from . import driver, nvrtc
from .launch import launch
from .source import ENTRY, Source, write_source


@dataclass(frozen=True)
class DeviceKernel:
    """A loaded kernel.

    Attributes:
        handle: What the driver launches.
        threads: Of a block.
    """

    handle: int
    threads: int

    def call(self, arrays: list[int], samples: int, stream: int) -> None:
        """Launch it on arrays given by their addresses, operands first; see :func:`ccjac.kernels.gpu.launch.launch`."""
        launch(self.handle, self.threads, arrays, samples, stream)


def supports(program: Program) -> str | None:
    """Why ``program`` cannot become a kernel on an NVIDIA device, or ``None`` if its source can be written."""
    return gap(program)


@functools.cache
def obstacle() -> str | None:
    """Why no kernel can be compiled and launched from this process, or ``None`` if it can."""
    if (reason := driver.obstacle()) is not None:
        return reason
    return None if nvrtc.is_available() else f"there is no compiler for CUDA ({nvrtc.REMEDY})"


def source_of(program: Program, layout: Layout) -> tuple[Source, str]:
    """The source, and a name made from it alone."""
    source = write_source(program, layout)
    return source, xxhash.xxh3_128_hexdigest(f"{source.threads}\n{source.text}".encode())


_lock = threading.Lock()
_loaded: dict[str, DeviceKernel] = {}
"""By name.  Code is never taken back from the driver: what was compiled may launch it as long as the process lives."""


def loaded(source: Source, name: str) -> DeviceKernel:
    """Compile and load a source unless this process has it already.

    Raises:
        BackendError: The compiler or the driver refuses.
    """
    with _lock:
        if name not in _loaded:
            code = nvrtc.compile_source(source.text, driver.architecture())
            _loaded[name] = DeviceKernel(driver.load(code, ENTRY), source.threads)
        return _loaded[name]
