"""Optimizers: one kind, one file."""

from ganspec.optimizers.optimizer import Optimizer

BASE = Optimizer
