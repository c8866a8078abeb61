"""MNIST: 70,000 grey handwritten digits, 28 x 28."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.datasets.idx import IdxDataset, read_idx_split
from ganspec.kinds.datasets.images import fit_images


def load_images(folder, height, width, channels, split="train", resize="antialias"):
    """MNIST: images, uint8 N x C x H x W, and digits 0 to 9, int64 N."""
    images, labels = read_idx_split(folder, split)
    return fit_images(images, height, width, channels, resize), labels


class Mnist(IdxDataset, kind="mnist"):
    """MNIST: 60,000 training and 10,000 test handwritten digits."""

    load: ClassVar = staticmethod(load_images)
    subfolders: ClassVar = ("MNIST/raw",)
    well_known: ClassVar = ("/usr/share/datasets/mnist",)
    fix: ClassVar = "put the files into ./data/mnist or name their folder"
