"""What every ATen operator means: names for what the core does, and compositions of other operators.

One mathematics shall be one graph, whichever framework it is written in.  Where torch has one operator for what JAX
composes of several operations, the composition here is JAX's.
"""

from __future__ import annotations

from . import compositions
from .backward import BACKWARD
from .elementwise import ELEMENTWISE
from .linalg import LINALG, SOLUTIONS
from .lookup import LOOKUP, PLACES
from .operation import Operation, Rule
from .products import PRODUCTS
from .reductions import REDUCTIONS
from .structural import STRUCTURAL

RULES: dict[str, Rule] = {**ELEMENTWISE, **REDUCTIONS, **PRODUCTS, **STRUCTURAL, **LINALG, **LOOKUP}
"""Operator -> rule."""

COMPOSITIONS = {**compositions.COMPOSITIONS, **BACKWARD, **SOLUTIONS}
"""Operator -> the same by other operators."""

__all__ = ["COMPOSITIONS", "LINALG", "PLACES", "RULES", "Operation", "Rule"]
