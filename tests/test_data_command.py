"""`ganspec data`: where a data set is, what it holds, and what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner
from writing import OBJECTS, pixels, write_digits, write_images, write_labels

from ganspec.cli import app
from ganspec.evaluation.reference import open_folder
from ganspec.kinds.datasets.fashion_mnist import FashionMnist
from ganspec.kinds.datasets.image_folder import ImageFolder
from ganspec.systems.data import Data
from ganspec.training import images as training_images


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Hide all data sets: in the working and home folder, the environment and the system."""
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GANSPEC_DATA", raising=False)
    monkeypatch.setattr(FashionMnist, "well_known", ())
    monkeypatch.setattr("warnings.showwarning", None)  # the command sets its own


def data(*arguments, status=0):
    """Return standard output and error of `ganspec data ARGUMENTS`."""
    result = CliRunner().invoke(app, ["data", *map(str, arguments)])
    assert result.exit_code == status, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.stdout, result.stderr


def test_place_number_size_and_classes_are_said(tmp_path):
    np.savez(tmp_path / "a.npz", images=pixels(12, 64, 64, 3), labels=[0] * 9 + [2] * 3)
    before = sorted(tmp_path.rglob("*"))
    out, _ = data("npz", "--data", tmp_path)
    assert out.splitlines() == [
        f"npz: in {tmp_path}",
        "12 images, 64 x 64, 3 channels",
        "3 classes, with the number of images of each:",
        "  0  9",
        "  1  0",
        "  2  3",
    ]
    assert sorted(tmp_path.rglob("*")) == before


def test_classes_have_their_names(tmp_path):
    write_images(tmp_path / "pets", ["cat/1.png", "cat/2.png", "dog/1.png"])
    out, _ = data("image_folder", "--data", tmp_path / "pets")
    assert out.splitlines()[2:] == [
        "2 classes, with the number of images of each:",
        "  0  cat  2",
        "  1  dog  1",
    ]


@pytest.mark.parametrize("broken", ["b", "c"])
def test_a_class_that_cannot_be_read_has_no_images(tmp_path, broken):
    write_images(tmp_path, ["a/1.png", "b/1.png", "c/1.png"])
    (tmp_path / broken / "1.png").write_text("no image")
    out, _ = data("image_folder", "--data", tmp_path)
    counts = [f"  {i}  {name}  {int(name != broken)}" for i, name in enumerate("abc")]
    assert out.splitlines()[2:] == ["3 classes, with the number of images of each:", *counts]


def test_labels_of_huge_numbers_are_not_all_listed(tmp_path):
    np.savez(tmp_path / "a.npz", images=pixels(2, 64, 64, 3), labels=[0, 10**12])
    out, _ = data("npz", "--data", tmp_path)
    assert out.splitlines()[2].startswith("1,000,000,000,001 classes") and out.count("\n") == 5


@pytest.mark.parametrize("streamed", [False, True])
def test_data_training_and_scores_read_the_same_images(tmp_path, streamed, monkeypatch):
    """Of every format, cut, unreadable, long and linked: one rule, one list of what is left."""
    if streamed:
        monkeypatch.setattr("ganspec.training.images.MEMORY_SHARE", 0)
    root = tmp_path / "pets"
    write_images(root, ["cat/1.png", "cat/2.jpg", "cat/3.tif", "dog/4.ppm", "dog/5.png"])
    write_images(tmp_path / "store", ["6.bmp"])
    (root / "fox").symlink_to(tmp_path / "store")
    Image.new("RGB", (9000, 1), "white").save(root / "dog" / "long.png")
    (root / "dog" / "5.png").write_bytes((root / "dog" / "5.png").read_bytes()[:200])
    (root / "dog" / "7.png").write_text("no image")
    (root / "notes.md").write_text("about pets")
    left = f"left out 1 file in {root} that is not named as an image: notes.md"
    skipped = "skipped 2 of 8 images as unreadable: dog/5.png (truncated), dog/7.png (no image)"
    out, error = data("image_folder", "--data", root, "-o", tmp_path / "grid.png", "-n", "6")
    assert out.splitlines()[1:6] == [
        "6 images, 64 x 64, 3 channels",
        "3 classes, with the number of images of each:",
        "  0  cat  3",
        "  1  dog  2",
        "  2  fox  1",
    ]
    assert sorted(error.splitlines()) == [f"warning: {left}", f"warning: {skipped}"]
    names = ["cat/1.png", "cat/2.jpg", "cat/3.tif", "dog/4.ppm", "dog/long.png", "fox/6.bmp"]
    spec = Data(dataset=ImageFolder(), size=8)
    for read in (lambda: open_folder(root).images, lambda: opened_files(spec, root)):
        with pytest.warns(UserWarning) as warned:
            files = read()
        assert [path.relative_to(root).as_posix() for path in files] == names
        assert {str(each.message) for each in warned} == {left, skipped}


def opened_files(spec, root):
    """Return the paths of the images that training opens."""
    _, _, files = training_images._open(spec, root, torch.device("cpu"))
    return files.files


def test_images_of_several_objects_count_for_each(tmp_path):
    write_labels(tmp_path / "iclevr", [["red cube", "cyan sphere"], ["red cube"]])
    write_images(tmp_path / "iclevr" / "images", ["0.png", "1.png"])
    out, _ = data("iclevr", "--data", tmp_path)
    rows = [line.split() for line in out.splitlines()[3:]]
    counts = {" ".join(name): int(count) for _, *name, count in rows}
    assert list(counts) == OBJECTS
    assert {k: v for k, v in counts.items() if v} == {"red cube": 2, "cyan sphere": 1}


def test_the_grid_shows_the_first_images(tmp_path):
    images = pixels(70, 64, 64, 3)
    np.savez(tmp_path / "a.npz", images=images)
    out, _ = data("npz", "--data", tmp_path / "a.npz", "-o", "grid.png")
    assert out.endswith("grid.png written\n")
    with Image.open("grid.png") as file:
        grid = np.array(file)
    assert grid.shape == (8 * 66 + 2, 8 * 66 + 2, 3)
    assert np.array_equal(grid[-66:-2, -66:-2], images[63])


def test_a_spec_names_its_data(tmp_path):
    write_labels(tmp_path / "home", [["red cube"], ["cyan sphere"]])
    (tmp_path / "my.yaml").write_text(
        "name: my\nlatent: {size: 1}\nobjective: {loss: hinge}\noptimizers: adam\n"
        "data: {dataset: {shapes: {labels: train.json, count: 5}}, size: 8, channels: 1}\n"
        "generator: {layers: [{project: [1, 8, 8]}]}\ndiscriminator: {layers: [mean_pool]}\n"
    )
    out, _ = data(tmp_path / "my.yaml")
    assert out.startswith("shapes: drawn on the spot\n5 images, 8 x 8, 1 channel\n24 classes")
    assert " red cube         3\n" in out
    (tmp_path / "home" / "train.json").unlink()
    _, error = data(tmp_path / "my.yaml", status=2)
    assert error.startswith("error: shapes: ") and "train.json" in error


def test_what_is_missing_is_one_line_and_nothing_is_written(tmp_path):
    before = sorted(tmp_path.rglob("*"))
    _, error = data("fashion_mnist", status=2)
    assert error.startswith("error: fashion_mnist needs train-images") and error.count("\n") == 1
    assert f"{tmp_path}/home/.cache/ganspec/data/fashion_mnist" in error
    _, error = data("cifar", status=2)
    assert "no data set is called `cifar`; there are cifar10, fashion_mnist" in error
    _, error = data("mnist", "--fetch", status=2)
    assert error.startswith("error: mnist cannot be fetched; mnist needs ")
    _, error = data("shapes", "--fetch", status=2)
    assert error == "error: shapes is never downloaded: leave --fetch out\n"
    _, error = data("fashion_mnist", "--fetch", "--data", tmp_path, status=2)
    assert error.endswith("and --data names a folder: choose one\n") and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_advice_for_drawn_images_can_be_followed(tmp_path):
    write_images(tmp_path / "pets", ["cat/1.png", "dog/1.png"])
    spec = Path(__file__).parents[1] / "specs/dcgan.yaml"
    drawn = f"{spec} --set data.dataset=shapes --data {tmp_path / 'pets'}".split()
    start = "shapes is drawn on the spot and reads no folder: leave --data"
    out = f"{tmp_path / 'pets'} out"
    instead = "or name the data set of your images, such as `--set data.dataset=image_folder`"
    assert data(*drawn, status=2)[1] == f"error: {start} {out}, {instead}\n"
    assert data(*drawn, "--set", "data.dataset=image_folder")[0].startswith("image_folder: in")
    _, said = data("shapes", "--data", tmp_path / "pets", status=2)
    command = f"data image_folder --data {tmp_path / 'pets'}"
    assert said == f"error: {start} {out}, or describe pictures by `ganspec {command}`\n"
    assert data(*command.split()[1:])[0].startswith("image_folder: in")
    trained = ["train", *drawn, "--out", str(tmp_path / "run")]
    told = CliRunner().invoke(app, trained)
    assert told.stderr.endswith(f"error: {start} {out}, {instead}\n"), told.output


def test_fetching_puts_it_into_the_cache_once(tmp_path, monkeypatch):
    fetched = []

    def fetch(self, into):
        fetched.append(into)
        write_digits(into)
        return True

    monkeypatch.setattr(FashionMnist, "fetch", fetch)
    for _ in range(2):
        out, _ = data("fashion_mnist", "--fetch")
        assert f"{tmp_path}/home/.cache/ganspec/data/fashion_mnist\n7 images, 28 x 28" in out
    assert len(fetched) == 1


def test_damaged_files_are_one_line(tmp_path):
    write_digits(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    _, error = data("mnist", "--data", tmp_path, status=2)
    assert error.startswith(f"error: mnist in {tmp_path}: {path} has ")


def test_a_number_of_images_is_pictured(tmp_path):
    images = pixels(30, 64, 64, 3)
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(30) % 2)
    data("npz", "--data", tmp_path / "a.npz", "-n", 25, "-o", "grid.png")
    with Image.open("grid.png") as file:
        grid = np.asarray(file)
    assert grid.shape == (5 * 66 + 2, 5 * 66 + 2, 3)
    tiles = grid[:-2, :-2].reshape(5, 66, 5, 66, 3)[:, 2:, :, 2:].swapaxes(1, 2)
    assert np.array_equal(tiles.reshape(25, 64, 64, 3), images[:25])
    for arguments, message in {
        ("-n", 31, "-o", "more.png"): "there are 30 images, not 31: give -n 30",
        ("-n", 25): "-n is the number of images in a PNG: add -o grid.png",
    }.items():
        assert data("npz", "--data", tmp_path, *arguments, status=2)[1] == f"error: {message}\n"
    assert [path.name for path in tmp_path.glob("home/*.png")] == ["grid.png"]
