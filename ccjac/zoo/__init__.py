"""Elimination orders on disk, found by the structure of the graph."""

from __future__ import annotations

from .checks import believed_bound, problems
from .codec import MalformedError, decode_graph, encode_graph
from .entry import SCHEMA, Entry, StoredOrder
from .maintenance import Finding, Imported
from .shipped import write_shipped
from .zoo import Hit, Zoo, resolve

__all__ = [
    "SCHEMA",
    "Entry",
    "Finding",
    "Hit",
    "Imported",
    "MalformedError",
    "StoredOrder",
    "Zoo",
    "believed_bound",
    "decode_graph",
    "encode_graph",
    "problems",
    "resolve",
    "write_shipped",
]
