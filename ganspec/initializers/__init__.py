"""Initial weights: one kind, one file."""

from ganspec.initializers.initializer import Initializer

BASE = Initializer
