"""IDX files: MNIST and Fashion-MNIST."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from writing import check_equal, pixels, write_digits, write_idx

from ganspec.kinds.datasets import idx
from ganspec.kinds.datasets.fashion_mnist import FashionMnist
from ganspec.kinds.datasets.mnist import Mnist

FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("kind", [FashionMnist, Mnist])
def test_idx_files_are_read_back(tmp_path, kind, ending):
    train = write_digits(tmp_path, "train", ending)
    test = write_digits(tmp_path, "t10k", ending, count=3)
    check_equal(kind.load(tmp_path, 28, 28, 1), train)
    check_equal(kind.load(tmp_path, 28, 28, 1, **kind(split="test").model_dump()), test)
    both = [torch.cat(pair) for pair in zip(train, test, strict=True)]
    check_equal(kind(split="all").reader()(tmp_path, 28, 28, 1), both)
    assert kind(split="all").holds(tmp_path) and kind(split="all").test_reader() is None


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("damage", ["short", "long", "magic", "headless"])
def test_damaged_idx_files_are_refused_by_name(tmp_path, ending, damage):
    write_digits(tmp_path, ending=ending)
    path = tmp_path / f"train-images-idx3-ubyte{ending}"
    data = path.read_bytes()
    if damage == "magic":
        write_idx(path, pixels(7))
    else:
        damaged = {"short": data[:-9], "long": data + b"0", "headless": data[:6]}
        path.write_bytes(damaged[damage])
    with pytest.raises(ValueError, match=path.name):
        idx.load_images(tmp_path, 28, 28, 1)


def test_idx_labels_must_match_images(tmp_path):
    write_digits(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte", pixels(6))
    with pytest.raises(ValueError, match="7 images but 6 labels"):
        idx.load_images(tmp_path, 28, 28, 1)


@pytest.mark.skipif(not FASHION.is_dir(), reason="needs dataset-fashion-mnist")
def test_fashion_mnist_itself():
    data = FashionMnist()
    images, labels = data.load(data.locate(None), 28, 28, 1, **data.model_dump())
    assert images.shape == (60000, 1, 28, 28)
    assert torch.bincount(labels).tolist() == [6000] * 10
    # the published mean of its pixels
    assert images.float().mean() / 255 == pytest.approx(0.2860, abs=1e-4)


def test_fashion_mnist_and_mnist_read_alike(tmp_path):
    write_digits(tmp_path)
    read = FashionMnist().reader()(tmp_path, 14, 14, 3)
    check_equal(read, Mnist().reader()(tmp_path, 14, 14, 3))
