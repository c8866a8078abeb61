"""Fashion-MNIST: 70,000 grey photographs of clothes, 28 x 28, in ten classes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ganspec.kinds.datasets.debian import fetch_debian
from ganspec.kinds.datasets.idx import IdxDataset


def fetch_torchvision(into: Path) -> bool:
    """Download the files to `into` by torchvision. Return False if that fails."""
    try:
        from torchvision.datasets import FashionMNIST

        FashionMNIST(into, download=True)
    except (ImportError, OSError, RuntimeError):
        return False
    for file in (into / "FashionMNIST" / "raw").glob("*.gz"):
        file.replace(into / file.name)
    return True


class FashionMnist(IdxDataset, kind="fashion_mnist"):
    """Fashion-MNIST: 60,000 training and 10,000 test photographs of clothes."""

    first_labels: ClassVar = {
        "train": bytes([9, 0, 0, 3, 0, 2, 7, 2, 5, 5]),
        "test": bytes([9, 2, 1, 1, 6, 1, 4, 6, 5, 7]),
    }
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
        """Return the class names that github.com/zalandoresearch/fashion-mnist lists."""
        return [
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ]

    def fetch(self, into: Path) -> bool:
        """Download the files to `into` from Debian, else by torchvision. Return True on success."""
        return fetch_debian(into) or fetch_torchvision(into)
