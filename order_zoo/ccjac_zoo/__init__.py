"""A catalogue of functions that practitioners differentiate, written once for every array framework.

``tasks()`` gives all of them; ``task("RoeFlux_1d").bind("jax")`` is one of them on JAX.
"""

from .definition import Task
from .namespace import namespace
from .registry import domains, task, tasks

__all__ = ["Task", "domains", "namespace", "task", "tasks"]
