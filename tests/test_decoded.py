"""The cache of decoded images: by content, rebuilt when damaged, bounded, shared by processes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from gzip import compress, decompress
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import WRITERS
from PIL import Image
from typer.testing import CliRunner

from ganspec.cli import app
from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets import decoded, image_files, stamps
from ganspec.kinds.datasets.fashion_mnist import FashionMnist
from ganspec.kinds.datasets.image_files import open_files, open_listed
from ganspec.kinds.datasets.image_folder import ImageFolder
from ganspec.language.kinds import kinds_of
from ganspec.systems.data import Data
from ganspec.training.images import open_images

CPU = torch.device("cpu")
FOLDERS = ["fashion_mnist", "cifar10", "iclevr", "npz", "shapes", "image_folder"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Cache all images, however quickly they are read. Return the cache's folder."""
    monkeypatch.delenv(decoded.VARIABLE)
    monkeypatch.setattr(decoded, "CACHE", tmp_path / "decoded")
    monkeypatch.setattr(decoded, "SECONDS", -1.0)
    monkeypatch.setattr(image_files, "CACHED_SECONDS", -1.0)
    monkeypatch.setattr(stamps, "CACHE", tmp_path / "stamps")
    return tmp_path / "decoded"


def data_of(name: str, **fields: object) -> Data:
    """Return the section `data` of a data set, with small images."""
    dataset = kinds_of("dataset")[name](**({"count": 20} if name == "shapes" else {}))
    return Data(dataset=dataset, **{"size": (16, 16), **fields})


def files_of(name: str, folder: Path) -> Path | None:
    if name == "shapes":
        return None
    folder.mkdir(exist_ok=True)
    if name == "npz":
        pixels = np.random.default_rng(0).integers(0, 256, (9, 20, 20, 3), dtype=np.uint8)
        np.savez(folder / "images.npz", images=pixels, labels=np.arange(9))
    else:
        WRITERS[name](folder)
    return folder


def refuse(monkeypatch) -> None:
    """Let every attempt to decode an image fail."""

    def fail(*_, **__):
        raise AssertionError("an image was decoded")

    monkeypatch.setattr(image_files.ImageFiles, "__getitem__", fail)
    for name in FOLDERS:
        monkeypatch.setattr(kinds_of("dataset")[name], "load", staticmethod(fail))


@pytest.mark.parametrize("name", FOLDERS)
def test_images_are_decoded_once(tmp_path, monkeypatch, name):
    folder, data = files_of(name, tmp_path / "data"), data_of(name)
    monkeypatch.setenv(decoded.VARIABLE, "0")
    plain = open_images(data, folder, CPU)
    monkeypatch.delenv(decoded.VARIABLE)
    first = open_images(data, folder, CPU)
    transposed = open_images(data_of(name, transpose=True), folder, CPU)
    assert torch.equal(transposed[0], plain[0].mT)
    refuse(monkeypatch)
    again = open_images(data, folder, CPU)
    for images, labels in (first, again):
        assert torch.equal(images, plain[0]) and torch.equal(labels, plain[1])
        # in the same order in memory, which dropout and rounding depend on
        assert images.stride() == plain[0].stride() == torch.empty(images.shape).stride()
    with pytest.raises((AssertionError, DataError)):  # of another size
        open_images(data_of(name, size=(8, 8)), folder, CPU)


@pytest.mark.parametrize("name", ["fashion_mnist", "image_folder"])
def test_a_changed_or_damaged_file_is_noticed(tmp_path, cache, name):
    folder, data = files_of(name, tmp_path / "data"), data_of(name)
    images, _ = open_images(data, folder, CPU)
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    for damage in (b"", whole[:1000], whole[:3000] + bytes([whole[3000] ^ 1]) + whole[3001:]):
        kept.write_bytes(damage)
        assert torch.equal(open_images(data, folder, CPU)[0], images)
        assert kept.read_bytes() == whole
    file = sorted(folder.glob("train-images*" if name == "fashion_mnist" else "*.png"))[0]
    if name == "fashion_mnist":
        raw = bytearray(decompress(file.read_bytes()))
        raw[16:800] = bytes(784)
        file.write_bytes(compress(bytes(raw)))
    else:
        Image.new("RGB", (20, 24)).save(file)
    changed = open_images(data, folder, CPU)[0]
    assert not changed[0].any() and torch.equal(changed[1:], images[1:])


def test_files_that_cannot_be_read_are_said_each_time(tmp_path, monkeypatch):
    folder = files_of("image_folder", tmp_path / "data")
    (folder / "007.png").write_bytes(b"no image")
    found = ImageFolder().files(folder, 16, 16, 3)
    files, pixels = open_files(found, in_memory=True)
    decode = image_files.ImageFiles.__getitem__
    read = []
    monkeypatch.setattr(
        image_files.ImageFiles,
        "__getitem__",
        lambda self, i: read.append(self.name(i)) or decode(self, i),
    )
    again, more = open_files(found, in_memory=True)
    assert read == ["007.png"]
    assert torch.equal(more, pixels) and again.skipped == files.skipped
    assert [each.file for each in files.skipped] == ["007.png"]
    # a resumed run names its images, of which one is lost now
    names = [files.name(i) for i in range(len(files))]
    hashes = [stamp.sha256 for stamp in files.stamps]
    listing = image_files.Listing(names, files.labels.tolist(), hashes, ["007.png"])
    assert torch.equal(open_listed(found, listing, in_memory=True)[1], pixels)
    (folder / "003.png").unlink()
    _, replaced = open_listed(found, listing, in_memory=True)
    _, known = open_listed(found, listing, in_memory=True)
    assert torch.equal(replaced[3], pixels[4]) and torch.equal(replaced, known)


def test_images_with_warnings_are_not_cached(tmp_path, cache):
    folder = files_of("iclevr", tmp_path / "data")
    (folder / "images" / "3.png").write_bytes(b"no image")
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"skipped 1 of 48 .*3\.png"):
            images, _ = open_images(data_of("iclevr"), folder, CPU)
    assert len(images) == 47 and not cache.exists()


def test_own_data_sets_are_not_cached(tmp_path, cache):
    class Mine(FashionMnist, kind="mine"):
        """Fashion-MNIST, of a program of the user's."""

    folder = files_of("fashion_mnist", tmp_path / "data")
    open_images(Data(dataset=Mine()), folder, CPU)
    assert not cache.exists()


def test_the_cache_has_a_bound_and_the_oldest_files_go(tmp_path, cache, monkeypatch):
    images, labels = torch.zeros(4, 1, 512, 512, dtype=torch.uint8), torch.zeros(4)
    monkeypatch.setenv(decoded.VARIABLE, str(2.5 / 1024))  # two files of 1 MiB
    for number, key in enumerate("ab"):
        decoded.store(key, images, labels)
        os.utime(cache / f"{key}.npz", (number, number))
    assert decoded.recall("a") is not None  # which is used last from now on
    (cache / ".killed.npz").write_bytes(b"1")
    os.utime(cache / ".killed.npz", (1, 1))
    decoded.store("c", images, labels)
    assert sorted(path.name for path in cache.iterdir()) == ["a.npz", "c.npz"]
    decoded.store("d", images.repeat(3, 1, 1, 1), labels.repeat(3))  # larger than all
    assert sorted(path.name for path in cache.iterdir()) == ["a.npz", "c.npz"]
    monkeypatch.setenv(decoded.VARIABLE, "0")
    folder = files_of("fashion_mnist", tmp_path / "data")
    open_images(data_of("fashion_mnist"), folder, CPU)
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("text", ["much", "-1", "nan"])
def test_a_bound_that_is_no_number_is_one_line(monkeypatch, text):
    monkeypatch.setenv(decoded.VARIABLE, text)
    result = CliRunner().invoke(app, ["data", "shapes"])
    assert result.exit_code == 2
    assert result.stderr == (
        f"error: GANSPEC_CACHE_GIB is {text!r}: give the cache of decoded images a number of GiB, "
        "such as 4, or 0 for no cache\n"
    )


def test_a_cache_that_cannot_be_written_changes_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(decoded, "CACHE", tmp_path / "file" / "below")
    images, _ = open_images(data_of("shapes"), None, CPU)
    assert len(images) == 20


def test_writers_at_once_do_no_harm(monkeypatch):
    monkeypatch.setenv(decoded.VARIABLE, str(100 / 2**20))  # about two files

    def write_and_read(number: int) -> bool:
        key = f"{number % 3}"
        images = torch.full((40, 1, 32, 32), number % 3, dtype=torch.uint8)
        decoded.store(key, images, torch.zeros(40))
        known = decoded.recall(key)
        return known is None or torch.equal(known[0], images)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write_and_read, range(60)))
