"""The JAX backend of ccjac: tracing, scalarising and running in JAX.  Importing this package does not import JAX."""
