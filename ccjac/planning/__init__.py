"""From a graph and ``order=`` to a plan."""
