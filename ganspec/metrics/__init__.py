"""Scores of images: one kind, one file."""

from ganspec.metrics.metric import Metric

BASE = Metric
