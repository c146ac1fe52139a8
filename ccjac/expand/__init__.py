"""Expand a traced function to scalars: what a backend calls for every operation it meets.

A backend names things, the functions here do them.  For every operation of the traced function, with operands that are
known arrays, values of the scalar program, or linear forms (:mod:`~ccjac.expand.values`), it calls one of

* :func:`elementwise`: the same scalar operation on every entry (on tangents: :func:`linear.apply`),
* :func:`move`: entries in another arrangement,
* :func:`reduce`, :func:`running`, :func:`argument`, :func:`contract`, :func:`combine_at`, :func:`by_matrix`: sums,
  products and extremes,
* :func:`select`: one of several arrays,
* :func:`differentiated`, :func:`transposed`: whatever else the framework has a derivative rule for.
"""

from ..program.template import Template
from ..spec import Spec
from . import linalg, linear, lookup
from .derivative import LocalRule, differentiated, transposed
from .elementwise import derived, elementwise
from .expander import Expander, unsupported
from .failures import unforeseen
from .foreign import as_operand, foreign, give, region_of
from .inputs import begin, check_entries, linearize
from .movement import OUTSIDE, move, picked, positions_of
from .reductions import argument, by_matrix, combine_at, contract, reduce, running
from .selection import clamped_case, select
from .sorting import sort
from .values import (
    Foreign,
    Forms,
    Symbolic,
    Value,
    as_numpy,
    forms_of_vertices,
    is_floating,
    is_known,
    lift,
    linear_entries,
    row,
    stack,
    without_tangent,
    zero_forms,
)

__all__ = [
    "OUTSIDE",
    "Expander",
    "Foreign",
    "Forms",
    "LocalRule",
    "Spec",
    "Symbolic",
    "Template",
    "Value",
    "argument",
    "as_numpy",
    "as_operand",
    "begin",
    "by_matrix",
    "check_entries",
    "clamped_case",
    "combine_at",
    "contract",
    "derived",
    "differentiated",
    "elementwise",
    "foreign",
    "forms_of_vertices",
    "give",
    "is_floating",
    "is_known",
    "lift",
    "linalg",
    "linear",
    "linear_entries",
    "linearize",
    "lookup",
    "move",
    "picked",
    "positions_of",
    "reduce",
    "region_of",
    "row",
    "running",
    "select",
    "sort",
    "stack",
    "transposed",
    "unforeseen",
    "unsupported",
    "without_tangent",
    "zero_forms",
]
