"""Runs on disk: the folder, its log and scores, and reading them back."""
