"""Plans as JSON files.  Reading is as strict as for a zoo's entries: an order is advice, checked before use."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..elimination import check_order, count
from ..errors import InputError, OrderError
from ..graph import Graph

if TYPE_CHECKING:
    from ..ordering.protocol import Certificate

SCHEMA = 1
"""Version of the form.  Files of a newer one are refused."""

_KIND = "ccjac plan"


def encode(
    graph: Graph | None,
    order: Sequence[int],
    cost: int,
    bound: tuple[int, Certificate | None],
    texts: Mapping[str, str],
) -> dict[str, Any]:
    """A plan as JSON values.

    Args:
        graph: ``None`` for a fallback.
        order: In the graph's numbering.
        cost: In multiplications.
        bound: The lower bound and why it holds.
        texts: Where the plan came from and what runs it.
    """
    from ..zoo.codec import encode_graph

    value, certificate = bound
    return {
        "kind": _KIND,
        "schema": SCHEMA,
        **texts,
        "multiplications": cost,
        "lower_bound": value,
        "proof": certificate.proof if certificate is not None else "none",
        "groups": [list(group) for group in certificate.groups] if certificate is not None else [],
        "order": list(order),
        "graph": encode_graph(graph) | {"labels": list(graph.labels)} if graph is not None else None,
    }


def decode(fields: Any) -> dict[str, Any]:
    """What a plan is made of, from JSON values, all of it checked.

    Raises:
        InputError: Not a plan.
    """
    from ..fingerprint import canonical
    from ..zoo.codec import MalformedError, decode_graph, decode_order

    if type(fields) is not dict or fields.get("kind") != _KIND:
        raise _refused("it is none")
    if type(fields.get("schema")) is not int or not 1 <= fields["schema"] <= SCHEMA:
        raise _refused(f"its schema is {fields.get('schema')!r}, this version reads up to {SCHEMA}")
    source, executor, reason = (_text(fields, key) for key in ("source", "executor", "reason"))
    plain = {"source": source, "executor": executor, "reason": reason}
    if fields.get("graph") is None:
        known = source if source in ("constant", "fused") else "fallback"
        return {"graph": None, "order": (), **plain, "source": known}
    try:
        graph = decode_graph(fields["graph"] if type(fields["graph"]) is dict else {})
        graph = _labelled(graph, fields["graph"].get("labels"))
        # The same rules as for the orders of an entry.
        claims = {"cost": fields.get("multiplications"), "method": "", "seed": 0, "seconds": 0, "pending": False}
        stored = decode_order({"orders": {"it": {**fields, **claims}}}, "it", graph.size)
        if stored is None:
            raise _refused("it has no order")
        order = check_order(graph, stored.order)
    except (MalformedError, OrderError) as error:
        raise _refused(str(error)) from None
    if (cost := count(graph, order).multiplications) != stored.cost:
        raise _refused(f"its order costs {cost} multiplications, but {stored.cost} is written")
    fingerprint = canonical(graph).fingerprint
    if fields.get("fingerprint") != fingerprint:
        raise _refused("its fingerprint is not that of its graph")
    from ..zoo.certificates import certificate_of

    return {
        "graph": graph,
        "order": order,
        **plain,
        "claimed_bound": stored.lower_bound,
        "certificate": certificate_of(stored),
        "_fingerprint": fingerprint,
    }


def write(path: str | os.PathLike[str], fields: Mapping[str, Any]) -> None:
    """Write a file at once or not at all."""
    from ..zoo.shipped import write_text

    write_text(Path(path), json.dumps(fields) + "\n")


def read(path: str | os.PathLike[str]) -> Any:
    """The JSON values of a file.

    Raises:
        InputError: It is no JSON.
        OSError: It cannot be read.
    """
    from ..zoo.codec import loads
    from ..zoo.shipped import read_text

    try:
        return loads(read_text(Path(path)))
    except ValueError as error:
        raise _refused(str(error)) from None


def _labelled(graph: Graph, labels: Any) -> Graph:
    from dataclasses import replace

    fits = type(labels) is list and len(labels) == graph.n_vertices and all(type(text) is str for text in labels)
    return replace(graph, labels=tuple(labels)) if fits else graph


def _text(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key, "")
    if type(value) is not str or not value.isprintable():
        raise _refused(f"`{key}` is no line of text")
    return value


def _refused(why: str) -> InputError:
    return InputError(f"`Plan.load` takes a file that `Plan.save` wrote; {why}.")
