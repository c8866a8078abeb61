"""Initial weights: one kind, one file."""
