"""Kinds of weight norm."""
