"""Kinds of adversarial loss."""
