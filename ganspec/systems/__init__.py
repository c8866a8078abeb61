"""Systems, such as `gan`: one folder each, with a subclass of `Spec` in its `spec.py`."""
