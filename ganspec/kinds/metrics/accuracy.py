"""Accuracy of a classifier on generated images."""

from __future__ import annotations

from typing import ClassVar

import torch

from ganspec.kinds.activations import Activations
from ganspec.kinds.metric import Metric, MetricError, MetricValue
from ganspec.kinds.metrics.predictions import find_labels


class Accuracy(Metric, kind="accuracy"):
    """Conditional accuracy, in percent: the share of labels that a classifier recognises.

    For labels of one class it is the share of images whose highest output is that of their class.
    If images have several labels, it is the share of all labels that are found: of an image's k
    labels, those among its k highest outputs.
    """

    names: ClassVar = ("accuracy",)
    higher: ClassVar = True
    paired: ClassVar = False
    reads_features: ClassVar = False
    unit: ClassVar = " %"

    def refusal(self, classes: str | None, labels: torch.Tensor | None) -> str | None:
        if labels is None:
            return "accuracy needs images with labels: leave out this metric"
        kind = "classes" if labels.ndim == 1 else "multi_hot"
        if classes != kind:
            return f"accuracy needs a classifier of these labels ({kind}): --extractor RUN"
        return None

    def measure(self, fake: Activations, real: Activations | None, seed: int) -> list[MetricValue]:
        classes, labels = fake.logits.shape[1], fake.labels
        assert labels is not None  # `refusal` rejects images without labels
        size = int(labels.max()) + 1 if labels.ndim == 1 else labels.shape[1]
        if size > classes or (labels.ndim == 2 and size < classes):
            many = f"the classifier has {classes} classes, the images' labels {size}"
            raise MetricError(f"{many}: give --extractor a classifier of these labels")
        if labels.ndim == 1:
            labels = labels.new_zeros(len(labels), classes).scatter_(1, labels[:, None], 1)
        hits, counts = find_labels(fake.logits, labels).sum(0), labels.sum(0)
        if not counts.sum():
            raise MetricError("accuracy needs an image with at least one label: here none has any")
        has_names = len(fake.names) == classes
        names = fake.names if has_names else map(str, range(classes))
        per_class = {
            name: 100 * hit.item() / count.item()
            for name, hit, count in zip(names, hits, counts, strict=True)
            if count
        }
        share = 100 * hits.sum().item() / counts.sum().item()
        return [MetricValue("accuracy", share, per_class=per_class)]
