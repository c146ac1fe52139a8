"""Elimination as a game of one player."""
