"""A traced function, split into its primal scalar program and the graph of its local partials.

Backends fill a :class:`Recorder` while they walk through a traced function; everything after that is free of
frameworks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import UnsupportedError
from ..graph import Edge, Graph
from . import Builder

Form = dict[int, int]
"""A linear combination of vertices: vertex -> program value that is its coefficient.  An empty form is zero."""

NO_TANGENT = -1
"""In arrays of vertices: this entry does not depend on the differentiated inputs."""


@dataclass(frozen=True, eq=False)
class Linearization:
    """What a backend hands to the core.

    Attributes:
        builder: The scalar program so far: primal values, residuals and local partials.
        graph: The linearized computational graph; its inputs are the differentiated input scalars in argument order.
        partials: For every edge of ``graph`` the program value of its partial.
        values: The program values of the function's results (auxiliary ones last), flattened.
        n_scalars: Number of input scalars, differentiated ones first.
    """

    builder: Builder
    graph: Graph
    partials: dict[Edge, int]
    values: tuple[int, ...]
    n_scalars: int


class Recorder:
    """Collects vertices and partials while a backend walks through a function.

    ``limit`` bounds the number of program values; beyond it :class:`UnsupportedError` stops the expansion, and the
    caller differentiates with the framework's own modes instead.
    """

    def __init__(self, n_inputs: int, limit: int) -> None:
        self.builder = Builder()
        self.n_inputs = n_inputs
        self.limit = limit
        self._forms: list[Form] = []
        self._labels: list[str] = []
        self.integers: dict[int, frozenset[int] | None] = {}

    def check_size(self, upcoming: int = 0) -> None:
        """Stop the expansion if ``upcoming`` more values would exceed the limit."""
        if len(self.builder) + upcoming > self.limit:
            raise UnsupportedError(f"the function expands to more than {self.limit} scalar operations")

    def vertex(self, form: Form, label: str = "") -> int:
        """The vertex whose tangent is ``form``: an old one if the form is just that, ``NO_TANGENT`` for an empty
        form.
        """
        form = {v: c for v, c in form.items() if self.builder.constant_value(c) != 0}
        if not form:
            return NO_TANGENT
        if len(form) == 1:
            ((v, c),) = form.items()
            if self.builder.constant_value(c) == 1:
                return v
        self._forms.append(form)
        self._labels.append(label)
        return self.n_inputs + len(self._forms) - 1

    def finish(self, outputs: Sequence[int], values: Sequence[int], n_scalars: int) -> Linearization:
        """Close the recording.

        Args:
            outputs: The vertex of every differentiated result, ``NO_TANGENT`` where it is constant.
            values: Program values of all results.
            n_scalars: Number of input scalars, differentiated ones first.
        """
        kept = self._needed(outputs)
        number = {v: v for v in range(self.n_inputs)}
        number.update((v, self.n_inputs + k) for k, v in enumerate(kept))
        partials = {(number[p], number[v]): c for v in kept for p, c in self._forms[v - self.n_inputs].items()}
        labels = [self._labels[v - self.n_inputs] for v in kept]
        n_vertices = len(kept)
        marked: list[int] = []
        for v in outputs:
            if v == NO_TANGENT:
                # A constant result still is an output of the graph: a vertex that nothing enters.
                marked.append(self.n_inputs + n_vertices)
                labels.append("constant")
                n_vertices += 1
            else:
                marked.append(number[v])
        units = [e for e, c in partials.items() if self.builder.constant_value(c) in (1.0, -1.0)]
        graph = Graph.from_edges(self.n_inputs, n_vertices, marked, partials, units, labels=labels)
        # Edges that the normal form added lead to copies of outputs: their partial is one.
        for edge in graph.edges:
            if edge not in partials:
                partials[edge] = self.builder.const(1.0, self._copy_dtype(edge[0], partials))
        return Linearization(self.builder, graph, partials, tuple(values), n_scalars)

    def _needed(self, outputs: Sequence[int]) -> list[int]:
        seen: set[int] = set()
        stack = [v for v in outputs if v >= self.n_inputs]
        while stack:
            v = stack.pop()
            if v not in seen:
                seen.add(v)
                stack.extend(p for p in self._forms[v - self.n_inputs] if p >= self.n_inputs)
        return sorted(seen)

    def _copy_dtype(self, vertex: int, partials: dict[Edge, int]) -> str:
        for (_, target), c in partials.items():
            if target == vertex:
                return self.builder.nodes[c].dtype
        return "float32"
