"""Functions with loops: straight pieces and loop bodies, each a scalar graph of its own, joined into one program.

A backend hands over a :class:`~ccjac.loops.tape.Tape`; :func:`~ccjac.loops.joined.jacobian` turns it into a
:class:`~ccjac.loops.chain.Chain`, whose length does not depend on the number of steps.
"""
