"""Work on all steps of a path at once, row by row: part of the loop that makes the path, or a loop of its own.

Elementwise operations, sums and products along the other axes give a row for a row; sums over the first axis and single
rows are carried from step to step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core as jex

from ccjac.limits import PICKED_ROWS, ROWS_FROM

from .control import parts_of_scan
from .derivative import is_float, is_literal, shape_of
from .interpreter import concrete
from .names import ELEMENTWISE, label

Operand = Any
"""The number of a value, or a known array."""


class Item(NamedTuple):
    """An equation with the numbers of its values; what it is, if its own place in the code does not say so."""

    eqn: Any
    operands: tuple[Operand, ...]
    results: tuple[int, ...]
    label: str = ""


class RowRule(NamedTuple):
    """What an equation does with a row.

    Attributes:
        kind: ``"row"``: the result has a row for every row, ``"sum"``: it is the sum of what ``function`` returns,
            ``"pick"``: what it returns for the row ``at``.
        function: From the operands' rows, and whole operands that have none.
        at: The rows that are picked.
    """

    kind: str
    function: Callable[..., Any]
    at: tuple[int, ...] = ()


def rule(eqn: Any, length: int, cut: Sequence[bool]) -> RowRule | None:
    """The rule of an equation whose operands are ``cut`` into ``length`` rows or not, if it has one."""
    name = eqn.primitive.name
    if len(eqn.outvars) != 1 or eqn.effects or not (any(cut) or name == "broadcast_in_dim"):
        return None
    if name in ELEMENTWISE:
        return _elementwise(eqn, length, cut)
    found = _RULES.get(name)
    return None if found is None else found(eqn, length, cut)


def _elementwise(eqn: Any, length: int, cut: Sequence[bool]) -> RowRule | None:
    shapes = [v.aval.shape for v in eqn.invars]
    # An axis of length one serves all rows.
    spread = [not c and shape[:1] == (1,) for shape, c in zip(shapes, cut, strict=True)]
    fits = all(c or one or not shape for shape, c, one in zip(shapes, cut, spread, strict=True))
    if not fits or eqn.outvars[0].aval.shape[:1] != (length,):
        return None
    return RowRule(
        "row",
        lambda *rows: eqn.primitive.bind(
            *(a[0] if one else a for a, one in zip(rows, spread, strict=True)), **eqn.params
        ),
    )


def _broadcast(eqn: Any, length: int, cut: Sequence[bool]) -> RowRule | None:
    dims, out = eqn.params["broadcast_dimensions"], eqn.outvars[0].aval
    if len(cut) != 1 or _length(out) != length:
        return None
    first = bool(dims) and dims[0] == 0
    if not cut[0] and first and eqn.invars[0].aval.shape[0] != 1:
        return None
    target, rest = out.shape[1:], tuple(d - 1 for d in dims if d)
    whole = first and not cut[0]
    return RowRule("row", lambda a: lax.broadcast_in_dim(a[0] if whole else a, target, rest))


def _reshape(eqn: Any, length: int, cut: Sequence[bool]) -> RowRule | None:
    out = eqn.outvars[0].aval.shape
    if not cut[0] or out[:1] != (length,) or eqn.params.get("dimensions") not in (None, *_squeezed(eqn)):
        return None
    return RowRule("row", lambda r: jnp.reshape(r, out[1:]))


def _squeezed(eqn: Any) -> tuple[Any, ...]:
    """The dimensions that a squeeze of rows has."""
    return (eqn.params["dimensions"],) if eqn.primitive.name == "squeeze" and 0 not in eqn.params["dimensions"] else ()


def _transpose(eqn: Any, length: int, cut: Sequence[bool]) -> RowRule | None:
    order = eqn.params["permutation"]
    return None if order[0] != 0 else RowRule("row", lambda r: lax.transpose(r, [d - 1 for d in order[1:]]))


def _slice(eqn: Any, length: int, cut: Sequence[bool]) -> RowRule | None:
    start, limit = eqn.params["start_indices"], eqn.params["limit_indices"]
    return _part(start, limit, eqn.params["strides"] or (1,) * len(start), length)


def known_slice(eqn: Any, length: int, cut: Sequence[bool], starts: Sequence[np.ndarray]) -> RowRule | None:
    """The rule of a ``dynamic_slice`` at known places."""
    shape, sizes = eqn.invars[0].aval.shape, eqn.params["slice_sizes"]
    if not cut[0] or any(cut[1:]):
        return None
    first = [int(np.clip(int(s), 0, n - k)) for s, n, k in zip(starts, shape, sizes, strict=True)]
    return _part(first, [f + k for f, k in zip(first, sizes, strict=True)], (1,) * len(shape), length)


def _part(start: Sequence[int], limit: Sequence[int], strides: Sequence[int], length: int) -> RowRule | None:
    def part(r: Any, *_: Any) -> Any:
        return lax.slice(r, start[1:], limit[1:], strides[1:])

    if (start[0], limit[0], strides[0]) == (0, length, 1):
        return RowRule("row", part)
    picked = range(start[0], limit[0], strides[0])
    return RowRule("pick", lambda r, *_: part(r)[None], tuple(picked)) if len(picked) <= PICKED_ROWS else None


def _concatenate(eqn: Any, length: int, cut: Sequence[bool]) -> RowRule | None:
    axis = eqn.params["dimension"]
    return RowRule("row", lambda *r: lax.concatenate(r, axis - 1)) if axis and all(cut) else None


def _reduce(eqn: Any, length: int, cut: Sequence[bool]) -> RowRule | None:
    axes = eqn.params["axes"]
    inner = tuple(a - 1 for a in axes if a)
    if len(cut) != 1:
        return None
    if 0 not in axes:
        return RowRule("row", lambda r: eqn.primitive.bind(r, **{**eqn.params, "axes": inner}))
    if eqn.primitive.name != "reduce_sum":
        return None
    return RowRule("sum", lambda r: jnp.sum(r, axis=inner, dtype=eqn.outvars[0].aval.dtype) if inner else r)


def _dot(eqn: Any, length: int, cut: Sequence[bool]) -> RowRule | None:
    (left, right), (left_batch, right_batch) = eqn.params["dimension_numbers"]
    if not is_float(eqn.outvars[0].aval) or len({v.aval.dtype for v in (*eqn.invars, *eqn.outvars)}) > 1:
        return None

    def less(axes: Sequence[int]) -> tuple[int, ...]:
        return tuple(a - 1 for a in axes)

    if left_batch:
        if not all(cut) or left_batch[0] != 0 or right_batch[0] != 0:
            return None
        numbers: Any = ((less(left), less(right)), (less(left_batch[1:]), less(right_batch[1:])))
    elif all(cut):
        if (tuple(left), tuple(right)) != ((0,), (0,)):
            return None
        return RowRule("sum", lambda a, b: jnp.tensordot(a, b, 0))
    elif cut[0] and 0 not in left:
        numbers = ((less(left), tuple(right)), ((), ()))
    else:
        return None
    return RowRule("row", lambda a, b: lax.dot_general(a, b, numbers))


_RULES: dict[str, Callable[[Any, int, Sequence[bool]], RowRule | None]] = {
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "concatenate": _concatenate,
    "dot_general": _dot,
    **dict.fromkeys(("reduce_sum", "reduce_max", "reduce_min", "reduce_prod"), _reduce),
}


# -- loops of rows -----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Group:
    """A loop to be made.

    Attributes:
        length: Its steps.
        base: The scan that it extends.
        parts: What is done with its rows.
        rows: The numbers of values that are cut into rows inside.
        after: What follows it, because it depends on it.
        late: The numbers of values that do.
    """

    length: int
    base: Item | None = None
    parts: list[tuple[RowRule, Item, tuple[bool, ...]]] = field(default_factory=list)
    rows: set[int] = field(default_factory=set)
    after: list[Item] = field(default_factory=list)
    late: set[int] = field(default_factory=set)


def with_rows(items: Sequence[Item], results: Collection[Operand], is_loop: Callable[[Any], bool]) -> list[Item]:
    """The list with work on long arrays row by row put into loops."""
    lengths = {item.eqn.params["length"] for item in items if item.eqn.primitive.name == "scan" and is_loop(item.eqn)}
    known: dict[int, np.ndarray | None] = {}
    done: list[Item] = []
    group: _Group | None = None
    wanted = {v for v in results if isinstance(v, int)}

    def users(kept: Collection[Item]) -> set[int]:
        inside = {id(item) for item in kept}
        return wanted | {v for i in items if id(i) not in inside for v in i.operands if isinstance(v, int)}

    def close() -> list[Item]:
        """Finish the group; what follows it is to be looked at again."""
        nonlocal group
        after: list[Item] = []
        if group is not None:
            if group.parts:
                members = [item for _, item, _ in group.parts]
                done.append(_joined(group, users(members if group.base is None else [*members, group.base])))
            elif group.base is not None:
                done.append(group.base)
            after = group.after
        group = None
        return after

    queue = deque(items)
    while queue or group is not None:
        if not queue:
            queue.extend(close())
            continue
        item = queue.popleft()
        numbers = [v for v in item.operands if isinstance(v, int)]
        if item.eqn.effects:
            done.append(item)
            continue
        given = [known.get(o) if isinstance(o, int) else o for o in item.operands]
        if all(v in known for v in numbers):
            small = all(g is not None for g in given) and all(v.aval.size <= PICKED_ROWS for v in item.eqn.outvars)
            found_now = concrete(item.eqn, given) if small else [None] * len(item.results)
            known.update(zip(item.results, found_now, strict=True))
            done.append(item)
            continue
        if is_loop(item.eqn):
            if group is not None:
                queue.extendleft([item, *close()[::-1]])
            elif item.eqn.primitive.name == "scan":
                _, n_carry = parts_of_scan(item.eqn)
                group = _Group(item.eqn.params["length"], item, rows=set(item.results[n_carry:]))
                group.late.update(item.results[:n_carry])
            else:
                done.append(item)
            continue
        inside = group.rows if group is not None else set()
        avals = [v.aval for v in (*item.eqn.invars, *item.eqn.outvars)]
        length = next((n for aval in avals if (n := _length(aval)) in lengths), 0)
        if group is not None and (inside.intersection(numbers) or not length):
            length = group.length
        cut = tuple(
            v.aval.shape[:1] == (length,) and (v.aval.size >= ROWS_FROM or o in inside)
            for v, o in zip(item.eqn.invars, item.operands, strict=True)
        )
        found = rule(item.eqn, length, cut) if length else None
        if length and item.eqn.primitive.name == "dynamic_slice" and all(g is not None for g in given[1:]):
            found = known_slice(item.eqn, length, cut, [g for g in given[1:] if g is not None])
        late = group is not None and bool(group.late.intersection(numbers))
        if found is not None and group is not None and length != group.length:
            queue.extendleft([item, *close()[::-1]])
            continue
        if found is not None and group is None:
            group = _Group(length)
        if group is None:
            done.append(item)
        elif found is not None and not late:
            group.parts.append((found, item, cut))
            (group.rows if found.kind == "row" else group.late).update(item.results)
        elif late or inside.intersection(numbers):
            group.after.append(item)
            group.late.update(item.results)
        else:
            done.append(item)
    return done


def _length(aval: Any) -> int:
    """The rows of a long array."""
    return aval.shape[0] if aval.shape and aval.size >= ROWS_FROM else 0


def _joined(group: _Group, used: set[int]) -> Item:
    """One scan of what its base does and of the work on rows.

    Args:
        group: The loop.
        used: The values that others read.
    """
    base = group.base
    made = {v for _, item, _ in group.parts for v in item.results} | group.rows
    sequences: dict[Any, Operand] = {}
    constants: dict[Any, Operand] = {}
    kinds: dict[Any, Any] = {}
    for _, item, cut in group.parts:
        for k, (v, operand) in enumerate(zip(item.eqn.invars, item.operands, strict=True)):
            key = _key(operand)
            if not (isinstance(operand, int) and operand in made):
                (sequences if cut[k] else constants)[key] = operand
                kinds[key] = shape_of(v.aval)
    n_consts, n_carry = parts_of_scan(base.eqn) if base is not None else (0, 0)
    own = base.operands if base is not None else ()
    own_kinds = [shape_of(v.aval) for v in base.eqn.invars] if base is not None else []
    sums = [(r, item) for r, item, _ in group.parts if r.kind != "row"]
    rows = [item.results[0] for r, item, _ in group.parts if r.kind == "row" and item.results[0] in used]
    kept = [k for k, v in enumerate(base.results[n_carry:]) if v in used] if base is not None else []
    step = jex.jaxpr_as_fun(base.eqn.params["jaxpr"]) if base is not None else None

    def loop(consts: Any, more: Any, carry: Any, totals: Any, xs: Any, cut_xs: Any, numbers: Any) -> Any:
        def body(state: Any, row: Any) -> Any:
            (carry, totals), (own_row, cut_row, number) = state, row
            env: dict[Any, Any] = dict(zip(constants, more, strict=True)) | dict(zip(sequences, cut_row, strict=True))
            outs: list[Any] = []
            if step is not None and base is not None:
                outs = list(step(*consts, *carry, *own_row))
                env.update(zip(base.results[n_carry:], outs[n_carry:], strict=True))
            after: list[Any] = []
            for found, item, _ in group.parts:
                value = found.function(*(env[_key(o)] for o in item.operands))
                if found.kind == "row":
                    env[item.results[0]] = value
                elif found.kind == "sum":
                    after.append(totals[len(after)] + value)
                else:
                    here = jnp.asarray(found.at, np.int32) == number
                    shape = (len(found.at), *(1,) * (value.ndim - 1))
                    after.append(jnp.where(here.reshape(shape), value, totals[len(after)]))
            stacked = [outs[n_carry + k] for k in kept] + [env[v] for v in rows]
            return (outs[:n_carry], after), stacked

        reverse = bool(base is not None and base.eqn.params["reverse"])
        return lax.scan(body, (carry, totals), (xs, cut_xs, numbers), length=group.length, reverse=reverse)

    totals = [shape_of(item.eqn.outvars[0].aval) for _, item in sums]
    whole = (
        own_kinds[:n_consts],
        [kinds[k] for k in constants],
        own_kinds[n_consts : n_consts + n_carry],
        totals,
        own_kinds[n_consts + n_carry :],
        [kinds[k] for k in sequences],
        jax.ShapeDtypeStruct((group.length,), np.int32),
    )
    closed = jax.make_jaxpr(loop)(*whole)
    (eqn,) = closed.jaxpr.eqns
    zeros = [np.zeros(t.shape, t.dtype) for t in totals]
    given = [
        *own[:n_consts],
        *constants.values(),
        *own[n_consts : n_consts + n_carry],
        *zeros,
        *own[n_consts + n_carry :],
        *sequences.values(),
        np.arange(group.length, dtype=np.int32),
    ]
    place = dict(zip(closed.jaxpr.invars, given, strict=True))
    place.update(zip(closed.jaxpr.constvars, map(np.asarray, closed.consts), strict=True))
    operands = tuple(np.asarray(v.val, shape_of(v.aval).dtype) if is_literal(v) else place[v] for v in eqn.invars)
    carried = base.results[:n_carry] if base is not None else ()
    stacked = [base.results[n_carry + k] for k in kept] if base is not None else []
    results = (*carried, *(item.results[0] for _, item in sums), *stacked, *rows)
    return Item(eqn, operands, results, label(group.parts[0][1].eqn if base is None else base.eqn))


def _key(operand: Operand) -> Any:
    """Known arrays are told apart by identity."""
    return operand if isinstance(operand, int) else ("known", id(operand))
