"""Walk through a jaxpr and record its values, vertices and local partials.

Every equation is evaluated in one of four ways, tried in this order: concretely (all operands known), by its
control-flow rule, by
moving entries (structural), or by its value rule.  Where an operand is active, the partials come from JAX's own
derivative of that one
equation: from a template for elementwise operations, else from a walk through the equation's ``jvp``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex

from ccjac.errors import UnsupportedError
from ccjac.program.linearization import NO_TANGENT, Form, Recorder

from . import derivative as local
from . import elementwise, linear
from .concrete import on_numpy
from .control import CONTROL
from .derivative import LocalRule, is_float, unsupported
from .reductions import REDUCTIONS
from .structural import STRUCTURAL
from .values import Forms, Symbolic, Value, as_numpy, forms_of_vertices, is_known, lift, zero_forms

_CUSTOM = {"custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr", "custom_vjp_call_jaxpr": "fun_jaxpr"}


class Interpreter:
    """One walk.  ``recorder`` collects what it finds; ``keep_forms`` leaves sums unsettled (inside a single rule)."""

    def __init__(self, recorder: Recorder, *, keep_forms: bool = False) -> None:
        self.recorder = recorder
        self.keep_forms = keep_forms

    # -- services for the rules -----------------------------------------------------------------------------------

    def scratch(self, n_inputs: int) -> Interpreter:
        """An interpreter with its own small program, for deriving a template."""
        return Interpreter(Recorder(n_inputs, self.recorder.limit), keep_forms=True)

    def settled(self, form: Form) -> Form:
        """A form of one term: a sum becomes a vertex of its own, unless this walk is inside a single rule."""
        if len(form) < 2 or self.keep_forms:
            return form
        dtype = self.recorder.builder.nodes[next(iter(form.values()))].dtype
        vertex = self.recorder.vertex(form)
        return {} if vertex == NO_TANGENT else {vertex: self.recorder.builder.const(1.0, dtype)}

    def combiner(self, op: str, dtype: str) -> Callable[[int, int], int]:
        """A binary operation on program values."""
        builder = self.recorder.builder
        return lambda a, b: builder.emit(op, (a, b), dtype)

    def converted(self, ids: np.ndarray, source: str, target: str) -> np.ndarray:
        """Program values in another type."""
        if source == target:
            return ids
        builder = self.recorder.builder
        flat = [builder.emit("convert_element_type", (k,), target) for k in ids.ravel().tolist()]
        return np.array(flat, dtype=np.int64).reshape(ids.shape)

    def symbolic(self, ids: Sequence[int], vertices: Sequence[int], shape: tuple[int, ...], dtype: str) -> Symbolic:
        """Values with their vertices, from flat lists."""
        table = np.array(vertices, dtype=np.int64).reshape(shape)
        active = bool((table != NO_TANGENT).any())
        return Symbolic(np.array(ids, dtype=np.int64).reshape(shape), table if active else None, dtype)

    def label(self, eqn: Any) -> str:
        """An equation's operation and the line of the user's code that it comes from."""
        return f"{eqn.primitive.name} at {line}" if (line := user_line(eqn)) else str(eqn.primitive.name)

    def unsupported(self, eqn: Any, why: str) -> UnsupportedError:
        """The exception that sends the function to the framework's own mode."""
        return unsupported(eqn.primitive.name, why)

    # -- the walk -------------------------------------------------------------------------------------------------

    def run_inner(self, jaxpr: Any, operands: Sequence[Value]) -> list[Value]:
        """Inline a jaxpr, closed or open."""
        if isinstance(jaxpr, jex.ClosedJaxpr):
            return self.run(jaxpr.jaxpr, jaxpr.consts, operands)
        return self.run(jaxpr, (), operands)

    def run(self, jaxpr: Any, consts: Sequence[Value], operands: Sequence[Value]) -> list[Value]:
        """Evaluate a jaxpr."""
        env: dict[Any, Value] = dict(zip(jaxpr.constvars, consts, strict=True))
        env.update(zip(jaxpr.invars, operands, strict=True))

        def read(v: Any) -> Value:
            return np.asarray(v.val, dtype=v.aval.dtype) if local.is_literal(v) else env[v]

        for eqn in jaxpr.eqns:
            results = self.evaluate(eqn, [read(v) for v in eqn.invars])
            env.update(zip(eqn.outvars, results, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def evaluate(self, eqn: Any, operands: list[Value]) -> list[Value]:
        """Evaluate one equation."""
        name = eqn.primitive.name
        if eqn.effects:
            raise unsupported(name, "has side effects")
        if all(map(is_known, operands)):
            return self._concrete(eqn, operands)
        for var in (*eqn.invars, *eqn.outvars):
            if jax.numpy.issubdtype(getattr(var.aval, "dtype", np.float32), np.complexfloating):
                raise unsupported(name, "works on complex numbers")
        if name in CONTROL:
            return CONTROL[name](self, eqn, operands)
        if name in STRUCTURAL or (name == "select_n" and is_known(operands[0])):
            return self._structural(eqn, operands)
        if any(isinstance(v, Forms) for v in operands):
            return linear.apply(self, eqn, operands)
        if name in elementwise.ELEMENTWISE:
            return elementwise.apply(self, eqn, operands)
        if any(isinstance(v, Symbolic) and v.active for v in operands) and any(is_float(v.aval) for v in eqn.outvars):
            return self._differentiated(eqn, operands)
        if name in _CUSTOM:
            return self.run_inner(eqn.params[_CUSTOM[name]], operands)
        if name in REDUCTIONS:
            return REDUCTIONS[name](self, eqn, operands)
        raise unsupported(name)

    def _concrete(self, eqn: Any, operands: list[Value]) -> list[Value]:
        if all(isinstance(v, np.ndarray) for v in operands) and (done := on_numpy(eqn, operands)) is not None:
            return done
        distinct = local.operands_of(eqn)
        places = [list(map(id, eqn.invars)).index(id(v)) for v in distinct]
        # Inside an enclosing jit the operands are still concrete; keep it that way.
        with jax.ensure_compile_time_eval():
            results = local.as_function(eqn, distinct)(*(operands[k] for k in places))
        return [r if jax.numpy.issubdtype(r.dtype, jax.dtypes.extended) else np.asarray(r) for r in results]

    def _structural(self, eqn: Any, operands: list[Value]) -> list[Value]:
        name = eqn.primitive.name
        if name == "select_n":
            which = np.broadcast_to(as_numpy(operands[0]), eqn.outvars[0].aval.shape).astype(np.int64)
            entries, indices = operands[1:], []

            def apply(arrays: list[np.ndarray], fill: Any) -> list[np.ndarray]:
                return [_pick(which, arrays)]
        else:
            rule, divide = STRUCTURAL[name]
            array_places, index_places = divide(len(operands))
            entries, indices = [operands[k] for k in array_places], [operands[k] for k in index_places]
            if not all(map(is_known, indices)):
                raise unsupported(name, "has indices that depend on the arguments")
            known = [as_numpy(v) for v in indices]

            def apply(arrays: list[np.ndarray], fill: Any) -> list[np.ndarray]:
                return rule(eqn.params, arrays, known, fill)

        if any(isinstance(v, Forms) for v in entries):
            moved = apply([v.entries if isinstance(v, Forms) else self._zero_of(eqn, v) for v in entries], None)
            return [Forms(_objects(m)) for m in moved]
        builder = self.recorder.builder
        lifted = [lift(builder, v) for v in entries]
        fill = _outside(builder, eqn, lifted[0].dtype) if name == "gather" else 0
        ids = apply([v.ids for v in lifted], fill)
        vertices: Sequence[np.ndarray | None] = [None] * len(ids)
        if any(v.active for v in lifted):
            vertices = apply([v.tangent_vertices() for v in lifted], NO_TANGENT)
        return [Symbolic(k, t, var.aval.dtype.name) for k, t, var in zip(ids, vertices, eqn.outvars, strict=True)]

    def _zero_of(self, eqn: Any, value: Value) -> np.ndarray:
        if is_known(value) and not as_numpy(value).any():
            return zero_forms(np.shape(value))
        raise unsupported(eqn.primitive.name, "mixes tangents with values in a derivative rule")

    # -- derivatives of one equation ------------------------------------------------------------------------------

    def _differentiated(self, eqn: Any, operands: list[Value]) -> list[Value]:
        if eqn.primitive.name == "custom_jvp_call":
            return self._custom_jvp(eqn, operands)
        by_var = {v: x for v, x in zip(eqn.invars, operands, strict=True) if not isinstance(v, jex.Literal)}
        active = frozenset(v for v, value in by_var.items() if isinstance(value, Symbolic) and value.active)
        if eqn.primitive.name.startswith("custom_vjp"):
            return self._custom_vjp(eqn, by_var, active)
        rule = local.remembered_forward_rule(eqn, active)
        values = [by_var[v] for v in rule.operands]
        results, tangents = self.run_rule(rule, [_without_tangent(v) for v in values], None, values)
        return self._with_vertices(eqn, rule, results, [t.entries for t in tangents])

    def run_rule(
        self,
        rule: LocalRule,
        primals: list[Value],
        sources: Sequence[int] | None,
        values: Sequence[Value] = (),
    ) -> tuple[list[Value], list[Forms]]:
        """Walk through a derivative rule.

        Args:
            rule: The rule.
            primals: Its operands, without tangents.
            sources: The vertex of each (scalar) active operand; ``None`` to take the vertices of ``values``.
            values: The operands with their vertices.
        """
        builder = self.recorder.builder
        tangents: list[Forms] = []
        for position, k in enumerate(rule.active):
            if sources is None:
                tangents.append(forms_of_vertices(builder, values[k]))
            else:
                entry = zero_forms(())
                entry[()] = {sources[position]: builder.const(1.0, primals[k].dtype)}
                tangents.append(Forms(entry))
        outs = self.run(rule.closed.jaxpr, rule.closed.consts, [*primals, *tangents])
        n = len(outs) - len(rule.differentiable)
        return outs[:n], [_as_forms(v) for v in outs[n:]]

    def _with_vertices(
        self, eqn: Any, rule: LocalRule, results: list[Value], forms: Sequence[np.ndarray]
    ) -> list[Value]:
        label = self.label(eqn)
        finished = list(results)
        for k, entries in zip(rule.differentiable, forms, strict=True):
            value = lift(self.recorder.builder, results[k])
            vertices = [self.recorder.vertex(f or {}, label) for f in entries.ravel()]
            finished[k] = self.symbolic(value.ids.ravel().tolist(), vertices, value.shape, value.dtype)
        return finished

    def _custom_jvp(self, eqn: Any, operands: list[Value]) -> list[Value]:
        """A user's rule gets a tangent for every operand; those of constants are zero forms, so that zeros stay
        visible.
        """
        eqn = local.with_distinct_operands(eqn)
        rule = local.forward_rule(eqn, frozenset(eqn.invars))
        results, tangents = self.run_rule(rule, [_without_tangent(v) for v in operands], None, operands)
        return self._with_vertices(eqn, rule, results, [t.entries for t in tangents])

    def _custom_vjp(self, eqn: Any, by_var: dict[Any, Value], active: frozenset[Any]) -> list[Value]:
        """A function that defines its cotangents only: walk backwards with one unknown per result entry, and
        transpose.
        """
        rule = local.reverse_rule(eqn, active)
        values = [by_var[v] for v in rule.operands]
        builder = self.recorder.builder
        out_avals = [eqn.outvars[k].aval for k in rule.differentiable]
        cotangents: list[Forms] = []
        start = 0
        for aval in out_avals:
            entries = zero_forms(aval.shape)
            for offset, place in enumerate(np.ndindex(aval.shape)):
                entries[place] = {start + offset: builder.const(1.0, aval.dtype.name)}
            cotangents.append(Forms(entries))
            start += aval.size
        inner = Interpreter(self.recorder, keep_forms=True)
        outs = inner.run(rule.closed.jaxpr, rule.closed.consts, [*map(_without_tangent, values), *cotangents])
        results, pulled = outs[: len(eqn.outvars)], outs[len(eqn.outvars) :]
        rows: list[Form] = [{} for _ in range(start)]
        for k, back in zip(rule.active, pulled, strict=True):
            vertices = values[k].tangent_vertices()
            for vertex, form in zip(vertices.ravel().tolist(), _as_forms(back).entries.ravel(), strict=True):
                if vertex == NO_TANGENT or not form:
                    continue
                for result, coefficient in form.items():
                    row = rows[result]
                    if vertex in row:
                        dtype = builder.nodes[coefficient].dtype
                        coefficient = builder.emit("add", (row[vertex], coefficient), dtype)
                    row[vertex] = coefficient
        tables, start = [], 0
        for aval in out_avals:
            entries = zero_forms(aval.shape)
            for offset, place in enumerate(np.ndindex(aval.shape)):
                entries[place] = rows[start + offset]
            tables.append(entries)
            start += aval.size
        return self._with_vertices(eqn, rule, results, tables)


_LIBRARIES = tuple(str(Path(file).parent) for file in (jax.__file__, __file__, np.__file__))


def user_line(eqn: Any) -> str:
    """``file.py:line`` of the innermost frame outside JAX and numpy, or an empty string."""
    traceback = getattr(eqn.source_info, "traceback", None)
    for frame in traceback.frames if traceback is not None else ():
        if not frame.file_name.startswith(_LIBRARIES):
            return f"{Path(frame.file_name).name}:{frame.line_num}"
    return ""


def _without_tangent(value: Value) -> Value:
    return Symbolic(value.ids, None, value.dtype) if isinstance(value, Symbolic) else value


def _as_forms(value: Value) -> Forms:
    """A rule's tangent result; a rule may return a constant zero."""
    if isinstance(value, Forms):
        return value
    if is_known(value) and not as_numpy(value).any():
        return Forms(zero_forms(np.shape(value)))
    raise UnsupportedError("a derivative rule returned a tangent that does not depend on the tangents")


def _objects(array: np.ndarray) -> np.ndarray:
    entries = zero_forms(array.shape)
    entries[...] = array
    return entries


def _pick(which: np.ndarray, arrays: list[np.ndarray]) -> np.ndarray:
    """From every position the entry of the chosen array."""
    out = np.empty(which.shape, dtype=arrays[0].dtype)
    for k, array in enumerate(arrays):
        np.copyto(out, array, where=which == k)
    return out


def _outside(builder: Any, eqn: Any, dtype: str) -> int:
    """What a gather reads outside its operand: ``fill_value``, or NaN and the smallest integer as in JAX."""
    fill = eqn.params.get("fill_value")
    if fill is not None:
        return int(builder.const(fill, dtype))
    if "FILL" not in str(eqn.params["mode"]):
        return 0
    kind = np.dtype(dtype)
    if jax.numpy.issubdtype(kind, np.floating):
        return int(builder.const(float("nan"), dtype))
    if kind.kind == "b":
        return int(builder.const(True, dtype))
    limits = np.iinfo(kind)
    return int(builder.const(limits.min if kind.kind == "i" else limits.max, dtype))
