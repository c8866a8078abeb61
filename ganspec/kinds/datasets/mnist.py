"""MNIST: 70,000 grey handwritten digits, 28 x 28."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.datasets.idx import IdxDataset


class Mnist(IdxDataset, kind="mnist"):
    """MNIST: 60,000 training and 10,000 test handwritten digits."""

    first_labels: ClassVar = {
        "train": bytes([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]),
        "test": bytes([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]),
    }
    subfolders: ClassVar = ("MNIST/raw",)
    well_known: ClassVar = ("/usr/share/datasets/mnist",)
    fix: ClassVar = "put the files into ./data/mnist or name their folder"
