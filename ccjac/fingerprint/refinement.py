"""Ordered partitions of a graph's vertices, refined until every vertex is on its own.

A *cell* holds vertices that nothing seen so far tells apart.  Cells are named by their first position in the ordered
partition, so that splitting one leaves the others' names alone (McKay & Piperno, *Practical graph isomorphism II*,
J. Symbolic Computation 2014, section 3).  Every decision depends on names and sizes of cells, never on vertex numbers,
except that :meth:`Partition.individualise_all` takes any of the vertices that it cannot tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise

from ..graph import Graph

_LOOKAHEAD = 1 << 11
"""How many vertices all trials together may look at: a few milliseconds, and none in large graphs."""


@dataclass(frozen=True)
class Links:
    """Who neighbours whom, and the words by which neighbours tell each other their cells.

    A vertex adds up the words that it hears.  Equal sums of different words are as unlikely as a hash collision.

    Attributes:
        kinds: For every kind of link the neighbours of every vertex.
        words: ``words[len(kinds) * cell + kind]``, a random number each.
    """

    kinds: Sequence[Sequence[Sequence[int]]]
    words: Sequence[int]

    @classmethod
    def of(cls, graph: Graph, words: Sequence[int]) -> Links:
        """The links along and against all edges, and once more along and against the unit edges: four kinds."""
        unit_out: list[list[int]] = [[] for _ in range(graph.size)]
        unit_in: list[list[int]] = [[] for _ in range(graph.size)]
        for a, b in graph.unit_edges:
            unit_out[a].append(b)
            unit_in[b].append(a)
        return cls((graph.successors, graph.predecessors, unit_out, unit_in), words)


class Partition:
    """An ordered partition under refinement.

    Members of a cell need not be interchangeable: refinement cannot tell a ring of six from two rings of three.  In
    small partitions the consequences of singling out each member are compared, otherwise any member is taken.

    Attributes:
        cell: For every vertex its cell's name, and for a vertex that is alone ``~name``.
        members: The vertices of every cell with more than one, by name.
    """

    __slots__ = ("_changed", "_links", "cell", "members")

    def __init__(self, links: Links, order: Sequence[int], starts: Sequence[int]) -> None:
        """Start from the vertices in ``order``, a new cell at each of the ascending positions ``starts``."""
        self._links = links
        self._changed: list[int] = []
        self.cell = [0] * len(order)
        self.members: dict[int, set[int]] = {}
        for start, end in pairwise([*starts, len(order)]):
            self._place(start, order[start:end])

    def position(self, v: int) -> int:
        """The name of the cell of ``v``; unique, and the canonical number of ``v``, once every vertex is alone."""
        name = self.cell[v]
        return name if name >= 0 else ~name

    def individualise_all(self) -> None:
        """Single out a member of a smallest cell of several, refine, and repeat until there is none.

        Small cells first, because their members are likely to be interchangeable: in an attention layer the tokens are
        a small cell and the pairs of tokens a large one, in which a token's pair with itself is not like the others.

        Of members that look alike it is the one with the highest number, because it gets the highest position: a graph
        that already has canonical numbers keeps them, and with them its fingerprint, even where the choice matters.
        """
        budget = _LOOKAHEAD
        ranked: dict[int, list[int]] = {}
        queue: list[tuple[int, int]] = []
        self._changed = list(self.members)
        while self.members:
            for name in self._changed:
                if name in self.members:
                    heappush(queue, (len(self.members[name]), name))
            self._changed.clear()
            size, start = heappop(queue)
            rest = self.members.get(start, ())
            if len(rest) != size:
                continue
            if size * len(self.cell) <= budget:
                budget -= size * len(self.cell)
                self._individualise(start, min(sorted(rest, reverse=True), key=lambda v: self._outcome(start, v)))
                continue
            # A cell only ever loses members, so that it is sorted once.
            if start not in ranked:
                ranked[start] = sorted(rest)
            candidates = ranked[start]
            while candidates[-1] not in rest:
                candidates.pop()
            self._individualise(start, candidates.pop())

    def _individualise(self, start: int, v: int) -> None:
        """Give ``v`` the last place in its cell ``start``, alone, and refine."""
        self._split(start, [[v]])
        self.refine([v])

    def _outcome(self, start: int, v: int) -> list[tuple[int, int]]:
        """What would be seen if ``v`` were singled out: for every vertex its cell and the words of all its links."""
        trial = Partition(self._links, (), ())
        trial.cell = self.cell.copy()
        trial.members = {name: members.copy() for name, members in self.members.items()}
        trial._individualise(start, v)
        heard = [0] * len(trial.cell)
        for kind, neighbours in enumerate(self._links.kinds):
            for v, listeners in enumerate(neighbours):
                for w in listeners:
                    heard[w] += self._links.words[4 * trial.position(v) + kind]
        return sorted(zip(trial.cell, heard, strict=True))

    def refine(self, news: Sequence[int]) -> None:
        """Split cells by their members' links to vertices whose cells are new, and go on with what that splits.

        Args:
            news: All members of every cell that was cut off since the last refinement; of the parts of one cell
                the largest may be left out, for the counts to it follow from the others'.
        """
        while news:
            news = self._round(news)

    def _round(self, news: Sequence[int]) -> list[int]:
        """One synchronous step of :meth:`refine`: returns the next ``news``."""
        cell = self.cell
        by_cell: dict[int, dict[int, list[int]]] = {}
        for w, sound in self._hear(news).items():
            groups = by_cell.get(cell[w])
            if groups is None:
                by_cell[cell[w]] = {sound: [w]}
            elif sound in groups:
                groups[sound].append(w)
            else:
                groups[sound] = [w]
        cut_off: list[int] = []
        for start, groups in by_cell.items():
            if len(groups) > 1:
                cut_off += self._split(start, [groups[sound] for sound in sorted(groups)])
            else:
                (part,) = groups.values()
                if len(part) < len(self.members[start]):
                    cut_off += self._split(start, [part])
        return cut_off

    def _hear(self, news: Sequence[int]) -> dict[int, int]:
        """Sums of the words that ``news`` tell their neighbours in cells of several."""
        cell, words = self.cell, self._links.words
        along, against, unit_along, unit_against = self._links.kinds
        heard: dict[int, int] = {}
        # Symmetric graphs spend their time here: one loop per kind, written out, takes half as long as one for all.
        for v in news:
            name = cell[v]
            first = 4 * name if name >= 0 else -4 * name - 4
            word = words[first]
            for w in along[v]:
                if cell[w] >= 0:
                    heard[w] = heard.get(w, 0) + word
            word = words[first + 1]
            for w in against[v]:
                if cell[w] >= 0:
                    heard[w] = heard.get(w, 0) + word
            word = words[first + 2]
            for w in unit_along[v]:
                if cell[w] >= 0:
                    heard[w] += word
            word = words[first + 3]
            for w in unit_against[v]:
                if cell[w] >= 0:
                    heard[w] += word
        return heard

    def _split(self, start: int, parts: list[list[int]]) -> list[int]:
        """Cut ``parts`` off the cell ``start``; returns all that is cut off except the largest piece.

        Members that are in no part keep the name and are not touched, so a split costs what it cuts off.
        """
        silent = self.members[start]
        silent.difference_update(*parts)
        rest = len(silent)
        if rest < 2:
            del self.members[start]
            for v in silent:
                self.cell[v] = ~start
        else:
            self._changed.append(start)
        name = start + rest
        for part in parts:
            self._place(name, part)
            name += len(part)
        if len(parts) == 1:
            return parts[0] if rest >= len(parts[0]) else list(silent)
        pieces = [list(silent), *parts]
        pieces.remove(max(pieces, key=len))
        return [v for piece in pieces for v in piece]

    def _place(self, name: int, part: Sequence[int]) -> None:
        """Make ``part`` the cell ``name``."""
        cell = self.cell
        if len(part) == 1:
            cell[part[0]] = ~name
            return
        for v in part:
            cell[v] = name
        self.members[name] = set(part)
        self._changed.append(name)
