"""Graphs without functions: the published benchmark's, and random straight-line programs of any size.

The generated ones are what agents and rules are trained on; the published ones and the catalogue are kept for
evaluation.
"""

from .generated import FAMILIES, Generated, generate
from .published import Published, published
from .scattered import random_graph, recent_code

__all__ = ["FAMILIES", "Generated", "Published", "generate", "published", "random_graph", "recent_code"]
