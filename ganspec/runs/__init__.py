"""Runs on disk: the folder, its log, checkpoints and scores, and reading them back."""
