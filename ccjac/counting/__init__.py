"""Count what an estimate needs to know of a function, in one walk that builds nothing.

Every entry that depends on differentiated inputs carries a word of 64 bits, one for each of 64 of the inputs: which of
them it depends on.  Up to 64 inputs that is the exact pattern, above it a sample of the pattern's columns.

A backend walks through its trace and calls a function from here for every operation; see
:mod:`ccjac.estimate` for what is made of the counts.
"""

from .elementwise import elementwise
from .factorisations import factored
from .moving import moved
from .products import contraction
from .reductions import added_at, combined, running, summed
from .selections import indexed, sorted_
from .tally import Tally, finished, inputs
from .values import KNOWN_SIZE, Enough, Value, either, joined, opaque, row, row_of_all, stacked

__all__ = [
    "KNOWN_SIZE",
    "Enough",
    "Tally",
    "Value",
    "added_at",
    "combined",
    "contraction",
    "either",
    "elementwise",
    "factored",
    "finished",
    "indexed",
    "inputs",
    "joined",
    "moved",
    "opaque",
    "row",
    "row_of_all",
    "running",
    "sorted_",
    "stacked",
    "summed",
]
