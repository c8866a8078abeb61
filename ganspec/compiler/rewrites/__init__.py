"""Rewrites: faster ways to apply modules with the same results up to rounding.

Each file that `REWRITES` in `actions.py` lists has one rewrite. `TARGETS` are the classes of the
modules that the rewrite replaces, in the order in which they are called. `fits(calls, x)` returns
True if the rewrite can replace modules made by `calls`, and may be faster, for an input of the
shape of `x`. `apply(*modules, x)` returns the result of the modules, called one after the other.

A rewrite never changes a network's modules, their names or their weights, and `apply` reads
`module.weight` when it is called. So weight norms, `state_dict`, emitted source and comparisons do
not depend on rewrites.
"""
