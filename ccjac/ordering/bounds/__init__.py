"""Lower bounds on the cost of every order."""
