"""Conditions: one kind, one file."""
