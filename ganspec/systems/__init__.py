"""Systems that are trained: a folder each, with one subclass of `Spec` in its `spec.py`."""
