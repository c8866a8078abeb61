"""Penalties on the discriminator: one kind, one file."""

from ganspec.penalties.penalty import Penalty

BASE = Penalty
