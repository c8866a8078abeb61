"""Data sets: channels, labels, splits, places, and what emitted programs take over."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import run_source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from writing import (
    OBJECTS,
    check_equal,
    pixels,
    write_batches,
    write_digits,
    write_idx,
    write_images,
    write_labels,
)

from ganspec.compiler.arrange import EmittedFile
from ganspec.compiler.emit import formatted, moved
from ganspec.evaluation.reference import RealImages, open_real
from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets.cifar10 import Cifar10
from ganspec.kinds.datasets.fashion_mnist import FashionMnist
from ganspec.kinds.datasets.iclevr import Iclevr
from ganspec.kinds.datasets.image_folder import ImageFolder
from ganspec.kinds.datasets.images import fit_images
from ganspec.kinds.datasets.mnist import Mnist
from ganspec.kinds.datasets.npz import Npz
from ganspec.kinds.datasets.shapes import Shapes
from ganspec.language.kinds import kinds_of
from ganspec.report.dataset import read as described
from ganspec.systems.data import Data
from ganspec.training.images import open_images, open_test_images

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Hide all data sets in the working folder, the home folder and the environment."""
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GANSPEC_DATA", raising=False)


# channels and sizes


def test_grey_is_the_luma_of_pil():
    images = pixels(1, 3, 300, 300)
    expected = np.array(Image.fromarray(images[0].transpose(1, 2, 0)).convert("L"))
    got = fit_images(torch.from_numpy(images), 300, 300, 1)
    assert np.array_equal(got[0, 0].numpy(), expected)


def test_colour_repeats_grey_beyond_one_part():
    images = torch.from_numpy(pixels(1003, 1, 4, 4))
    assert torch.equal(fit_images(images, 4, 4, 3), images.expand(-1, 3, -1, -1))
    assert fit_images(images, 4, 4, 1) is images


@pytest.mark.parametrize("kind", ["mnist", "npz", "image_folder", "iclevr"])
def test_images_may_be_oblong_and_grey(tmp_path, kind):
    """As they are written, and their luma: a reader that swapped an axis would show."""
    images = pixels(3, 20, 36, 1 if kind == "mnist" else 3)
    write_idx(tmp_path / "train-images-idx3-ubyte", images[..., 0])
    write_idx(tmp_path / "train-labels-idx1-ubyte", pixels(3))
    np.savez(tmp_path / "a.npz", images=images)
    write_labels(tmp_path, [["red cube"]] * 3)
    for i, image in enumerate(images):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(image.squeeze()).save(tmp_path / "images" / f"{i}.png")
    written = torch.from_numpy(images).permute(0, 3, 1, 2)
    reader = kinds_of("dataset")[kind]().reader()
    for channels in (1, 3):
        read, _ = reader(tmp_path, 20, 36, channels)
        assert torch.equal(read, fit_images(written, 20, 36, channels))
        assert reader(tmp_path, 36, 20, channels)[0].shape == (3, channels, 36, 20)


# labels and splits


@pytest.mark.parametrize("kind", sorted(kinds_of("dataset")))
def test_labels_are_what_their_kind_says(tmp_path, kind):
    write_every_format(tmp_path)
    dataset = kinds_of("dataset")[kind]()
    datasets = [dataset, Shapes(labels=str(tmp_path / "train.json"))]
    for dataset in datasets if kind == "shapes" else datasets[:1]:
        images, labels = dataset.reader()(tmp_path, 8, 8, 1)
        assert images.is_contiguous()  # also at their own size and channels:
        assert dataset.reader()(tmp_path, *dataset.size, dataset.channels)[0].is_contiguous()
        if dataset.label_kind() is None:
            assert kind in ("image_folder", "npz") and not dataset.classes()
            continue
        form, count = dataset.label_kind()
        if form == "multi_hot":
            assert labels.dtype == torch.uint8 and labels.shape[1] == count
        else:
            assert labels.dtype == torch.int64 and labels.ndim == 1 and labels.max() < count
        names = dataset.classes()
        assert names == dataset.classes(tmp_path) and len(set(names)) == len(names)
        assert len(names) == (0 if kind == "mnist" else count)


def test_classes_are_called_as_published():
    assert FashionMnist().classes()[::3] == ["T-shirt/top", "Dress", "Shirt", "Ankle boot"]
    assert Cifar10().classes()[::3] == ["airplane", "cat", "frog", "truck"]
    assert Iclevr().classes() == OBJECTS
    # the front object's colour x 3 + shape
    assert Shapes().classes()[:4] == ["gray cube", "gray sphere", "gray cylinder", "red cube"]


def test_held_out_images_are_those_of_the_other_split(tmp_path):
    write_digits(tmp_path)
    digits = write_digits(tmp_path, "t10k", count=3)
    images, labels = write_batches(tmp_path)
    for kind in (Mnist, FashionMnist):
        check_equal(kind().test_reader()(tmp_path, 28, 28, 1), digits)
    check_equal(Cifar10().test_reader()(tmp_path, 32, 32, 3), (images[20:], labels[20:]))
    resized = Cifar10().test_reader("bilinear")(tmp_path, 50, 50, 3)[0]
    assert torch.equal(resized, fit_images(images[20:], 50, 50, 3, "bilinear"))
    for dataset in (Iclevr(), ImageFolder(), Npz(), Mnist(split="test"), Shapes(split="test")):
        assert dataset.test_reader() is None


@pytest.mark.parametrize("listed", [False, True])
def test_no_scene_is_in_both_splits(tmp_path, listed):
    path = str(write_labels(tmp_path, [["red cube"], ["cyan sphere"]])) if listed else None
    seen = torch.cat(
        [
            reader(None, 48, 48, 3)[0].flatten(1)
            for seed in (0, 1, 2**32, 2**64)
            for shapes in [Shapes(labels=path, seed=seed, count=40)]
            for reader in (shapes.reader(), shapes.test_reader())
        ]
    )
    assert len(seen.unique(dim=0)) == len(seen) == 320


# transposed images


@pytest.fixture(scope="module")
def every_format(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    write_every_format(folder)
    return folder


@pytest.mark.parametrize("kind", sorted(kinds_of("dataset")))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    resize=st.sampled_from(["antialias", "bilinear", "tensorflow1"]),
)
def test_transposed_images_are_the_transposes(every_format, kind, height, width, channels, resize):
    """In training, in the references of scores, streamed, and as `ganspec data` shows them."""
    dataset = kinds_of("dataset")[kind](**({"count": 3} if kind == "shapes" else {}))
    fields = {"dataset": dataset, "channels": channels, "resize": resize}
    plain = Data(**fields, size=(height, width))
    turned = Data(**fields, size=(width, height), transpose=True)
    assert turned.shape == (channels, width, height)

    folder = every_format if dataset.needs_folder else None

    def read(data):
        ways = [open_images(data, folder, CPU), described(data, folder)]
        real = open_real(data, folder, None)
        ways.append((torch.cat(list(real.batches(5))), real.labels))
        if test := open_test_images(data, folder, CPU):
            ways.append(test)
        if kind == "image_folder":
            streamed, labels = open_images(data, folder, CPU, streamed=True)
            ways.append((torch.stack([streamed.files[i] for i in range(len(streamed))]), labels))
        return ways

    for (images, labels), (upright, expected) in zip(read(turned), read(plain), strict=True):
        assert torch.equal(images, upright.mT)
        assert images.is_contiguous()
        assert torch.equal(labels, expected)


def test_a_data_sets_own_size_is_transposed_too():
    class Oblong(Shapes):
        size = (20, 36)

    assert Data(dataset=Oblong(), transpose=True).shape == (3, 36, 20)


def test_streamed_and_transposed_images_are_other_references(every_format):
    fields = {"dataset": ImageFolder(), "size": 8, "channels": 3}
    hashes = []
    for turned in (False, True):
        images, _ = open_images(Data(**fields, transpose=turned), every_format, CPU, streamed=True)
        hashes.append(RealImages(images, "image_folder").sha256)
    assert hashes[0] != hashes[1]


# places, and what emitted programs take over


def test_places_are_searched_in_order(tmp_path, monkeypatch):
    folders = ["given/MNIST/raw", "root/mnist", "root", "home/data/MNIST/raw"]
    folders.append("home/.cache/ganspec/data/mnist")
    monkeypatch.setenv("GANSPEC_DATA", str(tmp_path / "root"))
    for folder in folders:
        write_digits(tmp_path / folder, ending=".gz")
    assert Mnist().locate(tmp_path / "given") == tmp_path / folders[0]
    (tmp_path / folders[0] / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"looked in .*given/MNIST/raw; put"):
        Mnist().locate(tmp_path / "given")  # nothing can stand in for a folder that was named
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
    assert "/nowhere/at/all" not in message
    with pytest.raises(DataError, match="/nowhere/at/all"):
        data.locate(None)


def test_drawn_images_read_no_folder(tmp_path):
    assert Shapes().locate(None) == Path()
    with pytest.raises(DataError, match=f"shapes is drawn .* leave --data {tmp_path} out"):
        Shapes().locate(tmp_path)


def test_fashion_mnist_names_its_package():
    assert "apt-get install dataset-fashion-mnist" in FashionMnist.fix
    assert "/usr/share/datasets/fashion-mnist" in FashionMnist.well_known


def write_every_format(folder):
    write_digits(folder)
    write_digits(folder, "t10k")
    write_batches(folder)
    write_labels(folder, [["red cube"], ["cyan sphere", "gray cylinder"]])
    write_images(folder / "images", ["0.png", "1.png"])
    np.savez(folder / "a.npz", images=pixels(4, 9, 9, 3), labels=pixels(4))


@pytest.mark.parametrize("kind", sorted(kinds_of("dataset")))
def test_load_images_works_as_moved_text(tmp_path, kind):
    dataset = kinds_of("dataset")[kind]
    assert dataset.load.__name__ == "load_images"
    parameters = list(inspect.signature(dataset.load).parameters)
    assert parameters[:4] == ["folder", "height", "width", "channels"]
    write_every_format(tmp_path)
    check_moved(dataset(count=3) if kind == "shapes" else dataset(), tmp_path)
    fields = {"split": "test"} if "split" in dataset.model_fields else {}
    check_moved(dataset(**fields), tmp_path, "tensorflow1")


def test_drawing_listed_objects_works_as_moved_text(tmp_path):
    path = write_labels(tmp_path, [["red cube"], ["cyan sphere", "gray cylinder"]])
    check_moved(Shapes(labels=str(path), count=3), tmp_path)


def load(folder, cfg):
    return cfg.load_images(folder, cfg.height, cfg.width, cfg.channels)


def check_moved(dataset, folder, resize="antialias"):
    """Demand that a data set and its emitted text, without ganspec, read the same."""
    reader = dataset.reader(resize)
    cfg = {"height": 20, "width": 20, "channels": 1, "load_images": reader}
    file = EmittedFile(moved(cfg, lambda mover: mover.start(load)))
    source = formatted(file.text())
    assert "ganspec" not in source
    # a path of the label file is as long as it is
    lines = source.replace(str(folder), "").splitlines()
    assert [line for line in lines if len(line) > 88] == []
    read = getattr(run_source(source), file.main)(folder)
    check_equal(read, reader(folder, 20, 20, 1))
    assert len(read[0]) == len(read[1]) > 0
