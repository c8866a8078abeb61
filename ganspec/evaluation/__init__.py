"""Scores of runs and of folders: images, feature extractors, and the scores' conditions."""
