"""The walk over a jaxpr: calls are entered, loops run as often as it takes to know their pattern."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jax.extend import core as jex

from ccjac.counting import KNOWN_SIZE, Enough, Tally, Value, either, joined, opaque, row, row_of_all, stacked
from ccjac.errors import UnsupportedError
from ccjac.settings import limits

from .. import lowered
from ..computation import KERNEL_NAME, computation_of
from ..concrete import on_numpy
from ..control import CONTROL, parts_of_scan
from ..derivative import is_literal
from ..foreign import WHOLE_ARRAYS
from ..indexing import COMPUTED, SORTS, indices_of
from ..interpreter import CUSTOM
from ..jaxprs import equations, inner_jaxprs
from ..linalg import LINALG
from ..names import ELEMENTWISE
from ..reductions import REDUCTIONS
from ..structural import IDENTITIES, STRUCTURAL
from . import rules
from .rules import constant

_EXACT_STEPS = 300
"""Equations of a loop's steps that are walked one by one; longer loops are walked twice, and scaled."""


class Walk(Tally):
    """A walk and its counts."""

    def run(self, jaxpr: Any, consts: Sequence[Value], operands: Sequence[Value]) -> list[Value]:
        env: dict[Any, Value] = dict(zip(jaxpr.constvars, consts, strict=True))
        env.update(zip(jaxpr.invars, operands, strict=True))

        def read(v: Any) -> Value:
            return Value(np.shape(v.val), True, np.asarray(v.val, v.aval.dtype)) if is_literal(v) else env[v]

        for eqn in jaxpr.eqns:
            env.update(zip(eqn.outvars, self.evaluate(eqn, [read(v) for v in eqn.invars]), strict=True))
        return [read(v) for v in jaxpr.outvars]

    def call(self, jaxpr: Any, operands: Sequence[Value]) -> list[Value]:
        if isinstance(jaxpr, jex.ClosedJaxpr):
            return self.run(jaxpr.jaxpr, [constant(c) for c in jaxpr.consts], operands)
        return self.run(jaxpr, (), operands)

    def evaluate(self, eqn: Any, operands: list[Value]) -> list[Value]:
        name = eqn.primitive.name
        if eqn.effects:
            raise UnsupportedError(f"the operation {name!r} has side effects")
        if all(v.known for v in operands):
            return self._known(eqn, operands)
        if name == "scan":
            return self._scan(eqn, operands)
        if name == "while":
            return self._while(eqn, operands)
        if name == "cond":
            return self._cond(eqn, operands)
        if name in CUSTOM:
            # Its derivative is what the user says, not what the function looks like.
            self.linear = False
            return [replace(v, affine=False, unit=False) for v in self.call(eqn.params[CUSTOM[name]], operands)]
        if name == KERNEL_NAME and not joined(operands):
            return self._program(eqn)
        if name in CONTROL:
            for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
                if key in eqn.params:
                    return self.call(eqn.params[key], operands)
        if name in IDENTITIES:
            return operands
        if name in COMPUTED and not all(operands[k].known for k in indices_of(name, len(operands))):
            return [rules.indexed(self, eqn, operands)]
        if name in SORTS:
            return rules.sorted_(self, eqn, operands)
        if name == "custom_linear_solve":
            return self._linear_solve(eqn, operands)
        if name in LINALG:
            return rules.factored(self, eqn, operands)
        if name in STRUCTURAL:
            return rules.moved(self, eqn, operands)
        out = eqn.outvars[0].aval
        if name in ELEMENTWISE:
            return [rules.elementwise(self, eqn, out, operands)]
        if name == "dot_general":
            return [rules.contraction(self, eqn, out, operands)]
        if name in REDUCTIONS:
            return [rules.reduced(self, eqn, out, operands)]
        if name in CONTROL:
            # A call of a compiled program: its own size is not known here.
            raise Enough
        if name in WHOLE_ARRAYS:
            raise UnsupportedError(f"the operation `{name}` has no scalar rule")
        if (implementation := lowered.inlined(eqn)) is not None:
            return [replace(v, affine=False, unit=False) for v in self.call(implementation, operands)]
        # Raises unless the operation acts on every entry alone.
        program = lowered.composition(eqn)
        self.count(program.operations * out.size, active=False)
        return [rules.elementwise(self, eqn, v.aval, operands) for v in eqn.outvars]

    def _program(self, eqn: Any) -> list[Value]:
        """A Jacobian's program as a part of the function's."""
        computation, outs = computation_of(eqn.params["kernel"]), [v.aval for v in eqn.outvars]
        try:
            program, _ = computation.built
        except UnsupportedError:
            raise Enough from None
        self.count(program.operations * math.prod(outs[0].shape[: eqn.params["rank"]]) if outs else 0, active=False)
        return [Value(out.shape) for out in outs]

    def _linear_solve(self, eqn: Any, operands: list[Value]) -> list[Value]:
        """The solver, whose right-hand side depends on what the matrix and its own do."""
        lengths, jaxprs = eqn.params["const_lengths"], eqn.params["jaxprs"]
        matrix, start = operands[: lengths.matvec], lengths.matvec + lengths.vecmat
        constants = operands[start : start + lengths.solve]
        right = operands[start + lengths.solve + lengths.transpose_solve :]
        n_columns = sum(v.shape[-1] if len(v.shape) > 1 else 1 for v in right)
        inward = sum(self.width(v.masks) for v in matrix)
        edges = sum(math.prod(v.shape) for v in matrix if v.masks is not None)
        self.count(0, active=edges > 0, edges=edges * n_columns, forward=2 * inward * n_columns)
        if word := joined([*matrix, *right]):
            right = [Value(v.shape, masks=np.full(v.shape, word), affine=False) for v in right]
        plain = [replace(v, masks=None) for v in constants]
        return [replace(v, affine=False, unit=False) for v in self.call(jaxprs.solve, [*plain, *right])]

    def _known(self, eqn: Any, operands: list[Value]) -> list[Value]:
        outs = [v.aval for v in eqn.outvars]
        arrays = [v.array for v in operands]
        if all(a is not None for a in arrays) and sum(a.size for a in outs) <= KNOWN_SIZE:
            inner = inner_jaxprs(eqn)
            if (
                eqn.primitive.name in CONTROL
                and len(inner) == 1
                and eqn.primitive.name not in ("scan", "while", "cond")
            ):
                return self.run(inner[0], [constant(c) for c in _consts_of(eqn)], operands)
            if eqn.primitive.name == "select_n":
                which = np.broadcast_to(np.asarray(arrays[0]), outs[0].shape)
                chosen = np.asarray(arrays[1])
                for k, case in enumerate(arrays[2:], 1):
                    chosen = np.where(which == k, np.asarray(case), chosen)
                return [Value(outs[0].shape, True, chosen)]
            if (done := on_numpy(eqn, arrays)) is not None:  # type: ignore[arg-type]
                return [Value(a.shape, True, a) for a in done]
        return opaque([a.shape for a in outs])

    def _scan(self, eqn: Any, operands: list[Value]) -> list[Value]:
        params = eqn.params
        length = params["length"]
        n_consts, n_carry = parts_of_scan(eqn)
        self.counted.steps += self.weight * length
        if length > limits().loop_iterations:
            raise UnsupportedError(f"the operation 'scan' runs for {length} steps, too many to unroll")
        consts, carry = operands[:n_consts], operands[n_consts : n_consts + n_carry]
        sequences = operands[n_consts + n_carry :]
        body = params["jaxpr"]
        if length * equations(body.jaxpr) <= _EXACT_STEPS:
            rows: dict[int, list[Value]] = {}
            for k in range(length - 1, -1, -1) if params["reverse"] else range(length):
                outs = self.call(body, [*consts, *carry, *(row(s, k) for s in sequences)])
                carry, rows[k] = outs[:n_carry], outs[n_carry:]
            collected = [
                stacked([rows[k][p] for k in range(length)], v.aval.shape) for p, v in enumerate(eqn.outvars[n_carry:])
            ]
            return [*carry, *collected]
        return self._long_scan(eqn, body, consts, carry, sequences, length, n_carry)

    def _long_scan(
        self,
        eqn: Any,
        body: Any,
        consts: list[Value],
        carry: list[Value],
        sequences: list[Value],
        length: int,
        n_carry: int,
    ) -> list[Value]:
        """One step for all: whatever the loop reads or carries depends on all that any step depends on."""
        some = [row_of_all(s) for s in sequences]
        for _ in range(2):
            outs = self._uncounted(body, [*consts, *carry, *some])
            carry = [
                Value(c.shape, c.known and o.known, masks=either(c.masks, o.masks), affine=False)
                for c, o in zip(carry, outs, strict=False)
            ]
        weight, self.weight = self.weight, self.weight * length
        outs = self.call(body, [*consts, *carry, *some])
        self.weight = weight
        collected = [
            Value(v.aval.shape, masks=None if o.masks is None else np.broadcast_to(o.masks, v.aval.shape), affine=False)
            for o, v in zip(outs[n_carry:], eqn.outvars[n_carry:], strict=True)
        ]
        return [*outs[:n_carry], *collected]

    def _uncounted(self, body: Any, operands: list[Value]) -> list[Value]:
        weight, self.weight = self.weight, 0.0
        outs = self.call(body, operands)
        self.weight = weight
        return outs

    def _while(self, eqn: Any, operands: list[Value]) -> list[Value]:
        params = eqn.params
        n_cond, n_body = params["cond_nconsts"], params["body_nconsts"]
        cond, body, state = operands[:n_cond], operands[n_cond : n_cond + n_body], operands[n_cond + n_body :]
        for _ in range(_EXACT_STEPS):
            (going,) = self._uncounted(params["cond_jaxpr"], [*cond, *state])
            if not going.known:
                raise UnsupportedError("the operation 'while' runs for a number of steps that depends on the arguments")
            if going.array is None:
                break
            if not bool(going.array):
                return state
            self.counted.steps += self.weight
            state = self.call(params["body_jaxpr"], [*body, *state])
        # It may be long, or end soon: the expansion finds out.
        raise Enough

    def _cond(self, eqn: Any, operands: list[Value]) -> list[Value]:
        index, *rest = operands
        branches = eqn.params["branches"]
        if index.known and index.array is not None:
            return self.call(branches[int(np.clip(int(index.array), 0, len(branches) - 1))], rest)
        found = [self.call(branch, rest) for branch in branches]
        joined = []
        for k, var in enumerate(eqn.outvars):
            masks = None
            for outs in found:
                masks = either(masks, outs[k].masks)
            self.count(var.aval.size, active=masks is not None, forward=2 * self.width(masks))
            joined.append(Value(var.aval.shape, masks=masks, affine=False))
        return joined


def _consts_of(eqn: Any) -> Sequence[Any]:
    return next((v.consts for v in eqn.params.values() if isinstance(v, jex.ClosedJaxpr)), ())
