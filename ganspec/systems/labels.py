"""The labels that a data set gave, held against those that the spec declares."""

from __future__ import annotations

import warnings

import torch

from ganspec.kinds.dataset import DataError, Dataset
from ganspec.systems.agreement import worded
from ganspec.systems.spec import Label


def fit_labels(labels: torch.Tensor, label: Label, key: str, dataset: Dataset) -> torch.Tensor:
    """`labels` as networks read them: int64 N for classes, float N x size for multi-hot ones.

    `key` is where the spec declares them. Raises DataError where they are of another kind or of
    more classes, or where the data set told none apart; warns of classes that no image has.
    """
    size = int(label.size)
    found = "classes" if labels.ndim == 1 else "multi_hot"
    count = int(labels.max()) + 1 if found == "classes" else labels.shape[1]
    said = f"`{key}` says {worded(label.kind, size)}"
    if found != label.kind or (found == "multi_hot" and count != size) or count > size:
        raise DataError(f"{dataset.kind} has {worded(found, count)}, {said}")
    if found == "multi_hot":
        return labels.float()
    present = len(labels.unique())
    if present == 1 < size:
        raise DataError(
            f"{dataset.kind} has one class only, as without class folders or labels; {said}"
        )
    if present < size and dataset.label_kind() is None:  # others have few images here
        message = f"{dataset.kind} has images of {present} classes, {said}"
        warnings.warn(message, stacklevel=2)
    return labels
