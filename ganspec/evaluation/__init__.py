"""Scores of a run: what they are taken of, by which extractor, and where they are kept."""
