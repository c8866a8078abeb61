"""Weight norms: one kind, one file."""

from ganspec.weight_norms.weight_norm import WeightNorm

BASE = WeightNorm
