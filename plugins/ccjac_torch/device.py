"""Kernels on CUDA devices behind torch's dispatcher: launched on the stream that torch works on.

The function is Python's.  Beside a launch on a device, reading a few tensors costs little; and it can be tested where
there is no device.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from ccjac.errors import BackendError
from ccjac.kernels import probe
from ccjac.kernels.call import batched
from ccjac.kernels.gpu import kernel
from ccjac.program import Program

from .boxed.entry import TYPES, Signature

log = logging.getLogger("ccjac")
DEVICE = "cuda"


def implementation(program: Program, signature: Signature) -> Callable[..., Any]:
    """The function of tensors on one device that runs ``program``; the kernel is compiled by the first call.

    Operands without strides along the batch, as ``expand`` makes them, are read by all samples and not copied.
    """
    kinds = [TYPES[r.dtype][0] for r in signature.layout.results]
    wanted = [TYPES[o.dtype][0] for o in signature.layout.operands]

    @functools.cache
    def loaded(flags: tuple[bool, ...]) -> kernel.DeviceKernel:
        return kernel.loaded(*kernel.source_of(program, batched(signature.layout, flags, rank=1)))

    def run(*tensors: torch.Tensor) -> Any:
        lead = leading(tensors, signature.operands)
        if [x.dtype for x in tensors] != wanted or any(x.device != tensors[0].device for x in tensors):
            raise RuntimeError("ccjac kernel: an operand has another type or device than compiled for")
        device, axes = tensors[0].device, len(lead)
        flags = tuple(axes == 0 or any(x.stride()[:axes]) for x in tensors)
        ready = [(x if flag else x[(0,) * axes]).contiguous() for x, flag in zip(tensors, flags, strict=True)]
        results = [
            torch.empty((*lead, *s), dtype=k, device=device) for s, k in zip(signature.results, kinds, strict=True)
        ]
        if lead.numel():
            with _current(device) as stream:
                addresses = [x.data_ptr() for x in (*ready, *results)]
                loaded(flags).call(addresses, lead.numel(), stream)
        return results[0] if len(results) == 1 else tuple(results)

    return run


def leading(tensors: Sequence[torch.Tensor], shapes: Sequence[tuple[int, ...]]) -> torch.Size:
    """The leading batch axes that all operands have in common.

    Raises:
        RuntimeError: An operand has another shape.
    """
    rank = tensors[0].dim() - len(shapes[0])
    lead = tensors[0].shape[: max(rank, 0)]
    if rank < 0 or any(x.shape != (*lead, *s) for x, s in zip(tensors, shapes, strict=True)):
        raise RuntimeError("ccjac kernel: an operand has another type or shape than compiled for")
    return lead


@contextmanager
def _current(device: torch.device) -> Iterator[int]:
    """The driver's handle of torch's current stream on a device, whose context is current meanwhile.

    The default stream is no stream of the driver's, but what the current context has as such.
    """
    with torch.cuda.device(device):
        yield int(torch.cuda.current_stream(device).cuda_stream)


def obstacle(*, tried: bool = True) -> str | None:
    """Why kernels cannot run on this process's CUDA devices, or ``None``.

    Args:
        tried: Whether to have run one, the first time, and compared its results.
    """
    if torch.version.hip is not None:
        return "kernels are not written for AMD's devices"
    if not _has_devices():
        return "torch has no CUDA device"
    reason = kernel.obstacle()
    return _proven() if reason is None and tried else reason


def _has_devices() -> bool:
    return torch.cuda.is_available()


_lock = threading.Lock()
_SAMPLES = 1000


def _proven() -> str | None:
    with _lock:
        return _tried()


@functools.cache
def _tried() -> str | None:
    try:
        wrong = _self_test()
    except (BackendError, RuntimeError) as error:
        log.debug("the self-test of kernels on the device failed", exc_info=True)
        return f"a kernel cannot be run on the device ({type(error).__name__}: {error})"
    return f"a kernel gave wrong results on the device ({wrong})" if wrong else None


def _self_test() -> str | None:
    program, layout = probe.program()
    run = implementation(program, Signature(layout, ((3,), (1,), (1,)), ((2,), (1,))))
    rows, common, counts = (torch.from_numpy(x).to(DEVICE) for x in probe.operands(_SAMPLES))
    with torch.no_grad():
        found = run(rows, common.expand(_SAMPLES, 1), counts)
    return probe.difference([x.cpu().numpy() for x in found])
