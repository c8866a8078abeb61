"""Metrics: one kind, one file."""
