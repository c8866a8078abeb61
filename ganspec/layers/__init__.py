"""Layers: one kind, one file."""

from ganspec.layers.layer import Layer

BASE = Layer
