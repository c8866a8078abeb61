"""Criteria, which compare a network's outputs with targets: one kind, one file."""
