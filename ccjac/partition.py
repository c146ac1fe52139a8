"""Ordered partitions of a graph's vertices, refined until every vertex is on its own.

A *cell* holds vertices that nothing seen so far tells apart.  Cells are named by their first position in the ordered
partition, so that splitting one leaves the others' names alone (McKay & Piperno, *Practical graph isomorphism II*,
J. Symbolic Computation 2014, section 3).  Every decision depends on names and sizes of cells, never on vertex numbers,
except that :meth:`Partition.individualise_all` takes any of the vertices that it cannot tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

_LOOKAHEAD = 1 << 11
_LOOKAHEAD_STEP = 1 << 10
"""How many vertices are looked at in trials, in all and for one choice: a few milliseconds, none in large graphs."""


@dataclass(frozen=True)
class Links:
    """Who neighbours whom, and what a neighbour's cell says over each kind of edge.

    Attributes:
        neighbours: For every vertex ``4 * neighbour + kind`` of all its edges; the kinds are 0 to 3.
        words: ``words[4 * cell + kind]``: a random number that stands for an edge of that kind to that cell.  A vertex
            adds up the words it hears; equal sums with different summands are as unlikely as a hash collision.
    """

    neighbours: Sequence[Sequence[int]]
    words: Sequence[int]


class Partition:
    """An ordered partition under refinement.

    Members of a cell need not be interchangeable: refinement cannot tell a ring of six from two rings of three.  In
    small partitions the consequences of singling out each member are compared, otherwise any member is taken.

    Attributes:
        cell: For every vertex its cell's name.  When all cells are singletons this is a numbering.
        members: The vertices of every cell with more than one, by name.
    """

    __slots__ = ("_links", "cell", "members")

    def __init__(self, links: Links, order: Sequence[int], starts: Sequence[int]) -> None:
        """Start from the vertices in ``order``, a new cell at each of the ascending positions ``starts``."""
        self._links = links
        self.cell = [0] * len(order)
        self.members: dict[int, set[int]] = {}
        for start, end in pairwise([*starts, len(order)]):
            self._place(start, order[start:end])

    def individualise_all(self) -> None:
        """Single out a member of the first cell of several, refine, and repeat until there is none."""
        budget = _LOOKAHEAD
        for start in range(len(self.cell)):
            while rest := self.members.get(start):
                work = len(rest) * len(self.cell)
                if work <= min(budget, _LOOKAHEAD_STEP):
                    budget -= work
                    self._individualise(start, min(rest, key=lambda v: self._outcome(start, v)))
                else:
                    self._individualise(start, next(iter(rest)))

    def _individualise(self, start: int, v: int) -> None:
        """Give ``v`` the last place in its cell ``start``, alone, and refine."""
        rest = self.members[start]
        rest.discard(v)
        self.cell[v] = start + len(rest)
        if len(rest) == 1:
            del self.members[start]
        self.refine([v])

    def _outcome(self, start: int, v: int) -> list[tuple[int, int]]:
        """What would be seen if ``v`` were singled out: for every vertex its cell and the words of all its edges."""
        trial = Partition(self._links, (), ())
        trial.cell = cell = self.cell.copy()
        trial.members = {name: members.copy() for name, members in self.members.items()}
        trial._individualise(start, v)
        words, neighbours = self._links.words, self._links.neighbours
        return sorted(
            (name, sum([words[cell[link >> 2] << 2 | link & 3] for link in links]))
            for name, links in zip(cell, neighbours, strict=True)
        )

    def refine(self, news: Sequence[int]) -> None:
        """Split cells by their members' edges to vertices whose cells are new, and go on with what that splits.

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
            cut_off += self._split(start, [groups[sound] for sound in sorted(groups)])
        return cut_off

    def _hear(self, news: Sequence[int]) -> dict[int, int]:
        """For each neighbour of ``news`` that is in a cell of several the sum of the words that reach it."""
        cell, members, neighbours, words = self.cell, self.members, self._links.neighbours, self._links.words
        heard: dict[int, int] = {}
        for v in news:
            base = cell[v] << 2
            for link in neighbours[v]:
                w = link >> 2
                if cell[w] in members:
                    heard[w] = heard.get(w, 0) + words[base | link & 3]
        return heard

    def _split(self, start: int, parts: Sequence[Sequence[int]]) -> Sequence[int]:
        """Cut ``parts`` off the cell ``start``; returns all that is cut off except the largest piece.

        Members that are in no part keep the name and are not touched, so a split costs what it cuts off.
        """
        silent = self.members[start]
        rest = len(silent)
        for part in parts:
            rest -= len(part)
        if not rest and len(parts) == 1:
            return ()
        silent.difference_update(*parts)
        if rest < 2:
            del self.members[start]
        name = start + rest
        for part in parts:
            self._place(name, part)
            name += len(part)
        if len(parts) == 1 and rest >= len(parts[0]):
            return parts[0]
        pieces = [silent, *parts]
        pieces.remove(max(pieces, key=len))
        return list(chain.from_iterable(pieces))

    def _place(self, name: int, part: Sequence[int]) -> None:
        """Make ``part`` the cell ``name``."""
        cell = self.cell
        for v in part:
            cell[v] = name
        if len(part) > 1:
            self.members[name] = set(part)
