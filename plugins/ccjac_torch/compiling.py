"""From a finished program to a function of the call's operands that returns the user's containers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from ccjac.kernels import supports
from ccjac.kernels.gpu import kernel as gpu
from ccjac.limits import SPARSE_FROM
from ccjac.program import Program
from ccjac.program.accumulate import JacobianProgram
from ccjac.results import Block, blocks, layout, nest, placed
from ccjac.spec import Spec

from . import device, levels
from .modes import fallback, mode
from .operators import Operator
from .shadows import type_name
from .tracing import TorchTraced


def obstacle(program: Program, platform: str = "cpu", *, tried: bool = True) -> str | None:
    """Why ``program`` cannot run as a kernel in this process on a ``platform``, or ``None`` if it can.

    Unless ``tried``, no accelerator is asked to run one.
    """
    if platform == "cpu":
        return supports(program)
    if platform == "cuda":
        reason = gpu.supports(program)
        return reason if reason is not None else device.obstacle(tried=tried)
    return f"kernels run on the CPU and on CUDA devices, not on {platform}"


def compiled(
    traced: TorchTraced, jacobian: JacobianProgram, executor: str, *, fastmath: bool = False
) -> Callable[..., Any]:
    """The program as a function of ``(*call.operands, *traced.captured)``, by a selected executor.

    The operands may have leading batch axes, the same for all; so have the results.
    """
    call = traced.call
    captured = [Spec(tuple(t.shape), type_name(t.dtype)) for t in traced.captured]
    operands = [*call.specs, *captured]
    arrays = blocks(
        jacobian,
        traced.outputs,
        call.specs[: call.n_differentiated],
        traced.values,
        packed_from=SPARSE_FROM["kernel" if executor == "kernel" else "ops"],
        typed_by="input",
    )
    operator = Operator(
        jacobian.program,
        layout(placed(operands), arrays),
        [s.shape for s in operands],
        [a.computed_shape for a in arrays],
        kernel=traced.platform if executor == "kernel" else None,
        fastmath=fastmath,
    )
    call_operator: Callable[..., list[torch.Tensor]] = operator
    if executor == "inductor":
        call_operator = torch.compile(operator, dynamic=True)
    run = _of_containers(traced, arrays, call_operator)
    if _single(traced, arrays):
        run = operator.alone() if executor != "inductor" else lambda *tensors: call_operator(*tensors)[0]
    return _differentiated_by_torch(traced, run) if traced.stopped else run


def _of_containers(
    traced: TorchTraced, arrays: Sequence[Block], compute: Callable[..., list[torch.Tensor]]
) -> Callable[..., Any]:
    """From what ``compute`` gives to the user's containers."""
    n_values, containers = len(traced.values), traced.containers
    # Without the user's function, which what is compiled must not keep alive.
    request = replace(traced.call.request, fun=torch.func.jacrev)
    packed = any(a.packed for a in arrays)

    def run(*tensors: torch.Tensor) -> Any:
        results = compute(*tensors)
        if packed:
            results = [_spread(a, x) for a, x in zip(arrays, results, strict=True)]
        return nest(containers, request, results[:n_values], results[n_values:])

    return run


def _differentiated_by_torch(traced: TorchTraced, run: Callable[..., Any]) -> Callable[..., Any]:
    """``run``; where its derivative may be wanted, torch's own mode: what a function detaches, its program does not."""
    own, rank = fallback(traced, mode(traced)), len(traced.call.specs[0].shape)

    def chosen(*tensors: torch.Tensor) -> Any:
        if not levels.differentiated(tensors):
            return run(*tensors)
        of_batch = own
        for _ in range(tensors[0].dim() - rank):
            of_batch = torch.func.vmap(of_batch)
        return of_batch(*tensors)

    return chosen


def _single(traced: TorchTraced, arrays: Sequence[Block]) -> bool:
    """Whether the result is one tensor without a container."""
    trees = (traced.output_tree, *traced.call.argument_trees)
    return (
        len(arrays) == 1
        and not arrays[0].packed
        and not traced.with_values
        and not isinstance(traced.call.request.argnums, tuple)
        and all(tree.is_leaf() for tree in trees)
    )


def _spread(block: Block, computed: torch.Tensor) -> torch.Tensor:
    """A block's array from what the program computed of it."""
    if not block.packed:
        return computed
    padded = torch.nn.functional.pad(computed, (0, 1))
    places = torch.from_numpy(block.spread).to(computed.device)
    lead = computed.shape[:-1]
    return padded.index_select(computed.dim() - 1, places).reshape(*lead, *block.spec.shape)
