"""Kinds of criterion, which compare outputs with targets."""
