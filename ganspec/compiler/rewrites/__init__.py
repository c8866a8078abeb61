"""Rewrites: faster ways to apply modules with the same results up to rounding.

A rewrite is one identity in one file. `TARGETS` are the classes of the modules that it applies
together, which follow each other; `fits(calls, x)` returns True if it equals them and pays, for a
first input of the shape of `x`; `apply(*modules, *inputs)` returns their result. It never changes
which modules a network has, their names or weights: `module.weight` is read when `apply` is called,
so weight norms, `state_dict`, emitted source and comparisons do not see it.
"""
