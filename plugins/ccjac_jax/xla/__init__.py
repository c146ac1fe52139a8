"""XLA's foreign function interface: what a handler reads and writes, and how it is registered."""
