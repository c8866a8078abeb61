"""Adversarial losses: one kind, one file."""

from ganspec.losses.loss import Loss

BASE = Loss
