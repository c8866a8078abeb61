"""Layers: one kind, one file."""
