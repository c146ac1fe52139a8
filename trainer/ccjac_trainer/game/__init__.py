"""Vertex elimination as a game of one player, in JAX: positions, moves, rewards."""

from .board import Board, Start, eliminate, lay_out, play, prices, stack

__all__ = ["Board", "Start", "eliminate", "lay_out", "play", "prices", "stack"]
