"""Plots of a classifier's predictions: a matrix for classes, bars for multi-hot labels."""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.figure import Figure

from ganspec.plots.curves import THEME, cut
from ganspec.plots.saving import save

NUMBERED = 16  # most classes of a matrix with numbers in its cells; more make cells too small
LONGEST = 24  # longest name of a class beside an axis, in characters
LETTER = 0.08  # width of a letter of such a name, in inches


def count(predicted: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Return the number of images of each class (row) and predicted class (column).

    `predicted` and `labels` are int64 N, the matrix is int64 `classes` x `classes`.
    """
    return torch.bincount(classes * labels + predicted, minlength=classes**2).view(classes, classes)


def plot_matrix(counts: torch.Tensor, names: list[str], where: str, path: Path) -> None:
    """Write a confusion matrix as a PNG, in which colours are shares of a row.

    Up to NUMBERED classes, the cells also have the numbers of images. `counts` is classes x
    predicted classes, and `names` are those of the classes. `where` says in the title which images
    these are, such as `test images`.
    """
    size = len(names)
    total, right = int(counts.sum()), int(counts.diagonal().sum())
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
    shown = [cut(name, LONGEST) for name in names]
    side = 2.5 + 0.45 * min(size, 40) + LETTER * max(map(len, shown))
    figure = Figure(figsize=(side + 1, side), dpi=120, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(f"{right / max(total, 1):.2%} of {total:,} {where} right")
    axes.set_xticks(range(size), shown, rotation=90)
    axes.set_yticks(range(size), shown)
    if size <= NUMBERED:
        for row in range(size):
            for column in range(size):
                colour = "white" if shares[row, column] > 0.5 else "black"
                text = axes.text(column, row, f"{int(counts[row, column])}", color=colour)
                text.set(ha="center", va="center", fontsize=8)
    figure.colorbar(image, label="share of the class", shrink=0.8)
    save(figure, path)


def plot_shares(
    hits: torch.Tensor, labels: torch.Tensor, names: list[str], where: str, path: Path
) -> None:
    """Write a PNG with one bar per label: its recall, and the number of images that have it.

    `labels` counts the images that have each label, and `hits` those of them for which it is
    predicted. `names` are those of the labels. `where` says in the title which images these are,
    such as `test images`.
    """
    shares = hits / labels.clamp(min=1)
    total, right = int(labels.sum()), int(hits.sum())
    figure = Figure(figsize=(7, 1.2 + 0.25 * len(names)), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(names)), shares.numpy(), color=THEME["blue"][0])
    axes.set_yticks(range(len(names)), [cut(name, LONGEST) for name in names])
    for row, share in enumerate(shares.tolist()):
        axes.text(share, row, f" of {int(labels[row]):,}", va="center", fontsize=7)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.1), xlabel="share of the images with this label for which it is predicted")
    axes.set_title(f"{right / max(total, 1):.2%} of {total:,} labels of {where} found")
    save(figure, path)
