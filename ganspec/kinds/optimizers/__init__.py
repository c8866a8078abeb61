"""Optimizers: one kind, one file."""
