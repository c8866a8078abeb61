"""IDX files: MNIST and Fashion-MNIST."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from writing import check_equal, pixels, write_digits, write_idx

from ganspec.kinds.dataset import DataError
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


@pytest.mark.parametrize("shape", [(0, 28, 28), (7, 0, 28)])
def test_an_idx_file_without_images_is_refused_with_a_remedy(tmp_path, shape):
    write_digits(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    write_idx(path, pixels(*shape))
    said = f"{path} has no data by its header: copy or download it again"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
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


@pytest.mark.parametrize("kind, other", [(Mnist, FashionMnist), (FashionMnist, Mnist)])
@pytest.mark.parametrize("split, prefix", [("train", "train"), ("test", "t10k")])
def test_a_data_set_of_the_same_file_names_is_another(tmp_path, kind, other, split, prefix):
    """Fashion-MNIST in the folder that was named for MNIST trained without a word."""
    for ending in ("", ".gz"):
        folder = tmp_path / f"files{ending}"
        write_idx(folder / f"{prefix}-images-idx3-ubyte{ending}", pixels(12, 28, 28))
        labels = np.frombuffer(other.first_labels[split] + bytes(2), np.uint8)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte{ending}", labels)
        assert other(split=split).locate(folder) == folder
        with pytest.raises(DataError, match="not another data set's; looked in"):
            kind(split=split).locate(folder)
