"""The learning agent: a network that orders vertices, and what trains it."""
