"""Measure scores of runs and of image folders, with feature extractors."""
