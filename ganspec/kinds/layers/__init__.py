"""Kinds of layer. Files here need no registration."""
