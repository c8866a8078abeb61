"""Runs on disk: write and read a run folder, its log and its scores."""
