"""Data sets: sizes and channels, where files lie, and what emitted programs take over."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
import torch
from conftest import run_source
from PIL import Image
from writing import check_equal, pixels, write_batches, write_digits, write_images, write_labels

from ganspec.compiler.emit import Text, formatted
from ganspec.datasets.cifar10 import Cifar10
from ganspec.datasets.dataset import DataError
from ganspec.datasets.fashion_mnist import FashionMnist
from ganspec.datasets.iclevr import Iclevr
from ganspec.datasets.image_folder import ImageFolder
from ganspec.datasets.images import fit_images
from ganspec.datasets.mnist import Mnist
from ganspec.datasets.npz import Npz
from ganspec.datasets.shapes import Shapes
from ganspec.language.kinds import kinds_of


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """No data set in the working folder, the home folder or the environment."""
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GANSPEC_DATA", raising=False)


# sizes and channels


@pytest.mark.parametrize("before", [(32, 32), (28, 20)])
@pytest.mark.parametrize("after", [(16, 16), (64, 64), (17, 40)])
def test_resizing_agrees_with_pil(before, after):
    images = torch.from_numpy(pixels(3, 3, *before))
    fitted = fit_images(images, *after, 3)
    for image, got in zip(images, fitted, strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        expected = picture.resize(after[::-1], Image.Resampling.BILINEAR)
        # PIL rounds once more, between the two directions
        difference = got.permute(1, 2, 0).int() - torch.from_numpy(np.array(expected))
        assert difference.abs().max() <= 1


def test_grey_is_the_luma_of_pil():
    images = pixels(1, 3, 300, 300)
    expected = np.array(Image.fromarray(images[0].transpose(1, 2, 0)).convert("L"))
    got = fit_images(torch.from_numpy(images), 300, 300, 1)
    assert np.array_equal(got[0, 0].numpy(), expected)


def test_colour_repeats_grey_beyond_one_part():
    images = torch.from_numpy(pixels(1003, 1, 4, 4))
    assert torch.equal(fit_images(images, 4, 4, 3), images.expand(-1, 3, -1, -1))
    assert fit_images(images, 4, 4, 1) is images


# places, and what emitted programs take over


def test_places_are_searched_in_order(tmp_path, monkeypatch):
    folders = ["given/MNIST/raw", "root/mnist", "root", "home/data/MNIST/raw"]
    folders.append("home/.cache/ganspec/data/mnist")
    monkeypatch.setenv("GANSPEC_DATA", str(tmp_path / "root"))
    for folder in folders:
        write_digits(tmp_path / folder, ending=".gz")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Mnist().locate(tmp_path / "given") == tmp_path / folders[0]
    (tmp_path / folders[0] / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.warns(UserWarning, match="no mnist in .*given; using .*root"):
        assert Mnist().locate(tmp_path / "given") == tmp_path / "root/mnist"
    for folder in folders[1:]:
        found = Mnist().locate(None)
        assert found.resolve() == tmp_path / folder
        (found / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataError):
        Mnist().locate(None)


@pytest.mark.parametrize(
    "data, file",
    [
        (FashionMnist(split="test"), "t10k-images-idx3-ubyte"),
        (Mnist(), "train-labels-idx1-ubyte"),
        (Cifar10(), "cifar-10-python.tar.gz"),
        (ImageFolder(), "png"),
        (Iclevr(), "train.json"),
        (Npz(), "npz"),
    ],
)
def test_missing_files_are_one_line_with_places_and_a_fix(tmp_path, monkeypatch, data, file):
    monkeypatch.setattr(type(data), "well_known", ("/nowhere/at/all",))
    given = tmp_path / "given"
    with pytest.raises(DataError) as raised:
        data.locate(given)
    message = str(raised.value)
    assert message.startswith(f"{data.kind} needs ") and file in message
    assert data.fix in message and "\n" not in message
    for place in data.places(given):
        assert str(place) in message
    # nothing can stand in for the user's own images
    assert ("/nowhere/at/all" in message) == (data.kind not in ("image_folder", "npz"))


def test_fashion_mnist_names_its_package():
    assert "apt-get install dataset-fashion-mnist" in FashionMnist.fix
    assert "/usr/share/datasets/fashion-mnist" in FashionMnist.well_known


def write_every_format(folder):
    write_digits(folder)
    write_batches(folder)
    write_labels(folder, [["red cube"], ["cyan sphere", "gray cylinder"]])
    write_images(folder / "images", ["0.png", "1.png"])
    np.savez(folder / "a.npz", images=pixels(4, 9, 9, 3), labels=pixels(4))


@pytest.mark.parametrize("kind", sorted(kinds_of("dataset")))
def test_load_images_works_as_moved_text(tmp_path, kind):
    dataset = kinds_of("dataset")[kind]
    assert dataset.load is inspect.getmodule(dataset).load_images
    parameters = list(inspect.signature(dataset.load).parameters)
    assert parameters[:4] == ["folder", "height", "width", "channels"]
    write_every_format(tmp_path)
    check_moved(dataset(count=3) if kind == "shapes" else dataset(), tmp_path)


def test_drawing_listed_objects_works_as_moved_text(tmp_path):
    path = write_labels(tmp_path, [["red cube"], ["cyan sphere", "gray cylinder"]])
    check_moved(Shapes(labels=str(path), count=3), tmp_path)


def check_moved(dataset, folder):
    """What a data set reads, and what its text reads where there is no ganspec, are equal."""
    reader, text = dataset.reader(), Text({})
    text.move(reader.func)
    parts = [*dict.fromkeys(text.imports), *text.sections["Data"]]
    source = formatted("\n\n".join(parts))
    assert "ganspec" not in source
    assert max(map(len, source.splitlines())) <= 88
    moved = getattr(run_source(source), reader.func.__name__)
    read = moved(folder, 20, 20, 1, **reader.keywords)
    check_equal(read, reader(folder, 20, 20, 1))
    assert len(read[0]) == len(read[1]) > 0
