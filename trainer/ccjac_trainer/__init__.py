"""Offline search for better elimination orders: the command ``ccjac-train``."""
