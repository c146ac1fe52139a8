"""From a traced function and an order to C, or to a function of numpy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..backends.protocol import Traced
from ..elimination import forward_order
from ..errors import UnsupportedError
from ..kernels import supports
from ..kernels.export import CSource, Parameter, distinct, write_c
from ..kernels.layout import Layout
from ..planning.recipe import NumpyCallable
from ..program import Program
from ..program.accumulate import accumulate
from ..results import blocks, layout, placed
from ..spec import Spec
from .names import Names
from .numpy_function import numpy_function


@dataclass(frozen=True, eq=False)
class ProgramRecipe:
    """See :class:`ccjac.planning.recipe.Recipe`.

    Attributes:
        traced: The function at some types of arguments.
        order: Of its graph; any for a constant Jacobian, which has no order.
        names: Of its arguments.
        about: The call in words.
    """

    traced: Traced
    order: tuple[int, ...]
    names: Names
    about: str

    def c(self, name: str | None, value: bool | None, nonzeros: bool) -> CSource:
        """See :meth:`ccjac.Plan.to_c`."""
        program, arrays, operands, results = self._program(value)
        if nonzeros:
            arrays, results = self._packed(arrays, results)
        if name is None:
            (name,) = distinct([f"{self.names.function}_{self.names.what or 'fused'}"])
        about = f"{(self.names.what or 'values').title()} of {self.about}."
        return write_c(program, arrays, operands, results, name=name, about=about)

    def numpy(self, value: bool | None) -> NumpyCallable:
        """See :meth:`ccjac.Plan.to_numpy`."""
        program, arrays, operands, results = self._program(value)
        if (reason := supports(program)) is not None:
            raise UnsupportedError(f"`Plan.to_numpy` compiles a kernel, but this program cannot become one: {reason}.")
        captured = self._captured()
        return numpy_function(program, arrays, operands, results, captured)

    def _captured(self) -> list[np.ndarray]:
        """The values of arrays from the function's surroundings, as they are now."""
        signature = self.traced.signature
        if len(signature.operands) == signature.n_own:
            return []
        try:
            return [np.asarray(getattr(x, "detach", lambda x=x: x)()) for x in self.traced.captured]
        except Exception as error:
            # A framework's tracer, which has no value, says so in its own way.
            raise UnsupportedError("`Plan.to_numpy` cannot read values of a trace in progress.") from error

    def _program(self, value: bool | None) -> tuple[Program, Layout, list[Parameter], list[Parameter]]:
        linearization, signature = self.traced.linearization, self.traced.signature
        if linearization is None:
            raise UnsupportedError(f"This function has no scalar program: {self.traced.obstacle}.")
        with_values = self.traced.with_values if value is None or self.traced.fused else value
        order = self.order or forward_order(linearization.graph)
        jacobian = accumulate(linearization, order, with_values=with_values, dtypes=self.traced.entry_dtypes)
        outputs, arguments = signature.outputs, signature.operands[: signature.n_differentiated]
        values = (*outputs, *signature.auxiliary) if with_values else ()
        arrays = blocks(jacobian, outputs, arguments, values, typed_by=signature.typed_by)
        whole = layout(placed(signature.operands), arrays)
        ordered = Layout(tuple(whole.operands[k] for k in self.names.order), whole.results)
        operands = [Parameter(self.names.operands[k], signature.operands[k].shape) for k in self.names.order]
        return jacobian.program, ordered, operands, self._results(outputs, arguments, signature.auxiliary, with_values)

    def _packed(self, arrays: Layout, results: Sequence[Parameter]) -> tuple[Layout, list[Parameter]]:
        """The same with the entries of Jacobians that are not always zero, row by row."""
        signature = self.traced.signature
        widths = [spec.size for spec in signature.operands[: signature.n_differentiated]]
        n_values = len(results) - len(signature.outputs) * len(widths)
        kept, found = list(arrays.results), list(results)
        for k in range(n_values, len(results)):
            entries = arrays.results[k].entries
            filled = [at for at, position in enumerate(entries) if position >= 0]
            places = tuple(divmod(at, widths[(k - n_values) % len(widths)]) for at in filled)
            kept[k] = replace(arrays.results[k], entries=tuple(entries[at] for at in filled))
            meaning = f"{results[k].meaning}, entries that are not always zero"
            found[k] = replace(results[k], shape=(len(filled),), meaning=meaning, places=places)
        return Layout(arrays.operands, tuple(kept)), found

    def _results(
        self, outputs: Sequence[Spec], arguments: Sequence[Spec], auxiliary: Sequence[Spec], with_values: bool
    ) -> list[Parameter]:
        """Names of values and of blocks, as few words as tell them apart."""
        of_output = [f"_{k}" if len(outputs) > 1 else "" for k in range(len(outputs))]
        found: list[Parameter] = []
        if with_values:
            found += [Parameter(f"value{mark}", s.shape, "") for mark, s in zip(of_output, outputs, strict=True)]
            word = "auxiliary" if self.names.what else "result"
            found += [Parameter(f"{word}_{k}", s.shape, "") for k, s in enumerate(auxiliary)]
        for mark, output in zip(of_output, outputs, strict=True):
            for k, argument in enumerate(arguments):
                name = self.names.operands[k]
                by = f"_{name}" if len(arguments) > 1 else ""
                meaning = f"d value{mark} / d {name}"
                found.append(Parameter(f"{self.names.what}{mark}{by}", (*output.shape, *argument.shape), meaning))
        return found
