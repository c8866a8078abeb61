"""A check of a data set's labels against the label that the spec declares."""

from __future__ import annotations

import torch

from ganspec.kinds.dataset import DataError, Dataset
from ganspec.systems.agreement import label_words
from ganspec.systems.spec import Label


def fit_labels(
    labels: torch.Tensor | None, label: Label, key: str, dataset: Dataset
) -> torch.Tensor:
    """Return a data set's labels in the form that networks read: int64 N, or float N x size.

    `labels` are int64 N for classes, uint8 N x classes for multi-hot labels. The spec declares
    `label` under `key`. Raises DataError if the labels are missing, are of the other kind, have
    another number of classes, or lack a class. They may lack a class if the data set's classes are
    known without its files, since a few images need not have all.
    """
    size = int(label.size)
    said = f"`{key}` says {label_words(label.kind, size)}"
    if labels is None:
        raise DataError(f"{dataset.kind} has no labels; {said}")
    kind = "classes" if labels.ndim == 1 else "multi_hot"
    count = int(labels.max()) + 1 if kind == "classes" else labels.shape[1]
    if kind != label.kind or (kind == "multi_hot" and count != size) or count > size:
        raise DataError(f"{dataset.kind} has {label_words(kind, count)}, {said}")
    if kind == "multi_hot":
        return labels.float()
    present = len(labels.unique())
    if present == 1 < size:
        raise DataError(
            f"{dataset.kind} has one class only: are class folders or labels missing? {said}"
        )
    if present < size and dataset.label_kind() is None:  # only files tell its classes
        missing = sorted(set(range(size)) - set(labels.unique().tolist()))
        shown = ", ".join(map(str, missing[:3])) + (", ..." if len(missing) > 3 else "")
        raise DataError(
            f"{dataset.kind} has images of {present} classes, {said}; none has the label {shown}"
        )
    return labels
