"""A name for a graph's structure: the same mathematics gets the same fingerprint, however it was written."""

from .labelling import SCHEMA, Canonical, canonical, fingerprint

__all__ = ["SCHEMA", "Canonical", "canonical", "fingerprint"]
