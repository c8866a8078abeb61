"""Kinds of initial weights."""
