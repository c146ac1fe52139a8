"""The catalogue's functions, one module per field or family.  Every module registers what it defines."""
