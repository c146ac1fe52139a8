"""Jacobians for use without the framework that traced them: as C, and as functions of numpy arrays."""
