"""MNIST: 70,000 grey handwritten digits, 28 x 28."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.datasets.idx import IdxDataset


class Mnist(IdxDataset, kind="mnist"):
    """MNIST: 60,000 training and 10,000 test handwritten digits."""

    subfolders: ClassVar = ("MNIST/raw",)
    well_known: ClassVar = ("/usr/share/datasets/mnist",)
    fix: ClassVar = "put the files into ./data/mnist or name their folder"
