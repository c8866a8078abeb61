"""i-CLEVR: label files, whole photographs, and what is said of missing ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from writing import OBJECTS, check_equal, pixels, write_labels

from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets.iclevr import Iclevr, load_images
from ganspec.systems.data import Data
from ganspec.training.images import open_images

LABELS = [["gray cube"], ["red sphere", "yellow cylinder"], ["cyan cube", "cyan cube"]]


def write_photographs(folder, count=3, mode="RGBA"):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.fromarray(pixels(24, 32, 3)).convert(mode).save(folder / f"{i}.png")


@pytest.mark.parametrize("place", ["images", "iclevr", "."])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_photographs_are_resized_whole(tmp_path, place, mode):
    write_labels(tmp_path, LABELS)
    write_photographs(tmp_path / place, mode=mode)
    images, _ = Iclevr.load(Iclevr().locate(tmp_path), 8, 12, 3)
    assert images.dtype == torch.uint8 and images.shape == (3, 3, 8, 12)
    for i, image in enumerate(images):
        with Image.open(tmp_path / place / f"{i}.png") as file:
            expected = file.convert("RGB").resize((12, 8), Image.Resampling.BILINEAR)
        assert np.array_equal(image.permute(1, 2, 0).numpy(), np.array(expected))
    assert load_images(tmp_path, 8, 8, 1)[0].shape == (3, 1, 8, 8)


def test_labels_mark_every_object(tmp_path):
    write_labels(tmp_path, LABELS)
    write_photographs(tmp_path / "images")
    _, labels = load_images(tmp_path, 8, 8, 3)
    assert labels.dtype == torch.uint8 and labels.shape == (3, 24)
    for row, names in zip(labels, LABELS, strict=True):
        assert {OBJECTS[k] for k in row.nonzero()[:, 0]} == set(names)
    assert Iclevr().classes(tmp_path) == OBJECTS


@pytest.mark.parametrize(
    "count, said",
    [
        (0, r"names in .*images, .* or .*; missing 9: 0.png, 1"),
        (4, r"names in \S*/iclevr; missing 5: 4.png, 5.png, 6.png, ...$"),
        (7, "names in .*; missing 2: 7.png, 8.png$"),
    ],
)
def test_missing_photographs_are_counted_and_named(tmp_path, count, said):
    write_labels(tmp_path, 3 * LABELS)
    write_photographs(tmp_path / "iclevr", count)
    said = f"found {count} of the 9 photographs that train.json {said}"
    with pytest.raises(DataError, match=said) as raised:
        open_images(Data(dataset=Iclevr()), tmp_path, torch.device("cpu"))
    assert "\n" not in str(raised.value)


def test_broken_photographs_are_skipped_with_their_labels(tmp_path):
    write_labels(tmp_path, LABELS)
    write_photographs(tmp_path / "images")
    images, labels = load_images(tmp_path, 8, 8, 3)
    paths = [tmp_path / "images" / f"{i}.png" for i in range(3)]
    for content in (b"", b"no image", paths[1].read_bytes()[:200]):
        paths[1].write_bytes(content)
        with pytest.warns(UserWarning, match=r"skipped 1 of 3 .*1\.png$"):
            check_equal(load_images(tmp_path, 8, 8, 3), (images[::2], labels[::2]))
    for path in paths:
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"none of the 3 images can be read: .*0\.png"):
        load_images(tmp_path, 8, 8, 3)


@pytest.mark.parametrize(
    "file, text, said",
    [
        ("train.json", "{", "train.json is not JSON"),
        ("train.json", "[" * 100_000, "train.json is not JSON"),
        ("train.json", "[]", "train.json is not a map"),
        ("train.json", '{"a": "red cube"}', "no list of objects for 'a'"),
        ("train.json", '{"a": ["pink cube"]}', "'pink cube' for 'a', not in objects.json"),
        ("train.json", '{"a": [["red cube"]]}', "not in objects.json"),
        ("objects.json", "3", "does not number objects"),
        ("objects.json", '{"red cube": 1}', "does not number objects"),
        ("objects.json", '{"red cube": 0.0}', "does not number objects"),
        ("objects.json", '{"red cube": -1, "blue cube": 0}', "does not number objects"),
        ("objects.json", '{"red cube": 0}', "numbers 1 objects, not i-CLEVR's 24"),
    ],
)
def test_damaged_label_files_are_named(tmp_path, file, text, said):
    write_labels(tmp_path, LABELS)
    (tmp_path / file).write_text(text)
    with pytest.raises(ValueError, match=said):
        load_images(tmp_path, 8, 8, 3)


def test_photographs_lie_in_the_folder_alone(tmp_path):
    """A name that leads elsewhere is a missing photograph."""
    folder = tmp_path / "data"
    write_photographs(tmp_path)
    write_photographs(folder / "images")
    for name in ("../0.png", str(tmp_path / "0.png"), ""):
        write_labels(folder, {name: ["red cube"]})
        with pytest.raises(ValueError, match="missing 1"):
            load_images(folder, 8, 8, 3)
    assert json.loads(Path(folder / "train.json").read_text())
