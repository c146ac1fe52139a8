"""Count what an estimate needs to know of a jaxpr, in one walk that builds nothing.

Every entry that depends on differentiated inputs carries a word of 64 bits, one for each of 64 of the inputs: which of
them it depends on.  Up to 64 inputs that is the exact pattern, above it a sample of the pattern's columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex

from ccjac.errors import UnsupportedError
from ccjac.estimate import Features
from ccjac.expand import positions_of
from ccjac.limits import ITERATION_LIMIT, SCALAR_LIMIT

from . import lowered
from .concrete import on_numpy
from .control import CONTROL, parts_of_scan
from .derivative import is_float, is_literal
from .interpreter import CUSTOM
from .names import ELEMENTWISE
from .reductions import REDUCTIONS
from .structural import IDENTITIES, STRUCTURAL, scatter_positions

_WORD = 64
_KNOWN_SIZE = 200_000
"""Known arrays up to this size are computed, for they may be indices or sparse matrices."""
_EXACT_STEPS = 300
"""Equations of a loop's steps that are walked one by one; longer loops are walked twice, and scaled."""

_FREE = frozenset({"add", "sub", "neg", "convert_element_type", "copy", "add_any", "stop_gradient"})
"""Their partials are constants."""
_LINEAR = _FREE | {"mul", "div"}
_PARTIALS = dict.fromkeys(("mul", "exp", "exp2"), 0) | dict.fromkeys(("div", "integer_pow", "tanh", "logistic"), 2)
"""Operations that an operation's partials need beside its value; others need one."""
# fmt: off
_CHEAP = _LINEAR | {
    "max", "min", "select_n", "square", "integer_pow", "sqrt", "rsqrt", "abs", "sign", "floor", "ceil", "round",
    "clamp", "and", "or", "not", "xor", "eq", "ne", "lt", "le", "gt", "ge", "is_finite", "rem", "shift_left",
}
# fmt: on
"""All but exponentials, sines and the like."""


@dataclass(frozen=True, eq=False)
class _Value:
    """A value of the walk.

    Attributes:
        shape: Of the array.
        known: Whether it depends on no argument; ``array`` is it, if it was computed.
        masks: The words of its entries, ``None`` if none depends on a differentiated input.
        affine: Whether its derivatives are constants.
        unit: Whether they are ones: the value is made of inputs that were moved, no more.
    """

    shape: tuple[int, ...]
    known: bool = False
    array: np.ndarray | None = None
    masks: np.ndarray | None = None
    affine: bool = True
    unit: bool = False

    def words(self) -> np.ndarray:
        return np.zeros(self.shape, np.uint64) if self.masks is None else self.masks


class _Enough(Exception):  # noqa: N818 -- it is no error
    """Enough has been counted to refuse."""


def features(closed: Any, n_differentiated: int, n_outputs: int) -> Features:
    """Count.

    Args:
        closed: The function's jaxpr.
        n_differentiated: How many of its operands are differentiated, the first ones.
        n_outputs: How many of its results are differentiated.
    """
    invars = closed.jaxpr.invars
    n_inputs = sum(v.aval.size for v in invars[:n_differentiated])
    counted = Features(inputs=n_inputs, outputs=sum(a.size for a in closed.out_avals[:n_outputs]))
    counted.equations = _equations(closed.jaxpr)
    walk = _Walk(counted)
    step = max(n_inputs / _WORD, 1.0)
    words = np.zeros(n_inputs, np.uint64)
    # Irregular steps, so that no period of the function's structure is mistaken for the whole.
    drawn = np.sort(np.random.default_rng(0).permutation(n_inputs)[:_WORD])
    words[drawn] = np.uint64(1) << np.arange(len(drawn), dtype=np.uint64)
    walk.scale = step
    operands: list[_Value] = []
    start = 0
    for k, var in enumerate(invars):
        size = var.aval.size
        masks = words[start : start + size].reshape(var.aval.shape) if k < n_differentiated else None
        operands.append(_Value(var.aval.shape, masks=masks, unit=True))
        start += size
    consts = [_constant(c) for c in closed.consts]
    try:
        results = walk.run(closed.jaxpr, consts, operands)
    except _Enough:
        return counted
    except UnsupportedError as error:
        counted.obstacle = str(error)
        return counted
    outputs = results[:n_outputs]
    counted.entries = sum(walk.width(r.masks) for r in outputs)
    counted.affine = all(r.masks is None or r.affine for r in outputs)
    return counted


def _constant(value: Any) -> _Value:
    if isinstance(value, jax.core.Tracer):
        return _Value(np.shape(value))
    small = np.size(value) <= _KNOWN_SIZE and not jax.numpy.issubdtype(jax.typeof(value).dtype, jax.dtypes.extended)
    return _Value(np.shape(value), True, np.asarray(value) if small else None)


def _equations(jaxpr: Any) -> int:
    count = 0
    for eqn in jaxpr.eqns:
        inner = inner_jaxprs(eqn)
        count += sum(map(_equations, inner)) if inner else 1
    return count


def inner_jaxprs(eqn: Any) -> list[Any]:
    """The jaxprs among an equation's parameters."""
    found = []
    for value in eqn.params.values():
        for item in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(item, jex.ClosedJaxpr):
                found.append(item.jaxpr)
            elif isinstance(item, jex.Jaxpr):
                found.append(item)
    return found


class _Walk:
    """One walk.

    Attributes:
        weight: How often the present equations run.
        scale: How many inputs a bit stands for.
        linear: Whether all derivatives so far are constants.
    """

    def __init__(self, counted: Features) -> None:
        self.counted = counted
        self.weight = 1.0
        self.scale = 1.0
        self.linear = True

    def width(self, masks: np.ndarray | None) -> float:
        """Dependences of all entries together."""
        return 0.0 if masks is None else float(np.bitwise_count(masks).sum(dtype=np.int64)) * self.scale

    def run(self, jaxpr: Any, consts: Sequence[_Value], operands: Sequence[_Value]) -> list[_Value]:
        env: dict[Any, _Value] = dict(zip(jaxpr.constvars, consts, strict=True))
        env.update(zip(jaxpr.invars, operands, strict=True))

        def read(v: Any) -> _Value:
            return _Value(np.shape(v.val), True, np.asarray(v.val, v.aval.dtype)) if is_literal(v) else env[v]

        for eqn in jaxpr.eqns:
            env.update(zip(eqn.outvars, self.evaluate(eqn, [read(v) for v in eqn.invars]), strict=True))
        return [read(v) for v in jaxpr.outvars]

    def call(self, jaxpr: Any, operands: Sequence[_Value]) -> list[_Value]:
        if isinstance(jaxpr, jex.ClosedJaxpr):
            return self.run(jaxpr.jaxpr, [_constant(c) for c in jaxpr.consts], operands)
        return self.run(jaxpr, (), operands)

    def evaluate(self, eqn: Any, operands: list[_Value]) -> list[_Value]:
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
        if name in CONTROL:
            for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
                if key in eqn.params:
                    return self.call(eqn.params[key], operands)
        if name in IDENTITIES:
            return operands
        if name in STRUCTURAL:
            return self._moved(eqn, operands)
        out = eqn.outvars[0].aval
        if name in ELEMENTWISE:
            return [self._elementwise(eqn, out, operands)]
        if name == "dot_general":
            return [self._dot(eqn, out, operands)]
        if name in REDUCTIONS:
            return [self._reduced(eqn, out, operands)]
        if name in CONTROL:
            # A call of a compiled program: its own size is not known here.
            raise _Enough
        if (implementation := lowered.inlined(eqn)) is not None:
            return [replace(v, affine=False, unit=False) for v in self.call(implementation, operands)]
        # Raises unless the operation acts on every entry alone.
        program = lowered.composition(eqn)
        self.count(program.operations * out.size, active=False)
        return [self._elementwise(eqn, v.aval, operands) for v in eqn.outvars]

    def count(
        self,
        size: float,
        *,
        active: bool,
        partials: float = 0.0,
        edges: float = 0.0,
        forward: float = 0.0,
        folded: bool = False,
    ) -> None:
        """Add an equation of ``size`` scalar operations; ``folded``: its products and sums are of constants."""
        counted, weight = self.counted, self.weight
        counted.operations += weight * size
        if active:
            counted.active += weight * size
            counted.partials += weight * partials
            counted.edges += weight * edges
            if folded:
                counted.folded += weight * (forward + size)
            else:
                counted.forward += weight * forward
                self.linear = self.linear and not (forward or partials)
        if counted.operations > SCALAR_LIMIT and not self.linear:
            # A linear function of any size may be worth its matrix.
            raise _Enough

    # -- kinds of equations ---------------------------------------------------------------------------------------

    def _known(self, eqn: Any, operands: list[_Value]) -> list[_Value]:
        outs = [v.aval for v in eqn.outvars]
        arrays = [v.array for v in operands]
        if all(a is not None for a in arrays) and sum(a.size for a in outs) <= _KNOWN_SIZE:
            inner = inner_jaxprs(eqn)
            if (
                eqn.primitive.name in CONTROL
                and len(inner) == 1
                and eqn.primitive.name not in ("scan", "while", "cond")
            ):
                return self.run(inner[0], [_constant(c) for c in _consts_of(eqn)], operands)
            if eqn.primitive.name == "select_n":
                which = np.broadcast_to(np.asarray(arrays[0]), outs[0].shape)
                chosen = np.asarray(arrays[1])
                for k, case in enumerate(arrays[2:], 1):
                    chosen = np.where(which == k, np.asarray(case), chosen)
                return [_Value(outs[0].shape, True, chosen)]
            if (done := on_numpy(eqn, arrays)) is not None:  # type: ignore[arg-type]
                return [_Value(a.shape, True, a) for a in done]
        return _opaque(outs)

    def _moved(self, eqn: Any, operands: list[_Value]) -> list[_Value]:
        rule, divide = STRUCTURAL[eqn.primitive.name]
        places, index_places = divide(len(operands))
        arrays, indices = [operands[k] for k in places], [operands[k] for k in index_places]
        outs = [v.aval for v in eqn.outvars]
        if not all(v.known for v in indices):
            raise UnsupportedError(f"the operation {eqn.primitive.name!r} has indices that depend on the arguments")
        if all(v.masks is None for v in arrays):
            return [_Value(a.shape) for a in outs]
        affine = all(v.affine for v in arrays)
        if any(v.array is None for v in indices):
            word = _joined(arrays)
            return [_Value(a.shape, masks=np.full(a.shape, word), affine=affine) for a in outs]
        if (
            sum(np.prod(v.shape, dtype=np.int64) for v in arrays) + sum(a.size for a in outs) > 10 * SCALAR_LIMIT
            and not self.linear
        ):
            self.counted.operations = 10 * SCALAR_LIMIT
            raise _Enough
        moved = rule(eqn.params, positions_of([v.shape for v in arrays]), [v.array for v in indices])  # type: ignore[misc]
        words = np.concatenate([*(v.words().ravel() for v in arrays), np.zeros(1, np.uint64)])
        unit = all(v.unit or v.masks is None for v in arrays)
        return [_Value(p.shape, masks=words[p], affine=affine, unit=unit) for p in moved]

    def _elementwise(self, eqn: Any, out: Any, operands: list[_Value]) -> _Value:
        name = eqn.primitive.name
        active = [v for v in operands if v.masks is not None] if is_float(out) else []
        if name not in _CHEAP:
            self.counted.functions += self.weight * out.size
        if not active or name == "stop_gradient":
            self.count(out.size, active=False)
            return _Value(out.shape)
        if name == "select_n" and operands[0].known and operands[0].array is not None and len(operands) == 3:
            # A choice that is known moves entries.
            which = np.broadcast_to(operands[0].array, out.shape)
            words = np.where(which, operands[2].words(), operands[1].words())
            return _Value(out.shape, masks=words, affine=all(v.affine for v in active))
        masks = np.zeros(out.shape, np.uint64)
        for v in active:
            masks = masks | v.words()
        affine = all(v.affine for v in active)
        if name not in _FREE:
            # A product with what is known, a quotient by it.
            others = operands[1:] if name == "div" else [v for v in operands if v is not active[0]]
            affine = affine and name in ("mul", "div") and len(active) == 1 and all(v.known for v in others)
        size = float(out.size)
        edges = len(active) * size
        unit = name in _FREE and all(v.unit for v in active)
        if name in ("add", "sub", "add_any"):
            # Sums where rows overlap.
            inward = sum(self.width(np.broadcast_to(v.words(), out.shape)) for v in active)
            self.count(size, active=True, edges=edges, forward=inward - self.width(masks), folded=affine)
        elif name in _FREE:
            self.count(size if name == "neg" else 0.0, active=True, edges=edges)
        else:
            partials = 0.0 if affine else size * _PARTIALS.get(name, 1)
            scaled = [v for v in active if not v.unit]
            forward = len(scaled) * self.width(masks)
            self.count(size, active=True, partials=partials, edges=edges, forward=forward, folded=affine)
        return _Value(out.shape, masks=masks, affine=affine, unit=unit)

    def _dot(self, eqn: Any, out: Any, operands: list[_Value]) -> _Value:
        (left_axes, right_axes), (left_batch, right_batch) = eqn.params["dimension_numbers"]
        length = int(np.prod([operands[0].shape[d] for d in left_axes], dtype=np.int64))
        size = float(out.size) * length
        density = 1.0
        for v in operands:
            if v.known and v.array is not None and v.array.size:
                density *= np.count_nonzero(v.array) / v.array.size
        active = [v for v in operands if v.masks is not None]
        if active:
            self.counted.contractions += self.weight * size
        self.count(2 * size * density, active=False)
        if not active:
            return _Value(out.shape)
        affine = len(active) == 1 and active[0].affine and any(v.known for v in operands)
        masks = np.zeros(out.shape, np.uint64)
        for k, batch in enumerate((left_batch, right_batch)):
            if operands[k].masks is not None:
                masks = masks | self._contracted(operands, k, (left_axes, right_axes), batch, out.shape)
        self.count(0, active=True, edges=len(active) * size * density)
        for v in operands:
            if v.masks is not None:
                # Every entry of this operand meets the other operand's free entries.
                fan = size * density / max(math.prod(v.shape), 1)
                self.count(0, active=True, forward=(1 if v.unit else 2) * self.width(v.masks) * fan, folded=affine)
        return _Value(out.shape, masks=masks, affine=affine)

    def _contracted(
        self,
        operands: list[_Value],
        k: int,
        axes: Sequence[Sequence[int]],
        batch: Sequence[int],
        shape: tuple[int, ...],
    ) -> np.ndarray:
        """The words that an operand of a contraction gives to the result."""
        words, other = operands[k].words(), operands[1 - k]
        if words.ndim == 1 and other.array is not None and other.array.ndim == 2 and len(axes[k]) == 1:
            # A vector and a known matrix, which may be sparse.
            rows = np.moveaxis(other.array != 0, axes[1 - k][0], -1)
            return np.asarray(np.bitwise_or.reduce(np.where(rows, words, np.uint64(0)), axis=1))
        free = [d for d in range(words.ndim) if d not in (*axes[k], *batch)]
        joined = np.asarray(np.bitwise_or.reduce(words, axis=tuple(axes[k])) if axes[k] else words)
        kept = [d for d in range(words.ndim) if d not in axes[k]]
        joined = joined.transpose([kept.index(d) for d in (*batch, *free)])
        others = (1,) * (len(shape) - joined.ndim)
        lead, rest = joined.shape[: len(batch)], joined.shape[len(batch) :]
        return np.broadcast_to(joined.reshape((*lead, *rest, *others) if k == 0 else (*lead, *others, *rest)), shape)

    def _reduced(self, eqn: Any, out: Any, operands: list[_Value]) -> _Value:
        name, params = eqn.primitive.name, eqn.params
        size = float(np.prod(operands[0].shape, dtype=np.int64))
        v = operands[0]
        if name in ("argmax", "argmin"):
            self.count(6 * size, active=False)
            return _Value(out.shape)
        if not any(o.masks is not None for o in operands) or not is_float(out):
            self.count(size, active=False)
            return _Value(out.shape)
        sums = name in ("reduce_sum", "cumsum", "scatter-add", "scatter_add", "reduce_window_sum")
        affine = all(o.affine for o in operands) and (sums or _is_linear(name, operands))
        if name.startswith("reduce_") and "axes" in params:
            masks = np.asarray(np.bitwise_or.reduce(v.words(), axis=tuple(params["axes"])))
            edges, inward = size, self.width(v.masks)
        elif name.startswith("cum"):
            words = np.flip(v.words(), params["axis"]) if params["reverse"] else v.words()
            masks = np.bitwise_or.accumulate(words, axis=params["axis"])
            masks = np.flip(masks, params["axis"]) if params["reverse"] else masks
            edges, inward = 2 * size, self.width(masks)
            self.counted.contractions += self.weight * size
        elif name.startswith("scatter") and operands[1].array is not None:
            targets = scatter_positions(params, operands[1].array, v.shape, operands[2].shape).ravel()
            flat = v.words().ravel().copy()
            np.bitwise_or.at(flat, targets[targets >= 0], operands[2].words().ravel()[targets >= 0])
            masks, size = flat.reshape(v.shape), float(targets.size)
            edges, inward = size, self.width(operands[2].masks)
        else:
            masks = np.full(out.shape, _joined(operands))
            size = edges = 2.0 * _taps(name, params, operands) * out.size
            inward = size / max(out.size, 1) * self.width(masks)
        self.count(
            size,
            active=True,
            partials=0.0 if sums else size,
            edges=edges,
            forward=inward * (1 if sums else 2),
            folded=affine,
        )
        return _Value(out.shape, masks=np.asarray(masks), affine=affine)

    # -- control flow ---------------------------------------------------------------------------------------------

    def _scan(self, eqn: Any, operands: list[_Value]) -> list[_Value]:
        params = eqn.params
        length = params["length"]
        n_consts, n_carry = parts_of_scan(eqn)
        self.counted.steps += self.weight * length
        if length > ITERATION_LIMIT:
            raise UnsupportedError(f"the operation 'scan' runs for {length} steps, too many to unroll")
        consts, carry = operands[:n_consts], operands[n_consts : n_consts + n_carry]
        sequences = operands[n_consts + n_carry :]
        body = params["jaxpr"]
        if length * _equations(body.jaxpr) <= _EXACT_STEPS:
            rows: dict[int, list[_Value]] = {}
            for k in range(length - 1, -1, -1) if params["reverse"] else range(length):
                outs = self.call(body, [*consts, *carry, *(_row(s, k) for s in sequences)])
                carry, rows[k] = outs[:n_carry], outs[n_carry:]
            stacked = [
                _stacked([rows[k][p] for k in range(length)], v.aval) for p, v in enumerate(eqn.outvars[n_carry:])
            ]
            return [*carry, *stacked]
        return self._long_scan(eqn, body, consts, carry, sequences, length, n_carry)

    def _long_scan(
        self,
        eqn: Any,
        body: Any,
        consts: list[_Value],
        carry: list[_Value],
        sequences: list[_Value],
        length: int,
        n_carry: int,
    ) -> list[_Value]:
        """One step for all: whatever the loop reads or carries depends on all that any step depends on."""
        some = [_row_of_all(s) for s in sequences]
        for _ in range(2):
            outs = self._uncounted(body, [*consts, *carry, *some])
            carry = [
                _Value(c.shape, c.known and o.known, masks=_or(c.masks, o.masks), affine=False)
                for c, o in zip(carry, outs, strict=False)
            ]
        weight, self.weight = self.weight, self.weight * length
        outs = self.call(body, [*consts, *carry, *some])
        self.weight = weight
        stacked = [
            _Value(
                v.aval.shape, masks=None if o.masks is None else np.broadcast_to(o.masks, v.aval.shape), affine=False
            )
            for o, v in zip(outs[n_carry:], eqn.outvars[n_carry:], strict=True)
        ]
        return [*outs[:n_carry], *stacked]

    def _uncounted(self, body: Any, operands: list[_Value]) -> list[_Value]:
        weight, self.weight = self.weight, 0.0
        outs = self.call(body, operands)
        self.weight = weight
        return outs

    def _while(self, eqn: Any, operands: list[_Value]) -> list[_Value]:
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
        raise _Enough

    def _cond(self, eqn: Any, operands: list[_Value]) -> list[_Value]:
        index, *rest = operands
        branches = eqn.params["branches"]
        if index.known and index.array is not None:
            return self.call(branches[int(np.clip(int(index.array), 0, len(branches) - 1))], rest)
        found = [self.call(branch, rest) for branch in branches]
        joined = []
        for k, var in enumerate(eqn.outvars):
            masks = None
            for outs in found:
                masks = _or(masks, outs[k].masks)
            self.count(var.aval.size, active=masks is not None, forward=2 * self.width(masks))
            joined.append(_Value(var.aval.shape, masks=masks, affine=False))
        return joined


def _opaque(outs: Sequence[Any]) -> list[_Value]:
    return [_Value(a.shape, True) for a in outs]


def _consts_of(eqn: Any) -> Sequence[Any]:
    return next((v.consts for v in eqn.params.values() if isinstance(v, jex.ClosedJaxpr)), ())


def _joined(values: Sequence[_Value]) -> np.uint64:
    word = np.uint64(0)
    for v in values:
        if v.masks is not None:
            word |= np.bitwise_or.reduce(v.masks, axis=None)
    return word


def _or(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
    return b if a is None else a if b is None else a | b


def _row(value: _Value, k: int) -> _Value:
    masks = None if value.masks is None else value.masks[k]
    array = None if value.array is None else value.array[k]
    return _Value(value.shape[1:], value.known, array, masks, value.affine)


def _row_of_all(value: _Value) -> _Value:
    masks = None if value.masks is None else np.bitwise_or.reduce(value.masks, axis=0)
    return _Value(value.shape[1:], value.known, None, masks, value.affine)


def _stacked(rows: list[_Value], aval: Any) -> _Value:
    if rows and any(r.masks is not None for r in rows):
        return _Value(aval.shape, masks=np.stack([r.words() for r in rows]), affine=all(r.affine for r in rows))
    return _Value(aval.shape, known=all(r.known for r in rows))


def _is_linear(name: str, operands: list[_Value]) -> bool:
    """Whether a convolution or a solve is linear in its one operand that is not known, and that is not the matrix."""
    unknown = [k for k, v in enumerate(operands) if not v.known]
    return unknown == [1] if name == "triangular_solve" else name == "conv_general_dilated" and len(unknown) == 1


def _taps(name: str, params: dict[str, Any], operands: list[_Value]) -> float:
    """Products per entry of a result that a matrix, a window or a convolution's kernel makes."""
    if name == "reduce_window_sum":
        return float(np.prod(params["window_dimensions"]))
    if name == "conv_general_dilated":
        kernel = operands[1].shape
        return float(np.prod(kernel)) / max(kernel[params["dimension_numbers"].rhs_spec[0]], 1)
    return float(np.prod(operands[0].shape[-1:], dtype=np.int64))
