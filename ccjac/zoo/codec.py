"""Entries as JSON and back.  Reading is strict: whatever is not exactly an entry is :class:`MalformedError`.

A graph's edges are one string, ``"0>5 1>5u"`` with a ``u`` after unit edges: a lookup, which needs an order only, then
does not pay for parsing thousands of numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from ..errors import GraphError
from ..graph import Graph
from .entry import MAX_NAMES, SCHEMA, Entry, StoredOrder

FINGERPRINT = re.compile(r"[0-9a-f]{32}", re.ASCII)
MAX_CHARACTERS = 1 << 28
_MAX_VERTICES = 1 << 20
_MAX_COST = 1 << 62
_MAX_SECONDS = 1e10
_MAX_STRING = 200
_MAX_COST_MODELS = 64
_EDGE = re.compile(r"(\d{1,7})>(\d{1,7})(u?)", re.ASCII)
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})?", re.ASCII)


class MalformedError(ValueError):
    """Text that is not an entry: damaged, hostile, or written by something else."""


class NewerError(MalformedError):
    """An entry of a newer schema: not for this version to read, nor to overwrite."""


def dumps(value: Mapping[str, Any]) -> str:
    """JSON text of an encoded entry; on one line, ASCII."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _no_constant(name: str) -> None:
    raise MalformedError(f"{name} is no JSON number")


DECODER = json.JSONDecoder(parse_constant=_no_constant)


def loads(text: str) -> Any:
    """Parse JSON.

    Raises:
        MalformedError: Not JSON; or numbers, nesting or sizes that no entry has.
    """
    if len(text) > MAX_CHARACTERS:
        raise MalformedError(f"{len(text)} characters are too many")
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"no JSON: {type(error).__name__}: {error}") from None


def encode(entry: Entry) -> dict[str, Any]:
    """An entry as JSON values, in the order in which people read it; the fingerprint comes first."""
    return {
        "fingerprint": entry.fingerprint,
        "schema": SCHEMA,
        "names": list(entry.names),
        "created": entry.created,
        "updated": entry.updated,
        "orders": {name: _encode_order(entry.orders[name]) for name in sorted(entry.orders)},
        "graph": encode_graph(entry.graph),
    }


def decode(value: Any) -> Entry:
    """The entry that JSON values stand for.  Whether its orders fit its graph is not looked at here.

    Raises:
        MalformedError: Anything but an entry.
        NewerError: An entry of a newer schema.
    """
    fields = opened(value)
    graph = decode_graph(_get(fields, "graph", dict))
    names = _get(fields, "names", list)
    if len(names) > MAX_NAMES:
        raise MalformedError(f"{len(names)} names")
    return Entry(
        _string(fields, "fingerprint", FINGERPRINT),
        graph,
        {name: order for name in _cost_names(fields) if (order := decode_order(fields, name, graph.size))},
        tuple(_string({"name": name}, "name") for name in names),
        _string(fields, "created", _DATE),
        _string(fields, "updated", _DATE),
    )


def opened(value: Any) -> dict[str, Any]:
    """``value`` as the fields of an entry of this schema, the fields themselves unchecked.

    Raises:
        MalformedError, NewerError: As for :func:`decode`.
    """
    if type(value) is not dict:
        raise MalformedError(f"an entry is an object, not {type(value).__name__}")
    schema = _integer(value, "schema", 1, 1 << 31)
    if schema > SCHEMA:
        raise NewerError(f"schema {schema}, this version reads up to {SCHEMA}")
    return value


def decode_order(fields: Mapping[str, Any], cost: str, size: int) -> StoredOrder | None:
    """The order for one cost model in an opened entry of a graph with ``size`` vertices, ``None`` if there is none.

    Raises:
        MalformedError: The order is anything but numbers below ``size`` with a cost, or a field has the wrong type.
    """
    orders = _get(fields, "orders", dict)
    if cost not in orders:
        return None
    stored = _get(orders, cost, dict)
    order = _get(stored, "order", list)
    if len(order) > size:
        raise MalformedError(f"an order of {len(order)} for {size} vertices")
    if not all(type(v) is int and 0 <= v < size for v in order):
        raise MalformedError("an order of other things than vertices")
    price = _integer(stored, "cost", 0, _MAX_COST)
    seconds = stored.get("seconds")
    if type(seconds) not in (int, float) or not 0 <= seconds <= _MAX_SECONDS:
        raise MalformedError("`seconds` is no time")
    return StoredOrder(
        tuple(order),
        price,
        _integer(stored, "lower_bound", 0, price),
        _string(stored, "method"),
        _string(stored, "proof"),
        _integer(stored, "seed", -_MAX_COST, _MAX_COST),
        float(seconds),
        _get(stored, "pending", bool),
        _groups(stored, size),
    )


def _groups(stored: Mapping[str, Any], size: int) -> tuple[tuple[int, ...], ...]:
    """Disjoint sets of vertices; files of earlier versions have none."""
    groups = _get(stored, "groups", list) if "groups" in stored else []
    if not all(type(group) is list for group in groups):
        raise MalformedError("`groups` must be lists of vertices")
    members = [v for group in groups for v in group]
    if len(members) > size or not all(type(v) is int and 0 <= v < size for v in members):
        raise MalformedError("`groups` of other things than vertices")
    return tuple(tuple(group) for group in groups)


def _encode_order(stored: StoredOrder) -> dict[str, Any]:
    return {
        "cost": stored.cost,
        "lower_bound": stored.lower_bound,
        "proof": stored.proof,
        "method": stored.method,
        "seed": stored.seed,
        "seconds": round(stored.seconds, 3),
        "pending": stored.pending,
        **({"groups": [list(group) for group in stored.groups]} if stored.groups else {}),
        "order": list(stored.order),
    }


def encode_graph(graph: Graph) -> dict[str, Any]:
    """A graph as JSON values; labels are left out."""
    units = graph.unit_edges
    return {
        "granularity": graph.granularity,
        "n_inputs": graph.n_inputs,
        "n_vertices": graph.n_vertices,
        "outputs": list(graph.outputs),
        "edges": " ".join(f"{a}>{b}{'u' * ((a, b) in units)}" for a, b in graph.edges),
    }


def decode_graph(fields: Mapping[str, Any]) -> Graph:
    """The graph that JSON values stand for.

    Raises:
        MalformedError: Not a graph in normal form.
    """
    granularity: Literal["scalar", "tensor"]
    match fields.get("granularity"):
        case "scalar":
            granularity = "scalar"
        case "tensor":
            granularity = "tensor"
        case _:
            raise MalformedError("`granularity` must be scalar or tensor")
    n_inputs = _integer(fields, "n_inputs", 0, _MAX_VERTICES)
    n_vertices = _integer(fields, "n_vertices", 0, _MAX_VERTICES)
    outputs = _get(fields, "outputs", list)
    if not all(type(v) is int for v in outputs):
        raise MalformedError("`outputs` must be vertices")
    edges, units = [], []
    for word in _get(fields, "edges", str).split():
        found = _EDGE.fullmatch(word)
        if found is None:
            raise MalformedError(f"no edge: {word[:20]!r}")
        edge = int(found[1]), int(found[2])
        edges.append(edge)
        if found[3]:
            units.append(edge)
    try:
        graph = Graph.from_edges(n_inputs, n_vertices, outputs, edges, units, granularity=granularity)
    except GraphError as error:
        raise MalformedError(str(error)) from None
    if graph.n_vertices != n_vertices or len(graph.edges) != len(edges):
        raise MalformedError("a graph that is not in normal form")
    return graph


def _cost_names(fields: Mapping[str, Any]) -> list[str]:
    names = list(_get(fields, "orders", dict))
    if len(names) > _MAX_COST_MODELS:
        raise MalformedError(f"{len(names)} cost models")
    return [_string({"cost model": name}, "cost model") for name in names]


def _get(fields: Mapping[str, Any], key: str, kind: type) -> Any:
    value = fields.get(key)
    if type(value) is not kind:
        raise MalformedError(f"`{key}` is {type(value).__name__}")
    return value


def _integer(fields: Mapping[str, Any], key: str, low: int, high: int) -> int:
    value = fields.get(key)
    if type(value) is not int or not low <= value <= high:
        raise MalformedError(f"`{key}` is no integer from {low} to {high}")
    return value


def _string(fields: Mapping[str, Any], key: str, pattern: re.Pattern[str] | None = None) -> str:
    """A short string without control characters: it will be printed to a terminal."""
    value = fields.get(key)
    if type(value) is not str or len(value) > _MAX_STRING or not value.isprintable():
        raise MalformedError(f"`{key}` is no short line of text")
    if pattern is not None and pattern.fullmatch(value) is None:
        raise MalformedError(f"`{key}` has the wrong form: {value!r}")
    return value
