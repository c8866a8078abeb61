"""Adversarial losses: one kind, one file."""
