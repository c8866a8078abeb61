"""A check of a data set's labels against the label that the spec declares."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import torch

from ganspec.kinds.dataset import DataError, Dataset
from ganspec.language.errors import printable
from ganspec.systems.agreement import label_words
from ganspec.systems.spec import Label


def fit_labels(
    labels: torch.Tensor | None,
    label: Label,
    key: str,
    dataset: Dataset,
    names: Sequence[str] = (),
) -> torch.Tensor:
    """Return a data set's labels in the form that networks read: int64 N, or float N x size.

    `labels` are int64 N for classes, uint8 N x classes for multi-hot labels. The spec declares
    `label` under `key`; `names` are the names of the data set's classes, if they have any. Raises
    DataError if the labels are missing, are of the other kind, have another number of classes or,
    unless they are multi-hot, lack a class. If the classes are known without files, a few images
    need not show all of them, but must not all be of one class.
    """
    size = int(label.size)
    said = f"`{key}` says {label_words(label.kind, size)}"
    if labels is None:
        raise DataError(f"the images come without labels, {said}: add their labels")
    kind = "classes" if labels.ndim == 1 else "multi_hot"
    count = max(int(labels.max()) + 1, len(names)) if kind == "classes" else labels.shape[1]
    fix = f"write `{key}: {{kind: {kind}, size: {count}}}`"
    if kind != label.kind or (kind == "multi_hot" and count != size):
        raise DataError(f"{dataset.kind} has {label_words(kind, count)}, {said}: {fix}")
    if kind == "multi_hot":
        return labels.float()
    is_own = dataset.label_kind() is None  # only files tell its classes
    empty = name_missing(labels, count, names) if is_own else ""
    if empty:
        repair = "repair its images, or remove its folder or rows, or " if names else ""
        fix = f"{repair}renumber the labels"
    if count > size:
        lack = f"; no image has the label {empty}" if empty else ""
        raise DataError(f"{dataset.kind} has {label_words(kind, count)}, {said}{lack}: {fix}")
    present = len(labels.unique())
    if present == 1 < size and not empty:
        raise DataError(
            f"{dataset.kind} has one class only: are class folders or labels missing? {said}"
        )
    if present < size and is_own:
        raise DataError(
            f"{dataset.kind} has images of {label_words(kind, present)}, {said}; "
            f"none has the label {name_missing(labels, size, names)}: {fix}"
        )
    return labels


def name_missing(labels: torch.Tensor, count: int, names: Sequence[str]) -> str:
    """Return the first three of `count` classes that no image has, such as `1 (dog), 3 (fox)`."""
    present = set(labels.unique().tolist())
    missing = list(islice((i for i in range(count) if i not in present), 4))
    shown = [f"{i} ({printable(names[i])})" if i < len(names) else str(i) for i in missing[:3]]
    return ", ".join(shown + ["..."] * (len(missing) > 3))
