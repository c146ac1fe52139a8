"""A traced function as a tape: calls are entered, long loops stay loops, everything between them is straight code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex

from ccjac.errors import NoLoopsError, UnsupportedError
from ccjac.expand import Spec, Symbolic, Value, begin, is_floating, is_known, lift, unforeseen
from ccjac.limits import LOOP_PROGRAM_LIMIT, ROWS_FROM, SHORTEST_LOOP, STRAIGHT_SCALARS
from ccjac.loops.tape import Input, Output, Role, Segment, Tape
from ccjac.program.linearization import Linearization
from ccjac.settings import limits

from .control import parts_of_scan
from .derivative import is_literal
from .interpreter import concrete, evaluate, run
from .jaxprs import equations, inner_jaxprs
from .names import ELEMENTWISE, label
from .reductions import REDUCTIONS
from .rows import Item, Operand, with_rows
from .tracing import JaxTraced, specs

_CALLS = frozenset(("jit", "pjit", "closed_call", "core_call", "call", "remat", "remat2", "checkpoint"))


def is_loop(eqn: Any) -> bool:
    """Whether an equation stays a loop."""
    name = eqn.primitive.name
    return name == "while" or (name == "scan" and eqn.params["length"] > SHORTEST_LOOP)


def has_loop(jaxpr: Any) -> bool:
    """Whether there is a loop that is reached by calls alone."""
    return any(
        is_loop(eqn) or (eqn.primitive.name in _CALLS and any(map(has_loop, inner_jaxprs(eqn)))) for eqn in jaxpr.eqns
    )


def work(eqns: Sequence[Any]) -> int:
    """Scalar operations of equations, without those that move entries."""
    total = 0
    for eqn in eqns:
        name, outs = eqn.primitive.name, eqn.outvars
        inner = inner_jaxprs(eqn)
        if inner:
            times = eqn.params["length"] if name == "scan" else 1
            total += times * sum(work(jaxpr.eqns) for jaxpr in inner)
        elif name == "dot_general":
            ((contracted, _), _) = eqn.params["dimension_numbers"]
            total += outs[0].aval.size * math.prod(eqn.invars[0].aval.shape[axis] for axis in contracted)
        elif name in ELEMENTWISE:
            total += outs[0].aval.size
        elif name in REDUCTIONS:
            total += eqn.invars[0].aval.size
    return total


def _check(eqns: Sequence[Any], limit: int) -> None:
    """Refuse what is too large before it is expanded."""
    if (operations := work(eqns)) > limit:
        raise UnsupportedError(f"a part of the function has {operations:,} operations without its derivatives")


def _check_scalars(count: int) -> None:
    if count > STRAIGHT_SCALARS:
        raise UnsupportedError(f"code between loops works on {count:,} numbers that are not rows of a loop")


def _is_long(v: Any) -> bool:
    return bool(v.aval.shape) and v.aval.size >= ROWS_FROM


def tape(traced: JaxTraced) -> Tape:
    """Divide a traced function.

    Raises:
        UnsupportedError: It has no loop, or a segment does not expand to scalars.
    """
    try:
        return _divided(traced)
    except UnsupportedError:
        raise
    except Exception as error:
        raise UnsupportedError(unforeseen(error, traced.name)) from None


def _divided(traced: JaxTraced) -> Tape:
    closed = traced.closed
    if not has_loop(closed.jaxpr):
        raise NoLoopsError("there is no loop")
    for aval in (*traced.call.types, *closed.out_avals):
        if jax.numpy.issubdtype(aval.dtype, jax.dtypes.extended) or np.dtype(aval.dtype).kind == "c":
            raise UnsupportedError("the function works on complex numbers or random keys")
    given = specs([*traced.call.types, *traced.read_types])
    divided = _Division(given, traced.call.n_differentiated)
    follow = iter(range(len(traced.call.types), len(given)))
    consts = [
        next(follow)
        if isinstance(c, jax.core.Tracer)
        else np.asarray(c)
        if not jax.numpy.issubdtype(jax.typeof(c).dtype, jax.dtypes.extended)
        else c
        for c in closed.consts
    ]
    results = divided.flatten(closed.jaxpr, consts, list(range(len(traced.call.types))))
    return divided.finish(results, len(traced.outputs))


@dataclass(eq=False)
class _Division:
    given: Sequence[Spec]
    n_differentiated: int
    items: list[Item] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    arrays: list[Spec] = field(default_factory=list)
    numbers: dict[int, np.ndarray] = field(default_factory=dict)
    known: dict[int, Any] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)
    active: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.count = len(self.given)
        self.arrays.extend(self.given)
        self.places.update({k: k for k in range(self.count)})
        self.active.update(range(self.n_differentiated))

    # -- one list of equations ----------------------------------------------------------------------------------------

    def flatten(self, jaxpr: Any, consts: Sequence[Operand], operands: Sequence[Operand]) -> list[Operand]:
        """Enter the calls that contain loops; a value gets a number, for the same call may be entered twice."""
        env: dict[Any, Operand] = dict(zip(jaxpr.constvars, consts, strict=True))
        env.update(zip(jaxpr.invars, operands, strict=True))

        def read(v: Any) -> Operand:
            return np.asarray(v.val, dtype=v.aval.dtype) if is_literal(v) else env[v]

        for eqn in jaxpr.eqns:
            inputs = [read(v) for v in eqn.invars]
            inner = inner_jaxprs(eqn)
            if eqn.primitive.name in _CALLS and (any(map(has_loop, inner)) or any(map(_is_long, eqn.invars))):
                body = next(v for v in eqn.params.values() if isinstance(v, (jex.ClosedJaxpr, jex.Jaxpr)))
                held = list(getattr(body, "consts", ()))
                outs = self.flatten(getattr(body, "jaxpr", body), held, inputs)
            else:
                outs = list(range(self.count, self.count + len(eqn.outvars)))
                self.count += len(outs)
                self.items.append(Item(eqn, tuple(inputs), tuple(outs)))
            env.update(zip(eqn.outvars, outs, strict=True))
        return [read(v) for v in jaxpr.outvars]

    # -- segments -----------------------------------------------------------------------------------------------------

    def finish(self, results: Sequence[Operand], n_outputs: int) -> Tape:
        """Cut the list at its loops, and expand every piece."""
        needed = {v for v in results if isinstance(v, int)}
        kept: list[Item] = []
        for item in reversed(self.items):
            if item.eqn.effects or needed.intersection(item.results):
                kept.append(item)
                needed.update(v for v in item.operands if isinstance(v, int))
        kept = with_rows(kept[::-1], results, is_loop)
        pending: list[Item] = []
        for k, item in enumerate(kept):
            if is_loop(item.eqn) and not all(self._is_known(v) for v in item.operands):
                later = {v for other in kept[k:] for v in other.operands if isinstance(v, int)}
                self._straight(pending, later | {v for v in results if isinstance(v, int)})
                pending = []
                if all(self._is_known(v) for v in item.operands):
                    self._concrete(item)
                else:
                    self._loop(
                        item, {v for other in kept[k + 1 :] for v in other.operands if isinstance(v, int)}, results
                    )
            else:
                pending.append(item)
        self._straight(pending, {v for v in results if isinstance(v, int)})
        final = self._through(results)
        return Tape(
            tuple(self.arrays),
            len(self.given),
            self.n_differentiated,
            self.numbers,
            tuple(self.segments),
            tuple(final[:n_outputs]),
            tuple(final[n_outputs:]),
        )

    def _is_known(self, v: Operand) -> bool:
        return not isinstance(v, int) or v in self.known

    def _number(self, v: Operand) -> Any:
        return self.known[v] if isinstance(v, int) else v

    def _concrete(self, item: Item) -> None:
        found = concrete(item.eqn, [self._number(v) for v in item.operands])
        self.known.update(zip(item.results, found, strict=True))

    def _array(self, v: Operand) -> int:
        """The tape's array that a value is."""
        if isinstance(v, int) and v in self.places:
            return self.places[v]
        number = self._number(v)
        if jax.numpy.issubdtype(number.dtype, jax.dtypes.extended):
            raise UnsupportedError("a loop takes random keys")
        number = np.asarray(number)
        self.arrays.append(Spec(number.shape, number.dtype.name))
        place = len(self.arrays) - 1
        self.numbers[place] = number.ravel()
        if isinstance(v, int):
            self.places[v] = place
        return place

    def _new(self, spec: Spec, v: int | None = None, *, active: bool = False) -> int:
        self.arrays.append(spec)
        place = len(self.arrays) - 1
        if v is not None:
            self.places[v] = place
        if active:
            self.active.add(place)
        return place

    def _straight(self, items: Sequence[Item], wanted: set[int]) -> None:
        """Straight code, as one segment; what turns out to be known remains so."""
        if not items:
            return
        made = {v for item in items for v in item.results}
        _check([item.eqn for item in items], limits().program_operations)
        outside = dict.fromkeys(
            v for item in items for v in item.operands if isinstance(v, int) and v not in made and v not in self.known
        )
        operands = sorted((self.places[v], v) for v in outside)
        operands.sort(key=lambda pair: pair[0] not in self.active)
        n_active = sum(place in self.active for place, _ in operands)
        _check_scalars(sum(self.arrays[place].size for place, _ in operands))
        ex, values = begin([self.arrays[place] for place, _ in operands], n_active, walk=run)
        env: dict[int, Value] = {**self.known, **{v: x for (_, v), x in zip(operands, values, strict=True)}}
        for item in items:
            found = evaluate(ex, item.eqn, [env[v] if isinstance(v, int) else v for v in item.operands])
            env.update(zip(item.results, found, strict=True))
        ex.recorder.check_size()
        outputs: list[Output] = []
        results: list[Symbolic] = []
        for v in (v for item in items for v in item.results if v in wanted):
            if is_known(env[v]):
                self.known[v] = env[v]
                continue
            result = lift(ex.builder, env[v])
            spec = Spec(result.shape, result.dtype)
            outputs.append(Output(self._new(spec, v, active=result.active), spec.size, spec.dtype))
            results.append(result)
        if results:
            _check_scalars(sum(o.size for o in outputs))
            inputs = tuple(Input(place, self.arrays[place].size, "constant") for place, _ in operands)
            self.segments.append(Segment(_linearized(ex, results, inputs), inputs, tuple(outputs), n_active))

    def _loop(self, item: Item, later: set[int], results: Sequence[Operand]) -> None:
        """A loop, whose body is expanded once."""
        eqn, params = item.eqn, item.eqn.params
        wanted = later | {v for v in results if isinstance(v, int)}
        for body in inner_jaxprs(eqn):
            _check(body.eqns, LOOP_PROGRAM_LIMIT)
        if eqn.primitive.name == "scan":
            n_consts, n_carry = parts_of_scan(eqn)
        else:
            n_consts = params["cond_nconsts"] + params["body_nconsts"]
            n_carry = len(item.operands) - n_consts

        def role(k: int) -> Role:
            return "constant" if k < n_consts else "carried" if k < n_consts + n_carry else "sequence"

        roles = [role(k) for k in range(len(item.operands))]
        held = [k for k, v in enumerate(item.operands) if not (roles[k] == "constant" and self._is_known(v))]
        arrays = {k: self._array(item.operands[k]) for k in held}
        moving = any(arrays[k] in self.active for k in held)
        is_active = {
            k: is_floating(self.arrays[arrays[k]].dtype)
            and (moving if roles[k] == "carried" else arrays[k] in self.active)
            for k in held
        }
        held.sort(key=lambda k: not is_active[k])
        n_active = sum(is_active.values())
        kinds = [self._row(arrays[k], roles[k]) for k in held]
        ex, values = begin(kinds, n_active, walk=run)
        given = dict(zip(held, values, strict=True))
        operands = [given[k] if k in given else self._number(v) for k, v in enumerate(item.operands)]
        going: list[Symbolic] = []
        if eqn.primitive.name == "scan":
            outs = ex.run(params["jaxpr"], operands)
        else:
            n_cond, carry = params["cond_nconsts"], operands[n_consts:]
            (goes_on,) = ex.run(params["cond_jaxpr"], [*operands[:n_cond], *carry])
            going = [lift(ex.builder, goes_on)]
            outs = ex.run(params["body_jaxpr"], [*operands[n_cond:n_consts], *carry])
        ex.recorder.check_size()
        carriers = [held.index(n_consts + n) for n in range(n_carry)]
        outputs: list[Output] = []
        computed: list[Symbolic] = []
        for n, (v, out) in enumerate(zip(item.results, outs, strict=True)):
            if n >= n_carry and v not in wanted:
                continue
            result = lift(ex.builder, out)
            aval = eqn.outvars[n].aval
            spec = Spec(tuple(aval.shape), aval.dtype.name)
            place = self._new(spec, v, active=result.active)
            outputs.append(Output(place, result.ids.size, result.dtype, carriers[n] if n < n_carry else None))
            computed.append(result)
        inputs = tuple(Input(arrays[k], kind.size, roles[k]) for k, kind in zip(held, kinds, strict=True))
        steps = params["length"] if eqn.primitive.name == "scan" else None
        found = _linearized(ex, computed, inputs, going)
        self.segments.append(
            Segment(
                found,
                inputs,
                tuple(outputs),
                n_active,
                steps,
                bool(params.get("reverse")),
                item.label or label(eqn),
                sum(map(equations, inner_jaxprs(eqn))),
            )
        )

    def _row(self, place: int, role: Role) -> Spec:
        spec = self.arrays[place]
        return Spec(spec.shape[1:], spec.dtype) if role == "sequence" else spec

    def _through(self, results: Sequence[Operand]) -> list[int]:
        """The arrays of the results: a copy where one is known, an operand, or a result twice."""
        final: list[int | None] = []
        produced = {o.array for s in self.segments for o in s.outputs}
        for v in results:
            place = self.places.get(v) if isinstance(v, int) else None
            final.append(place if place in produced and place not in final else None)
        copied = [k for k, place in enumerate(final) if place is None]
        if copied:
            taken = [self._array(results[k]) for k in copied]
            sources = sorted(set(taken), key=lambda place: place not in self.active)
            n_active = sum(place in self.active for place in sources)
            ex, values = begin([self.arrays[place] for place in sources], n_active)
            of = dict(zip(sources, values, strict=True))
            inputs = tuple(Input(place, self.arrays[place].size, "constant") for place in sources)
            outputs = []
            for k, place in zip(copied, taken, strict=True):
                spec = self.arrays[place]
                final[k] = self._new(spec, active=place in self.active)
                outputs.append(Output(final[k], spec.size, spec.dtype))  # type: ignore[arg-type]
            found = _linearized(ex, [of[place] for place in taken], inputs)
            self.segments.append(Segment(found, inputs, tuple(outputs), n_active))
        return [place for place in final if place is not None]


def _linearized(
    ex: Any, results: Sequence[Symbolic], inputs: Sequence[Input], more: Sequence[Symbolic] = ()
) -> Linearization:
    outputs = [v for r in results for v in r.tangent_vertices().ravel().tolist()]
    values = [k for r in (*results, *more) for k in r.ids.ravel().tolist()]
    found: Linearization = ex.recorder.finish(outputs, values, sum(i.size for i in inputs))
    return found
