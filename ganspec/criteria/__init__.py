"""Losses of a network's outputs against known targets: one kind, one file."""

from ganspec.criteria.criterion import Criterion

BASE = Criterion
