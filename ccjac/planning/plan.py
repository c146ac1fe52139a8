"""The plan of a Jacobian: graph, order, price and provenance.  A fused function's says what runs it, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .. import elimination
from ..cost import MULTIPLICATIONS
from ..elimination import Counts
from ..errors import UnsupportedError
from ..graph import Graph
from ..kernels.export import CSource
from ..limits import MARKOWITZ_LIMIT
from ..pictures.picture import Picture
from ..regions.region import Region
from .recipe import NumpyCallable, Recipe
from .wording import source_in_words

if TYPE_CHECKING:
    from ..ordering.protocol import Certificate

LOOPS = "loops"
"""The source of a Jacobian whose loops are not unrolled."""
CONSTANT = "constant"
"""The source and the executor of a Jacobian that does not depend on the arguments."""

FUSED = "fused"
"""The source of a function that is computed itself, as one program: :func:`ccjac.fuse`."""

FRAMEWORK = "framework"
"""The executor of a function to be fused that is left as it is."""


@dataclass(frozen=True, eq=False)
class Plan:
    """How a Jacobian is computed.  Pass one as ``order=`` to reuse it.

    Attributes:
        graph: The linearized computational graph, ``None`` for a constant and a fallback.
        order: The intermediate vertices in the order of their elimination.
        source: ``"zoo:<name>"``, ``"greedy:<rule>"``, ``"search:<method>"``, ``"given"``, ``"constant"`` (a Jacobian
            that does not depend on the arguments), ``"fused"`` (no Jacobian but the function itself) or
            ``"fallback"``.
        claimed_bound: The lower bound for ``multiplications`` that comes with the order, 0 if none does.  What a file
            says is a claim; see :attr:`lower_bound`.
        certificate: Why that bound holds, if anybody said so.
        trusted: Whether the bound was computed in this process, so that it need not be computed again.
        executor: What runs it, once compiled: ``"kernel"``, ``"ops"``, ``"forward"``, ``"reverse"`` or, of a fused
            function, ``"framework"``.
        reason: Why this executor or this fallback.
        operations: Of the straight-line program of one sample, for fused functions.
        regions: What the framework computes between scalar programs: operations, executor, reason, and where partials
            come from.
        segments: Of a function with loops (source ``"loops"``): for every segment how often it runs (``None``: as long
            as its condition says), what it is and where in the code, and its plan.
        direction: Of such a function: ``"forward"`` or ``"reverse"`` accumulation.
    """

    graph: Graph | None
    order: tuple[int, ...]
    source: str
    claimed_bound: int = 0
    certificate: Certificate | None = field(default=None, repr=False)
    trusted: bool = field(default=False, repr=False)
    executor: str = ""
    reason: str = ""
    _fingerprint: str = field(default="", repr=False)
    parts: tuple[tuple[int, Plan], ...] = field(default=(), repr=False)
    _recipe: Recipe | None = field(default=None, repr=False)
    operations: int = 0
    segments: tuple[tuple[int | None, str, Plan], ...] = field(default=(), repr=False)
    regions: tuple[Region, ...] = field(default=(), repr=False)
    direction: str = ""

    @cached_property
    def counts(self) -> Counts:
        """Products and sums of the elimination; all zero for a fallback."""
        return elimination.count(self.graph, self.order) if self.graph is not None else Counts((0, 0, 0), 0)

    @property
    def multiplications(self) -> int:
        """Executed multiplications of partials; those by ±1 are free."""
        return self.counts.multiplications

    @property
    def structural(self) -> int:
        """The literature's count: every pair of an in-edge and an out-edge."""
        return self.counts.structural

    @property
    def additions(self) -> int:
        """Products that are added to an existing edge."""
        return self.counts.additions

    @cached_property
    def lower_bound(self) -> int:
        """A proven lower bound for ``multiplications``, 0 if there is none.

        A bound that came from a file is computed anew from its certificate, on first use.  Where that would take longer
        than about a second, or the proof was an exhaustive search, it remains a claim, and counts as 0 here.  Bounds
        from groups need compiled code, which takes some seconds once per machine.
        """
        if self.graph is None or self.trusted or not self.claimed_bound or self.certificate is None:
            return self.claimed_bound if self.trusted else 0
        from ..ordering.bounds.recheck import recomputed

        return recomputed(self.graph, MULTIPLICATIONS, self.certificate) or 0

    @property
    def optimal(self) -> bool:
        """Whether ``multiplications`` is proven to be minimal over all vertex elimination orders."""
        return self.graph is not None and self.multiplications <= self.lower_bound

    @property
    def certainty(self) -> str:
        """How far the order may be from the best one, in a few words; what is merely claimed is called a claim.

        Nothing is compiled for it: a bound from groups counts as a claim until :attr:`lower_bound` was asked for.
        """
        waiting = not self.trusted and self.certificate is not None and self.certificate.proof == "groups"
        proven = 0 if waiting and "lower_bound" not in self.__dict__ else self.lower_bound
        words = self._at_least(proven)
        if self.claimed_bound <= proven or self.graph is None:
            return words
        proof = f"proof: {self.certificate.proof}" if self.certificate is not None else "no proof"
        return f"{self._at_least(self.claimed_bound)} as its source claims, {proof}"

    def _at_least(self, bound: int) -> str:
        if self.graph is not None and self.multiplications <= bound:
            return "optimal"
        return f"at least {bound:,}" if bound else "not bounded"

    @cached_property
    def fingerprint(self) -> str:
        """The key of the graph's structure in a zoo, 32 hexadecimal digits; empty for a fallback."""
        if self._fingerprint or self.graph is None:
            return self._fingerprint
        from ..fingerprint import canonical

        return canonical(self.graph).fingerprint

    @property
    def granularity(self) -> str:
        """``"scalar"`` or ``"tensor"``; empty for a fallback."""
        return self.graph.granularity if self.graph is not None else ""

    def with_executor(self, executor: str, reason: str) -> Plan:
        """The same plan, once it is known what runs it."""
        return replace(self, executor=executor, reason=reason)

    @cached_property
    def comparison(self) -> dict[str, Counts]:
        """What forward, reverse, Markowitz (of graphs where it takes no seconds) and this order cost, by name."""
        graph = self.graph
        if graph is None:
            return {}
        orders = {"forward": elimination.forward_order(graph), "reverse": elimination.reverse_order(graph)}
        if len(graph.eliminable) <= MARKOWITZ_LIMIT:
            from ..ordering import greedy

            orders["markowitz"] = greedy.markowitz(graph)
        return {name: elimination.count(graph, order) for name, order in orders.items()} | {"this order": self.counts}

    def describe(self) -> str:
        """A short table: this order beside forward, reverse and Markowitz, and where it came from."""
        graph = self.graph
        if self.parts:
            return self._described_parts()
        if self.source == LOOPS:
            return self._described_loops()
        if graph is None:
            if self.source == CONSTANT:
                return f"Plan: a constant Jacobian ({self.reason}), computed once by the framework itself"
            if self.source == FUSED:
                return f"Plan: the function itself as one loop over the batch, {self.operations:,} operations a sample"
            if self.executor == FRAMEWORK:
                return f"Plan: the function as the framework runs it (fallback: {self.reason})"
            return f"Plan: {self.executor or 'framework'} mode of the framework itself (fallback: {self.reason})"
        lines = [
            f"Plan: {graph.n_inputs} inputs, {len(graph.eliminable)} intermediate vertices, "
            f"{len(graph.outputs)} outputs, "
            f"{len(graph.edges)} edges ({len(graph.unit_edges)} units), {graph.granularity} granularity",
            f"{'order':<12}{'multiplications':>16}{'structural':>12}{'additions':>11}",
        ]
        for name, c in self.comparison.items():
            lines.append(f"{name:<12}{c.multiplications:>16,}{c.structural:>12,}{c.additions:>11,}")
        words = source_in_words(self.source)
        lines.append(f"source       {self.source} ({words + '; ' if words else ''}multiplications: {self.certainty})")
        if graph.labels and self.order:
            v, pairs = elimination.heaviest(graph, self.order)
            label = graph.labels[v - graph.n_inputs]
            lines.append(f"heaviest     vertex {v}: {pairs} pairs" + (f" ({label})" if label else ""))
        if self.executor:
            lines.append(f"executor     {self.executor}" + (f" ({self.reason})" if self.reason else ""))
        lines += [f"region       {region.about}" for region in self.regions]
        lines.append(f"fingerprint  {self.fingerprint}")
        return "\n".join(lines)

    def _described_parts(self) -> str:
        lines = [
            f"Plan: {len(self.parts)} cells, {sum(n * p.multiplications for n, p in self.parts):,} multiplications",
            f"{'members':>10}{'inputs':>8}{'outputs':>9}{'vertices':>10}{'multiplications':>17}  source",
        ]
        for members, plan in self.parts:
            graph = plan.graph
            assert graph is not None
            lines.append(
                f"{members:>10,}{graph.n_inputs:>8}{len(graph.outputs):>9}{len(graph.eliminable):>10}"
                f"{plan.multiplications:>17,}  {plan.source}"
            )
        if self.reason:
            lines.append(f"cells, because {self.reason}")
        return "\n".join(lines)

    def _described_loops(self) -> str:
        lines = [
            f"Plan: loops stay loops; {self.direction} accumulation through {len(self.segments)} segments",
            f"{'steps':>10}{'inputs':>8}{'outputs':>9}{'vertices':>10}{'multiplications':>17}  source",
        ]
        for steps, label, plan in self.segments:
            graph = plan.graph
            assert graph is not None
            times = "until done" if steps is None else f"{steps:,}"
            lines.append(
                f"{times:>10}{graph.n_inputs:>8}{len(graph.outputs):>9}{len(graph.eliminable):>10}"
                f"{plan.multiplications:>17,}  {plan.source}" + (f", {label}" if label else "")
            )
        lines.append(f"executor     {self.executor}: one loop over the batch around all steps")
        if self.reason:
            lines.append(f"loops, because {self.reason}")
        return "\n".join(lines)

    @property
    def pieces(self) -> tuple[tuple[str, Plan], ...]:
        """Cells, or segments of loops: how often each runs, in words, and its plan, which has a graph of its own."""
        cells = tuple((f"cell of {n:,} members", plan) for n, plan in self.parts)
        often = {None: "as long as its condition says", 1: "once"}
        return cells or tuple(
            (f"{label or 'what is around loops'}, {often.get(n, f'{n:,} times' if n else '')}", plan)
            for n, label, plan in self.segments
        )

    def picture(self) -> Picture:
        """The graph as something to draw, numbered in turn, dear vertices weighted.

        Raises:
            UnsupportedError: A fallback has no graph.
        """
        if self.graph is None:
            why = f"a fallback ({self.reason})" if self.source != FUSED else "that of a fused function"
            if self.pieces:
                why = "in pieces; each has one: `plan.pieces[0][1].plot()`"
            raise UnsupportedError(f"This `Plan` has no graph to draw: it is {why}.")
        steps = elimination.steps(self.graph, self.order)
        dearest = max((step.counts.multiplications for step in steps), default=0) or 1
        weights = {step.vertex: step.counts.multiplications / dearest for step in steps}
        return self.graph.picture(self.order, weights)

    def plot(self, axes: Any = None) -> Any:
        """Draw the graph in layers with matplotlib: vertices are numbered in the order of their elimination.

        Args:
            axes: Where to draw, by default into a new figure; ``plan.plot().figure.savefig("plan.png")`` keeps it.

        Returns:
            The axes.

        Raises:
            UnsupportedError: A fallback has no graph.
            ImportError: matplotlib is not installed.
        """
        from ..pictures.plot import plot

        return plot(self.picture(), axes, f"{self.multiplications:,} multiplications, {self.source}")

    def with_recipe(self, recipe: Recipe) -> Plan:
        """The same plan, with what its program is made of."""
        return replace(self, _recipe=recipe)

    def to_c(self, name: str | None = None, *, value: bool | None = None, nonzeros: bool = False) -> CSource:
        """The Jacobian of one sample, and of a batch in a loop, as C99 that needs nothing but ``math.h``.

        Args:
            name: Of the C function, by default that of the function with ``_jacobian`` behind it.
            value: Whether the function's value is computed too; by default as the plan was made: yes for plans of
                :func:`ccjac.value_and_jacobian`.
            nonzeros: Write the entries only that are not always zero, row by row; tables of their rows and columns
                (flat indices of the output and of the argument) stand in the source.

        Returns:
            Header and source; :meth:`CSource.save` writes them.  The parameters are the function's arguments in its own
            order, every array of a container by itself, without static ones; then the value's and the Jacobian's
            blocks, of shape ``output + argument``.

        Raises:
            UnsupportedError: There is no scalar program (a fallback, a plan by cells, one that was loaded from a file),
                or an operation cannot be written in C.
            InputError: ``name`` is no identifier of C.
        """
        return self._known_recipe("to_c").c(name, value, nonzeros)

    def to_numpy(self, *, value: bool | None = None) -> NumpyCallable:
        """The Jacobian as a function of numpy arrays, for ``scipy.optimize`` and ``scipy.integrate``.

        It is compiled for single samples and needs no framework: a call takes one to three microseconds.

        Args:
            value: As for :meth:`to_c`.

        Returns:
            A function of the arguments of the plan's function in its own order, every array of a container by itself,
            without static ones.  It returns the one block of the Jacobian, or all results as a tuple, values first.

        Raises:
            UnsupportedError: There is no scalar program, or it cannot become a kernel.
        """
        return self._known_recipe("to_numpy").numpy(value)

    def _known_recipe(self, method: str) -> Recipe:
        if self._recipe is not None:
            return self._recipe
        if self.parts:
            why = "computes by cells; leave `output` out"
        elif self.source == LOOPS:
            why = "has loops, which have no straight-line program"
        elif self.regions:
            why = "leaves a part of the function to its framework"
        elif self.graph is None:
            why = f"leaves the function to its framework ({self.reason or self.source})"
        else:
            why = (
                "has an order but no program, as it was loaded or made from a graph alone; take the plan of the "
                "function: `ccjac.plan(f, *args, order=plan)`"
            )
        raise UnsupportedError(f"`Plan.{method}` needs the program of a function, but this plan {why}.")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plan to a JSON file, for :meth:`load` elsewhere or later.

        Raises:
            OSError: The file cannot be written; an old one is then unchanged.
        """
        from .files import encode, write

        fields = {name: getattr(self, name) for name in ("source", "executor", "reason", "fingerprint")}
        bound = self.claimed_bound, self.certificate
        write(path, encode(self.graph, self.order, self.multiplications, bound, fields))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Plan:
        """Read what :meth:`save` wrote.  Pass it as ``order=``.

        Everything is checked: the order against the graph, the cost against both, the fingerprint against the graph.
        A bound is a claim, see :attr:`lower_bound`.

        Raises:
            InputError: The file is no plan, is damaged, or belongs to a newer version.
            OSError: It cannot be read.
        """
        from .files import decode, read

        return cls(**decode(read(path)))

    def _repr_html_(self) -> str:
        """What notebooks show: the table, and a drawing where it shows anything."""
        from html import escape

        from ..pictures.html import table
        from ..pictures.svg import LARGEST, drawing

        if self.graph is None:
            return f"<p>{escape(self.describe())}</p>"
        columns = ("order", "multiplications", "structural", "additions")
        rows = [(name, c.multiplications, c.structural, c.additions) for name, c in self.comparison.items()]
        facts = f"{self.source}; {self.certainty}" + (f"; runs as {self.executor}" if self.executor else "")
        # The steps of a large elimination take longer than anybody who merely looks wants to wait.
        shown = drawing(self.picture()) if self.graph.size <= LARGEST else ""
        return f"{table(columns, rows)}<p>{escape(facts)}</p>{shown}"

    def __repr__(self) -> str:
        return self.describe()
