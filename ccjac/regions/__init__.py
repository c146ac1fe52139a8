"""Functions of which the framework, or a loop, computes a part: regions between scalar programs.

A :class:`~ccjac.regions.region.Region` is cut out of a function while it is expanded
(:func:`ccjac.expand.foreign`).  Its results become inputs of the scalar program, and so do its local partial
derivatives, which are partials of edges like all others: there is one graph and one elimination order for the whole
function.  At run time the scalar program runs in stages (:mod:`~ccjac.regions.staged`), each of which computes what
regions read; the last one computes the function's values and its Jacobian.
"""
