"""Conditional accuracy."""

from __future__ import annotations

from typing import ClassVar

import torch

from ganspec.kinds.activations import Activations
from ganspec.kinds.metric import Measured, Metric, MetricError
from ganspec.kinds.metrics.predictions import find_labels


class Accuracy(Metric, kind="accuracy"):
    """Conditional accuracy, in percent: how often a classifier sees what was asked for.

    Of images of one class each it is the share whose highest output is that class. Of k objects
    asked for, those count that are among the k highest outputs; it is the share of all objects
    asked for.
    """

    names: ClassVar = ("accuracy",)
    higher: ClassVar = True
    paired: ClassVar = False
    reads_features: ClassVar = False
    unit: ClassVar = " %"

    def refusal(self, classes: str | None, labels: torch.Tensor | None) -> str | None:
        if labels is None:
            return "accuracy needs images that were asked for by label: leave it out"
        kind = "classes" if labels.ndim == 1 else "multi_hot"
        if classes != kind:
            return f"accuracy needs a classifier of these labels ({kind}): --extractor RUN"
        return None

    def measure(self, made: Activations, real: Activations | None, seed: int) -> list[Measured]:
        classes, labels = made.logits.shape[1], made.labels
        size = int(labels.max()) + 1 if labels.ndim == 1 else labels.shape[1]
        if size > classes or (labels.ndim == 2 and size < classes):
            raise MetricError(f"the classifier tells {classes} labels, the images have {size}")
        if labels.ndim == 1:
            labels = labels.new_zeros(len(labels), classes).scatter_(1, labels[:, None], 1)
        found, asked = find_labels(made.logits, labels).sum(0), labels.sum(0)
        if not asked.sum():
            raise MetricError("accuracy needs conditions that ask for an object")
        names = made.names if len(made.names) == classes else map(str, range(classes))
        per_class = {
            name: 100 * hits.item() / count.item()
            for name, hits, count in zip(names, found, asked, strict=True)
            if count
        }
        share = 100 * found.sum().item() / asked.sum().item()
        return [Measured("accuracy", share, per_class=per_class)]
