"""Fashion-MNIST: 70,000 grey photographs of clothes, 28 x 28, in ten classes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ganspec.kinds.datasets.debian import fetch_debian
from ganspec.kinds.datasets.idx import IdxDataset, read_idx_split
from ganspec.kinds.datasets.images import resize_images


def load_images(folder, height, width, channels, split="train", resize="antialias"):
    """Read Fashion-MNIST: images, uint8 N x C x H x W, and labels 0 to 9, int64 N."""
    images, labels = read_idx_split(folder, split)
    if (height, width) != (28, 28):
        images = resize_images(images, height, width, resize)
    if channels == 3:
        images = images.repeat(1, 3, 1, 1)
    return images, labels


class FashionMnist(IdxDataset, kind="fashion_mnist"):
    """Fashion-MNIST: 60,000 training and 10,000 test photographs of clothes."""

    load: ClassVar = staticmethod(load_images)
    subfolders: ClassVar = ("FashionMNIST/raw", "fashion-mnist")
    well_known: ClassVar = (
        "/usr/share/datasets/fashion-mnist",  # Debian's dataset-fashion-mnist
        "~/.keras/datasets/fashion-mnist",
    )
    fix: ClassVar = (
        "put the files into ./data/fashion_mnist or name their folder, "
        "or run: apt-get install dataset-fashion-mnist"
    )

    def classes(self, folder: Path | None = None) -> list[str]:
        """As in the table of github.com/zalandoresearch/fashion-mnist."""
        return [
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ]

    def fetch(self, into: Path) -> bool:
        """Debian's package where there is apt, else torchvision's download where that is there."""
        return fetch_debian(into) or fetch_torchvision(into)


def fetch_torchvision(into: Path) -> bool:
    """Let torchvision, where it is installed, download the files to `into`."""
    try:
        from torchvision.datasets import FashionMNIST

        FashionMNIST(into, download=True)
    except (ImportError, OSError, RuntimeError):
        return False
    for file in (into / "FashionMNIST" / "raw").glob("*.gz"):
        file.replace(into / file.name)
    return True
