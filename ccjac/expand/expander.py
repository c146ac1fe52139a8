"""What the rules share while a function is expanded: the program so far, and arithmetic with linear forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..program import Builder
from ..program.linearization import NO_TANGENT, Form, Recorder
from .values import Symbolic, Value


def unsupported(name: str, why: str = "has no scalar rule") -> UnsupportedError:
    """The exception that sends a function to the framework's own mode."""
    return UnsupportedError(f"the operation `{name}` {why}")


class Expander:
    """Services for the rules of one expansion.

    Attributes:
        recorder: Collects program values, vertices and partials.
        keep_forms: Leave sums of tangents unsettled, as inside a single operation's rule.
    """

    def __init__(
        self,
        recorder: Recorder,
        walk: Callable[[Expander, Any, Sequence[Value]], list[Value]] | None = None,
        *,
        keep_forms: bool = False,
    ) -> None:
        """``walk(expander, program, operands)`` is the backend's interpreter of the framework's own programs: rules
        that contain a program (a loop's body, a derivative rule) reach it through :meth:`run`.
        """
        self.recorder = recorder
        self.keep_forms = keep_forms
        self._walk = walk

    @property
    def builder(self) -> Builder:
        """The scalar program so far."""
        return self.recorder.builder

    def run(self, program: Any, operands: Sequence[Value]) -> list[Value]:
        """Inline one of the framework's programs.

        Raises:
            UnsupportedError: The backend has no interpreter.
        """
        if self._walk is None:
            raise UnsupportedError("the backend has no interpreter of inner programs")
        return self._walk(self, program, operands)

    def inside_rule(self) -> Expander:
        """The same expansion, inside a single operation's rule."""
        return Expander(self.recorder, self._walk, keep_forms=True)

    def scratch(self, n_inputs: int) -> Expander:
        """An expander with a small program of its own, for deriving a template."""
        return Expander(Recorder(n_inputs, self.recorder.limit), self._walk, keep_forms=True)

    # -- values ---------------------------------------------------------------------------------------------------

    def combiner(self, op: str, dtype: str) -> Callable[[int, int], int]:
        """A binary operation on program values."""
        builder = self.builder
        return lambda a, b: builder.emit(op, (a, b), dtype)

    def converted(self, ids: np.ndarray, source: str, target: str) -> np.ndarray:
        """Program values in another type."""
        if source == target:
            return ids
        builder = self.builder
        flat = [builder.emit("convert_element_type", (k,), target) for k in ids.ravel().tolist()]
        return np.array(flat, dtype=np.int64).reshape(ids.shape)

    def values(self, ids: Sequence[int], shape: tuple[int, ...], dtype: str) -> Symbolic:
        """Values without vertices, from a flat list."""
        return Symbolic(np.array(ids, dtype=np.int64).reshape(shape), None, dtype)

    def symbolic(self, ids: Sequence[int], vertices: Sequence[int], shape: tuple[int, ...], dtype: str) -> Symbolic:
        """Values with their vertices, from flat lists."""
        table = np.array(vertices, dtype=np.int64).reshape(shape)
        active = bool((table != NO_TANGENT).any())
        return Symbolic(np.array(ids, dtype=np.int64).reshape(shape), table if active else None, dtype)

    def with_vertices(self, value: Symbolic, forms: np.ndarray, label: str) -> Symbolic:
        """Values whose tangents are ``forms``: every entry gets its vertex, called ``label``."""
        vertices = [self.recorder.vertex(form or {}, label) for form in forms.ravel()]
        return self.symbolic(value.ids.ravel().tolist(), vertices, value.shape, value.dtype)

    # -- forms ----------------------------------------------------------------------------------------------------

    def settled(self, form: Form) -> Form:
        """A form of one term: a sum becomes a vertex of its own, unless this walk is inside a single rule."""
        if len(form) < 2 or self.keep_forms:
            return form
        dtype = self.builder.nodes[next(iter(form.values()))].dtype
        vertex = self.recorder.vertex(form)
        return {} if vertex == NO_TANGENT else {vertex: self.builder.const(1.0, dtype)}

    def add(self, a: Form | None, b: Form | None) -> Form | None:
        """The sum of two forms."""
        if not a or not b:
            return a or b
        builder = self.builder
        merged = dict(a)
        for v, c in b.items():
            merged[v] = builder.emit("add", (merged[v], c), builder.nodes[c].dtype) if v in merged else c
        return merged

    def total(self, terms: Iterable[Form | None]) -> Form | None:
        """The sum of forms."""
        result: Form | None = None
        for term in terms:
            result = self.add(result, term)
        return result

    def scale(self, form: Form | None, factor: int, op: str = "mul") -> Form | None:
        """A form times (or divided by) a program value.

        A sum of several terms becomes a vertex first, so that the factor is applied once, not once per term.
        """
        builder = self.builder
        number = builder.constant_value(factor)
        if not form or (op == "mul" and number == 0):
            return None
        if number not in (1.0, -1.0):
            form = self.settled(form)
        return {v: builder.emit(op, (c, factor), builder.nodes[factor].dtype) for v, c in form.items()}

    def choose(self, which: int, cases: Sequence[Form | None]) -> Form | None:
        """``select_n`` of forms by a program value: every coefficient is switched off outside its own case."""
        builder = self.builder
        if (number := builder.constant_value(which)) is not None:
            return cases[int(number)]
        settled = [self.settled(case) if case else {} for case in cases]
        chosen: Form = {}
        for v in dict.fromkeys(v for case in settled for v in case):
            dtype = next(builder.nodes[case[v]].dtype for case in settled if v in case)
            zero = builder.const(0.0, dtype)
            chosen[v] = builder.emit("select_n", (which, *(case.get(v, zero) for case in settled)), dtype)
        return chosen or None
