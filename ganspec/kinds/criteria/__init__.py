"""Losses of a network's outputs against known targets: one kind, one file."""
