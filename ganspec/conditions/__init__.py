"""Conditions: one kind, one file."""

from ganspec.conditions.condition import Condition

BASE = Condition
