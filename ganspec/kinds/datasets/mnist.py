"""MNIST: 70,000 grey handwritten digits, 28 x 28."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.datasets.idx import IdxDataset, read_idx_split
from ganspec.kinds.datasets.images import resize_images


def load_images(folder, height, width, channels, split="train", resize="antialias"):
    """Read MNIST: images, uint8 N x C x H x W, and digits 0 to 9, int64 N."""
    images, labels = read_idx_split(folder, split)
    if (height, width) != (28, 28):
        images = resize_images(images, height, width, resize)
    if channels == 3:
        images = images.repeat(1, 3, 1, 1)
    return images, labels


class Mnist(IdxDataset, kind="mnist"):
    """MNIST: 60,000 training and 10,000 test handwritten digits."""

    load: ClassVar = staticmethod(load_images)
    subfolders: ClassVar = ("MNIST/raw",)
    well_known: ClassVar = ("/usr/share/datasets/mnist",)
    fix: ClassVar = "put the files into ./data/mnist or name their folder"
