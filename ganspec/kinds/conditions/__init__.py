"""Kinds of condition."""
