"""What searchers are made of, those of plugins too: the best order so far, parts that take turns, compiled loops."""

from .incumbent import Incumbent
from .turns import Interleaved, Part, interleave

__all__ = ["Incumbent", "Interleaved", "Part", "interleave"]
