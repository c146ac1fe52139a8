"""Whether a straight-line program pays: an estimate from the traced function, made before anything is expanded.

A backend walks its trace once and counts (:class:`Features`); nothing is built, so that refusing costs a fraction of
what the framework's own first call costs.  Seconds are those of one core of 2024; only their ratios decide.
"""

from .cells import cells_late_obstacle, cells_may_pay, cells_nodes, cells_obstacle
from .costs import better_mode, call, first_call, framework_call, framework_first_call
from .features import COMPILED, EAGER, Features, Modes
from .loops import loops_obstacle
from .scalar import fusion_obstacle, is_constant, late_obstacle, obstacle, regions_late_obstacle, regions_obstacle

__all__ = [
    "COMPILED",
    "EAGER",
    "Features",
    "Modes",
    "better_mode",
    "call",
    "cells_late_obstacle",
    "cells_may_pay",
    "cells_nodes",
    "cells_obstacle",
    "first_call",
    "framework_call",
    "framework_first_call",
    "fusion_obstacle",
    "is_constant",
    "late_obstacle",
    "loops_obstacle",
    "obstacle",
    "regions_late_obstacle",
    "regions_obstacle",
]
