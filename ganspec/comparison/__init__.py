"""Comparisons of two specs, and surveys of any number."""
