"""From a call of a Jacobian function to a compiled program: which arguments are static, what may be used again, and the
one road from a traced function to what runs it."""

from .checked import checked
from .differentiated import differentiator
from .inspection import graph_of, pattern_of, plan_of
from .memory import clear
from .selection import select_backend

__all__ = ["checked", "clear", "differentiator", "graph_of", "pattern_of", "plan_of", "select_backend"]
