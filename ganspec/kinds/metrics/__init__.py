"""Kinds of metric."""
