"""What searchers are made of: the best order so far, parts that take turns, compiled loops."""
