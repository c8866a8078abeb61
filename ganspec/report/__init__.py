"""Comparisons, networks, runs and data sets as tables, pages and diagrams."""
