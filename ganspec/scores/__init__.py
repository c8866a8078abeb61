"""Scores in words and curves, and the claims that they belong to."""
