"""A traced function, split into its primal scalar program and the graph of its local partials.

Backends fill a :class:`Recorder` while they walk through a traced function; everything after that is free of
frameworks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import TooLargeError, UnsupportedError
from ..graph import Edge, Graph
from ..regions.region import Region
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
        n_scalars: Number of input scalars, differentiated ones first, those that regions give last.
        regions: What the scalar program does not compute itself, every region after those that it depends on.
        stages: For every depth of regions, from 1, what leads up to them: its values are those of their operands, its
            outputs the entries of operands whose derivatives are pushed through a region.
    """

    builder: Builder
    graph: Graph
    partials: dict[Edge, int]
    values: tuple[int, ...]
    n_scalars: int
    regions: tuple[Region, ...] = ()
    stages: tuple[Linearization, ...] = ()


class Recorder:
    """Collects vertices and partials while a backend walks through a function.

    ``limit`` bounds the number of program values; beyond it :class:`UnsupportedError` stops the expansion, and the
    caller differentiates with the framework's own modes instead.
    """

    def __init__(self, n_inputs: int, limit: int, n_scalars: int | None = None) -> None:
        """``n_scalars``, the number of all input scalars, permits regions, which add to them."""
        self.builder = Builder()
        self.n_inputs = n_inputs
        self.limit = limit
        self.n_scalars = n_scalars
        self.regions: list[Region] = []
        self._depth_of_scalar: dict[int, int] = {}
        self._depths: list[int] = []
        self._forms: list[Form] = []
        self._labels: list[str] = []
        self.integers: dict[int, frozenset[int] | None] = {}

    def check_size(self, upcoming: int = 0) -> None:
        """Stop the expansion if ``upcoming`` more values would exceed the limit."""
        if len(self.builder) + upcoming > self.limit:
            raise TooLargeError(f"the function expands to more than {self.limit} scalar operations")

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

    def mark(self) -> tuple[int, ...]:
        """How much has been recorded, for :meth:`rewind`."""
        return len(self.builder), len(self._forms), len(self.regions)

    def rewind(self, mark: tuple[int, ...]) -> None:
        """Forget what was recorded since ``mark``; input scalars that were reserved are left unused."""
        values, forms, regions = mark
        self.builder.forget(values)
        del self._forms[forms:], self._labels[forms:], self.regions[regions:], self._depths[values:]
        self.integers = {k: v for k, v in self.integers.items() if k < values}

    def reserve(self, n: int, depth: int) -> int:
        """``n`` more input scalars, which regions of a depth give: the first one's position.

        Raises:
            UnsupportedError: There are too many, or what is recorded is one operation alone.
        """
        if self.n_scalars is None:
            raise UnsupportedError("an operation inside of another one's rule has no region")
        self.check_size(n)
        first, self.n_scalars = self.n_scalars, self.n_scalars + n
        self._depth_of_scalar.update(dict.fromkeys(range(first, first + n), depth))
        return first

    def depth(self, ids: Iterable[int]) -> int:
        """The depth of the regions that program values depend on, 0 without any."""
        depths = self._depths
        for op, args, _, param in self.builder.nodes[len(depths) :]:
            inner = self._depth_of_scalar.get(param, 0) if op == "input" else 0
            depths.append(max((depths[a] for a in args), default=inner))
        return max((depths[k] for k in ids), default=0)

    def reached(self, vertices: Iterable[int]) -> tuple[int, ...]:
        """The inputs that ``vertices`` depend on."""
        given = [v for v in vertices if v != NO_TANGENT]
        inner = self._needed(given)
        found = {v for v in given if v < self.n_inputs}
        found.update(p for v in inner for p in self._forms[v - self.n_inputs] if p < self.n_inputs)
        return tuple(sorted(found))

    def finish(self, outputs: Sequence[int], values: Sequence[int], n_scalars: int) -> Linearization:
        """Close the recording, which may go on and be closed again with others.

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

    def stages(self) -> list[Linearization]:
        """What leads up to the regions of every depth."""
        found = []
        for depth in range(1, 1 + max((region.depth for region in self.regions), default=0)):
            operands = [(region, o) for region in self.regions if region.depth == depth for o in region.operands]
            outputs = [
                v
                for region, o in operands
                if region.derivative == "pushed" and o.vertices is not None
                for v in o.vertices.ravel().tolist()
            ]
            values = [k for _, o in operands for k in o.ids.ravel().tolist()]
            found.append(self.finish(outputs, values, self.n_scalars or 0))
        return found

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
