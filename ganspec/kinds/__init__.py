"""Kinds of layers, losses, data sets and others, with one folder per family."""
