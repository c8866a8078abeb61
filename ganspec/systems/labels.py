"""A check of a data set's labels against the label that the spec declares."""

from __future__ import annotations

import warnings

import torch

from ganspec.kinds.dataset import DataError, Dataset
from ganspec.systems.agreement import worded
from ganspec.systems.spec import Label


def fit_labels(
    labels: torch.Tensor | None, label: Label, key: str, dataset: Dataset
) -> torch.Tensor:
    """Return `labels` as networks read them: int64 N for classes, float N x size for multi-hot.

    `label` is declared under `key` of the spec. Raises DataError if the labels are missing, are not
    of the declared kind, have more classes, or are all of one class. Warns if a class has no image.
    """
    size = int(label.size)
    said = f"`{key}` says {worded(label.kind, size)}"
    if labels is None:
        raise DataError(f"{dataset.kind} has no labels; {said}")
    kind = "classes" if labels.ndim == 1 else "multi_hot"
    count = int(labels.max()) + 1 if kind == "classes" else labels.shape[1]
    if kind != label.kind or (kind == "multi_hot" and count != size) or count > size:
        raise DataError(f"{dataset.kind} has {worded(kind, count)}, {said}")
    if kind == "multi_hot":
        return labels.float()
    present = len(labels.unique())
    if present == 1 < size:
        raise DataError(
            f"{dataset.kind} has one class only, as without class folders or labels; {said}"
        )
    if present < size and dataset.label_kind() is None:  # others lack classes only in small samples
        message = f"{dataset.kind} has images of {present} classes, {said}"
        warnings.warn(message, stacklevel=2)
    return labels
