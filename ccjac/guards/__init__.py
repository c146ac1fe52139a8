"""Whether what a function reads besides its arguments is still what it was.

    guard = record(fun, watch=backend_watch)      # before fun is traced
    ...
    if guard.holds(fun): ...                      # what was made from the trace may be used

A guard is a conjunction of checks, compiled to one Python function of about 50 ns per value.  It names places, not
objects: it holds for every function that was made by the same code and reaches equal values, and it keeps nothing of
the user's alive.
"""

from __future__ import annotations

from .guard import Guard
from .record import record
from .values import Watch, array_key, is_plain, plain_key, same

__all__ = ["Guard", "Watch", "array_key", "is_plain", "plain_key", "record", "same"]
