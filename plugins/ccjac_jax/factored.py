"""Sparse plus low rank: cells for what is local, one sweep in reverse for every number that depends on everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import sparse as jsparse

from ccjac.elements.factored import FactoredProgram
from ccjac.errors import UnsupportedError
from ccjac.limits import PICKED_FROM
from ccjac.pattern import Pattern

from .apart import Path, value_at
from .cells import CellCall
from .formats import dense
from .framework import Function, has_both_modes
from .operator import JacobianOperator


@dataclass(frozen=True, eq=False)
class FactoredCall:
    """``S + U V`` as a function of the operands.

    Attributes:
        function: The function.
        program: How its Jacobian is divided.
        shapes: Of the operands.
    """

    function: Function
    program: FactoredProgram
    shapes: tuple[tuple[int, ...], ...]

    @cached_property
    def _cells(self) -> CellCall:
        graph, cut = self.program.graph, self.program.extended.cut
        return CellCall(self.program.extended, (*self.shapes, *((graph.blocks[k].size,) for k in cut)))

    def check(self, types: Sequence[Any]) -> None:
        """Find out whether the numbers have derivatives.

        Raises:
            UnsupportedError: They have none in reverse.
        """
        if has_both_modes(self.function.jaxpr):
            return
        try:
            jax.eval_shape(self._numbers, *types)
        except Exception as error:
            raise UnsupportedError(f"what depends on everything has no derivative in reverse: {error}") from None

    def _numbers(self, *operands: Any) -> tuple[list[Any], Any]:
        """All numbers, flat, block by block, and ``V [rank, inputs]``."""
        graph, cut = self.program.graph, self.program.extended.cut
        n = self.program.n_arguments

        def apart(*varying: Any) -> tuple[list[Any], list[Any]]:
            closed, arguments = self.function.at(*varying, *operands[n:])
            found = [jnp.ravel(value_at(closed, arguments, _path(graph.origins[k]))) for k in cut]
            return [x for x, k in zip(found, cut, strict=True) if graph.blocks[k].is_differentiated], found

        moving, pull, found = jax.vjp(apart, *operands[:n], has_aux=True)
        identity = np.eye(self.program.rank)
        ends = np.cumsum([x.size for x in moving]).tolist()
        seeds = [jnp.asarray(identity[:, end - x.size : end], x.dtype) for x, end in zip(moving, ends, strict=True)]
        rows = jax.vmap(lambda *t: pull(list(t)))(*seeds) if seeds else [jnp.zeros((0, *a.shape)) for a in operands[:n]]
        widths = [jnp.size(a) for a in operands[:n]]
        wide = [jnp.reshape(x, (self.program.rank, width)) for x, width in zip(rows, widths, strict=True)]
        return found, jnp.concatenate([x.astype(self.program.dtype) for x in wide], axis=1)

    def _factors(self, *operands: Any) -> tuple[Any, Any]:
        """The values of ``S`` and ``U``, and ``V``."""
        numbers, right = self._numbers(*operands)
        return self._cells.values(*operands, *numbers), right

    def values(self, *operands: Any) -> Any:
        """The entries of the product multiplied out, block by block."""
        program = self.program
        written, right = self._factors(*operands)
        whole = program.whole
        (sparse, sparse_places), (left, left_places) = program.sparse_whole, program.left_whole
        own, factors = written[sparse_places], written[left_places]
        if whole.density >= PICKED_FROM and whole.shape[0] * whole.shape[1] < 2**31:
            product = dense(own, sparse).reshape(sparse.shape) + dense(factors, left).reshape(left.shape) @ right
            found = product.ravel()
            if whole.nnz != found.size:
                found = found[_keys(whole.rows, whole.cols, whole)]
        else:
            entry, rows, columns = program.products
            keys = _keys(whole.rows, whole.cols, whole)
            found = jnp.zeros(whole.nnz, program.dtype)
            found = found.at[np.searchsorted(keys, _keys(sparse.rows, sparse.cols, whole))].set(own)
            products = factors[entry] * right[left.cols[entry], columns]
            found = found.at[np.searchsorted(keys, _keys(rows, columns, whole))].add(products)
        order = program.in_whole
        return found if order is None else jnp.zeros_like(found).at[order].set(found)

    def operators(self, *operands: Any) -> list[JacobianOperator]:
        """One operator for every block."""
        written, right = self._factors(*operands)
        blocks: list[JacobianOperator] = []
        n, start = self.program.n_arguments, 0
        for line in self.program.extended.patterns:
            parts = []
            for pattern in line:
                parts.append(written[start : start + pattern.nnz])
                start += pattern.nnz
            height = line[0].shape[0]
            sides = [dense(x, p).reshape(p.shape) for x, p in zip(parts[n:], line[n:], strict=True)]
            left = jnp.concatenate([*sides, jnp.zeros((height, 0), self.program.dtype)], axis=1)
            first = 0
            for values, pattern in zip(parts[:n], line[:n], strict=True):
                matrix = jsparse.BCSR(
                    (values, jnp.asarray(pattern.cols), jnp.asarray(pattern.indptr)),
                    shape=pattern.shape,
                    indices_sorted=True,
                    unique_indices=True,
                )
                blocks.append(JacobianOperator(matrix, left, right[:, first : first + pattern.shape[1]]))
                first += pattern.shape[1]
        return blocks


def _path(origin: Any) -> Path:
    """What :func:`.elements.walk` noted."""
    return tuple(origin)


def _keys(rows: np.ndarray, columns: np.ndarray, whole: Pattern) -> np.ndarray:
    return rows.astype(np.int64) * whole.shape[1] + columns
