"""Scores of images: one kind, one file."""
