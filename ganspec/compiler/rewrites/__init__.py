"""Rewrites: faster ways to apply modules with the same results up to rounding.

Each file has one rewrite. `TARGETS` are the classes of the modules that the rewrite replaces, which
follow each other. `fits(calls, x)` returns True if it gives the modules' result, in less time, for
inputs of the shape of `x`. `apply(*modules, *inputs)` returns this result.

A rewrite never changes a network's modules, their names or their weights, and `apply` reads
`module.weight` when it is called. So weight norms, `state_dict`, emitted source and comparisons do
not depend on rewrites.
"""
