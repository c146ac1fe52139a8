"""A graph in the middle of its elimination, in the forms that searchers work on."""
