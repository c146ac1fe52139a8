"""A catalogued function: its formula, where the formula comes from, and points at which it makes sense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from .namespace import namespace

Array = Any
"""An array or scalar of whichever framework the namespace belongs to."""

Sampler = Callable[[np.random.Generator], tuple[Any, ...]]
"""Draws one point, a tuple of float64 scalars and arrays, inside a function's domain of validity."""


@dataclass(frozen=True)
class Task:
    """A framework-neutral function of the catalogue.

    Attributes:
        name: Unique name.
        domain: The field it comes from, one of :func:`ccjac_zoo.domains`.
        function: ``function(xp, *args)``; ``xp`` is ``numpy``, ``jax.numpy``, ``torch`` or anything that behaves like
            them.  It returns one array or a tuple of arrays.
        sample: Draws the arguments of :meth:`example`.
        argnums: The arguments that are differentiated.
        source: Citation of the formula.
        description: One line.
    """

    name: str
    domain: str
    function: Callable[..., Any]
    sample: Sampler
    argnums: tuple[int, ...]
    source: str
    description: str

    def example(self, seed: int = 0) -> tuple[Any, ...]:
        """Arguments (without the namespace) at a random, physically sensible point; the same ones for the same seed."""
        return tuple(np.asarray(value, np.float64)[()] for value in self.sample(np.random.default_rng(seed)))

    def batch(self, size: int, seed: int = 0) -> tuple[np.ndarray, ...]:
        """``size`` points at once: each argument as a float64 array ``[size, ...]``, one row per point."""
        rng = np.random.default_rng(seed)
        points = [self.sample(rng) for _ in range(size)]
        return tuple(np.stack([np.asarray(point[i], np.float64) for point in points]) for i in range(len(self.shapes)))

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of every argument."""
        return tuple(np.shape(value) for value in self.example())

    @cached_property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of every result."""
        return tuple(np.shape(value) for value in _leaves(self.function(np, *self.example())))

    @property
    def n(self) -> int:
        """Number of differentiated scalars, the length of the vector form's argument."""
        return sum(prod(self.shapes[i]) for i in self.argnums)

    @property
    def m(self) -> int:
        """Number of scalar results, the length of the vector form's result."""
        return sum(map(prod, self.output_shapes))

    def bind(self, xp: Any) -> Callable[..., Any]:
        """The function on one framework, as written: ``f(*args)``.

        Args:
            xp: An array namespace, or its name as :func:`ccjac_zoo.namespace` takes it.
        """
        xp, function = namespace(xp), self.function

        def bound(*args: Array) -> Any:
            return function(xp, *args)

        return self._named(bound, "")

    def vector(self, xp: Any, seed: int = 0) -> Callable[[Array], Array]:
        """The function on one framework as ``f(x[n]) -> y[m]``.

        The differentiated arguments are raveled into ``x`` (as :meth:`pack` does), all results into ``y``.  The other
        arguments are those of ``example(seed)``, in the dtype and on the device of ``x``.

        Args:
            xp: An array namespace, or its name as :func:`ccjac_zoo.namespace` takes it.
            seed: Which example the arguments that are not differentiated come from.
        """
        xp, function, shapes, argnums = namespace(xp), self.function, self.shapes, self.argnums
        fixed = self.example(seed)

        def vector(x: Array) -> Array:
            args = [None if i in argnums else like(xp, value, x) for i, value in enumerate(fixed)]
            start = 0
            for i in argnums:
                stop = start + prod(shapes[i])
                args[i] = xp.reshape(x[start:stop], shapes[i]) if shapes[i] else x[start]
                start = stop
            results = _leaves(function(xp, *args))
            # Not numpy's function of that name, which compilers of frameworks refuse.
            if all(getattr(y, "ndim", 0) == 0 for y in results):
                return xp.stack(results)
            return xp.concatenate([xp.reshape(y, (-1,)) for y in results])

        return self._named(vector, "_vector")

    def pack(self, *args: Any) -> np.ndarray:
        """The differentiated ones of ``args`` as the vector form's argument ``x[n]``."""
        return np.concatenate([np.ravel(args[i]) for i in self.argnums])

    def _named(self, function: Callable[..., Any], suffix: str) -> Callable[..., Any]:
        function.__name__ = function.__qualname__ = self.name + suffix
        function.__doc__ = self.function.__doc__
        return function


def like(xp: Any, value: Any, reference: Array) -> Array:
    """``value`` as an array of the framework ``xp``, with the dtype (and device, for torch) of ``reference``."""
    if getattr(xp, "__name__", "") == "torch":
        return xp.asarray(value, dtype=reference.dtype, device=reference.device)
    return xp.asarray(value, dtype=reference.dtype)


def _leaves(result: Any) -> list[Array]:
    return list(result) if isinstance(result, (tuple, list)) else [result]
