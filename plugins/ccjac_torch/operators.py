"""Programs as functions of tensors, with any batch axes, under every transformation, differentiable again and again.

The derivative of a program is a program, so a gradient through a Jacobian is one more kernel.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ccjac.errors import UnsupportedError
from ccjac.expand import Expander
from ccjac.kernels.call import Reduced, reduced
from ccjac.kernels.derivatives import cotangent_program, tangent_program
from ccjac.kernels.gpu import kernel as gpu
from ccjac.kernels.layout import Layout
from ccjac.limits import SCALAR_LIMIT
from ccjac.program import Program
from ccjac.program.linearization import Recorder

from . import levels, plain, private
from .boxed.entry import TYPES, Signature
from .boxed.register import register
from .inner import templates
from .tracker import Tracker

Shape = tuple[int, ...]
Tensors = Sequence[torch.Tensor]


class Operator:
    """One program on tensors.

    Attributes:
        program: The program.
        layout: Which scalars the tensors of one sample hold.
        operand_shapes, result_shapes: Of one sample's tensors.
        kernel: Where it is a kernel, ``"cpu"`` or ``"cuda"``; plain torch operations if ``None``.
        fastmath: See :func:`ccjac.kernels.compile_kernel`.
    """

    def __init__(
        self,
        program: Program,
        layout: Layout,
        operand_shapes: Sequence[Shape],
        result_shapes: Sequence[Shape],
        *,
        kernel: str | None,
        fastmath: bool = False,
    ) -> None:
        self.program, self.layout = program, layout
        self.operand_shapes, self.result_shapes = tuple(operand_shapes), tuple(result_shapes)
        self.kernel, self.fastmath = kernel, fastmath
        self._reduced = _reduced(program, layout)
        self._carrier = self._reduced.read[0] if self._reduced.read else 0
        self._whole = len(self._reduced.read) == len(layout.operands) and len(self._reduced.written) == len(
            layout.results
        )
        self._derivatives: dict[Any, Operator] = {}

    # -- calls ----------------------------------------------------------------------------------------------------

    def __call__(self, *tensors: torch.Tensor) -> list[torch.Tensor]:
        """All results; every operand has the same leading batch axes, or none."""
        read = tensors if self._whole else self._reduced.operands(tensors)
        if self.kernel is None:
            return self._filled(plain.run(self.program, self._signature, read), tensors)
        if not levels.differentiated(read):
            results = levels.through_vmap(self._listed, read) if levels.active() else self._listed(*read)
        elif levels.directly_traced():
            # The trace looks into the program itself.
            results = self._listed(*read)
        else:
            function = self._functions[1 if levels.active() else 0]
            found = function.apply(*read)
            results = list(found) if isinstance(found, tuple) else [found]
        return results if self._whole else self._filled(results, tensors)

    def alone(self) -> Callable[..., torch.Tensor]:
        """The operator as a function that gives the only result itself: the way of single samples, where every step
        counts.
        """
        if not (self.kernel and self._whole and self._single):
            return lambda *tensors: self(*tensors)[0]
        untouched, dispatched = levels.untouched, None

        def call(*tensors: torch.Tensor) -> torch.Tensor:
            nonlocal dispatched
            if not untouched(tensors):
                return self(*tensors)[0]
            if dispatched is None:
                dispatched = self._dispatched
            result: torch.Tensor = dispatched(*tensors)
            return result

        return call

    def _listed(self, *read: torch.Tensor) -> list[torch.Tensor]:
        found = self._dispatched(*read)
        return [found] if self._single else list(found)

    def _filled(self, results: list[torch.Tensor], tensors: Tensors) -> list[torch.Tensor]:
        """With the results that have no entries."""
        carrier, shape = tensors[self._carrier], self.operand_shapes[self._carrier]
        lead = carrier.shape[: carrier.dim() - len(shape)]
        kinds = [TYPES_OF[r.dtype] for r in self.layout.results]
        return self._reduced.all_results(
            results, lambda k: carrier.new_zeros((*lead, *self.result_shapes[k]), dtype=kinds[k])
        )

    @functools.cached_property
    def _signature(self) -> Signature:
        left = self._reduced
        return Signature(
            left.layout,
            tuple(self.operand_shapes[k] for k in left.read),
            tuple(self.result_shapes[k] for k in left.written),
        )

    @functools.cached_property
    def _single(self) -> bool:
        return len(self._reduced.written) == 1

    @functools.cached_property
    def _dispatched(self) -> Any:
        if not self._reduced.written:
            return lambda *read: ()
        return private.raw(
            register(self.program, self._signature, fastmath=self.fastmath, platform=self.kernel or "cpu")
        )

    # -- derivatives ----------------------------------------------------------------------------------------------

    @functools.cached_property
    def _functions(self) -> tuple[Any, Any]:
        """The dispatcher's operator with its derivatives, for autograd alone and for ``torch.func``.

        Of the second kind, which keeps its context apart, torch asks the signature at each call.
        """
        whole = self

        class Differentiable(torch.autograd.Function):
            @staticmethod
            def forward(*read: torch.Tensor) -> Any:
                return whole._dispatched(*read)

            @staticmethod
            def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
                ctx.save_for_backward(*inputs)
                ctx.save_for_forward(*inputs)

            @staticmethod
            def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
                read = ctx.saved_tensors
                wanted = tuple(k for k, x in enumerate(read) if ctx.needs_input_grad[k] and x.is_floating_point())
                found = iter(whole._backward(wanted)(*read, *cotangents))
                return tuple(next(found) if k in wanted else None for k in range(len(read)))

            @staticmethod
            def jvp(ctx: Any, *tangents: Any) -> Any:
                read = ctx.saved_tensors
                given = tuple(k for k, t in enumerate(tangents) if t is not None and read[k].is_floating_point())
                found = whole._forward(given)(*read, *(tangents[k] for k in given))
                return found[0] if whole._single else tuple(found)

            @staticmethod
            def vmap(info: Any, in_dims: Any, *read: torch.Tensor) -> Any:
                moved = [
                    x.expand(info.batch_size, *x.shape) if d is None else x.movedim(d, 0)
                    for x, d in zip(read, in_dims, strict=True)
                ]
                found = whole._functions[1].apply(*moved)
                return found, 0 if whole._single else (0,) * len(found)

        class Plain(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *read: torch.Tensor) -> Any:
                Differentiable.setup_context(ctx, read, None)
                return whole._dispatched(*read)

            backward = Differentiable.backward
            jvp = Differentiable.jvp

        return Plain, Differentiable

    def _kernel_of(self, derived: Program) -> str | None:
        """Where a derivative is a kernel: where this is one, if the generator for devices has all of its operations."""
        return None if self.kernel == "cuda" and gpu.supports(derived) is not None else self.kernel

    def _backward(self, wanted: tuple[int, ...]) -> Operator:
        """The product of cotangents with the derivative by the read operands ``wanted``."""
        key = ("reverse", wanted)
        if key not in self._derivatives:
            layout = self._reduced.layout
            derived, around = cotangent_program(self.program, layout, wanted, range(len(layout.results)), _templates())
            signature = self._signature
            self._derivatives[key] = Operator(
                derived,
                around,
                [*signature.operands, *signature.results],
                [signature.operands[k] for k in wanted],
                kernel=self._kernel_of(derived),
                fastmath=self.fastmath,
            )
        return self._derivatives[key]

    def _forward(self, given: tuple[int, ...]) -> Operator:
        """The product of the derivative with tangents of the read operands ``given``."""
        key = ("forward", given)
        if key not in self._derivatives:
            layout = self._reduced.layout
            derived, around = tangent_program(self.program, layout, given, range(len(layout.results)), _templates())
            signature = self._signature
            self._derivatives[key] = Operator(
                derived,
                around,
                [*signature.operands, *(signature.operands[k] for k in given)],
                signature.results,
                kernel=self._kernel_of(derived),
                fastmath=self.fastmath,
            )
        return self._derivatives[key]


TYPES_OF = {name: dtype for name, (dtype, _) in TYPES.items()} | {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def _reduced(program: Program, layout: Layout) -> Reduced:
    """Without arrays nobody reads; but one operand stays, to say how many samples there are."""
    left = reduced(program, layout)
    if left.read:
        return left
    filled = [k for k, operand in enumerate(layout.operands) if operand.scalars]
    if not filled:
        raise UnsupportedError("all arguments are empty")
    first = filled[0]
    kept = Layout((layout.operands[first],), left.layout.results)
    return Reduced(kept, (first,), left.written, left.n_operands, left.n_results)


@functools.cache
def _templates() -> Any:
    return templates(Tracker(Expander(Recorder(0, SCALAR_LIMIT))))
