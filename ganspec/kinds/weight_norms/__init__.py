"""Weight norms: one kind, one file."""
