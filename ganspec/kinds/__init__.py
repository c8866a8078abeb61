"""Kinds of layers, losses, data sets and others: a folder a family, a file a kind."""
