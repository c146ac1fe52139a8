"""Simulated annealing, whole and window by window."""
