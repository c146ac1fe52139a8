"""What every ATen operator means: names for what the core does, and compositions of other operators.

One mathematics shall be one graph, whichever framework it is written in.  Where torch has one operator for what JAX
composes of several operations, the composition here is JAX's.
"""

from __future__ import annotations

from .compositions import COMPOSITIONS
from .elementwise import ELEMENTWISE
from .operation import Operation, Rule
from .products import PRODUCTS
from .reductions import REDUCTIONS
from .structural import STRUCTURAL

RULES: dict[str, Rule] = {**ELEMENTWISE, **REDUCTIONS, **PRODUCTS, **STRUCTURAL}
"""Operator -> rule."""

__all__ = ["COMPOSITIONS", "RULES", "Operation", "Rule"]
