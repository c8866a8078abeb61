"""What several test files share: the specs, their emitted modules, small data of every format."""

from __future__ import annotations

import gzip
import os
import struct
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganspec

# One thread a process: the suite's own processes fill the cores, and sums keep their order.
# The variable is for the programs that tests start.
os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").glob("*.yaml"))


def run_source(source: str, name: str = "emitted") -> types.ModuleType:
    """Emitted source as a module that was imported, not run as a program."""
    module = types.ModuleType(name)
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module


def write_idx(path: Path, array: np.ndarray) -> None:
    """An IDX file as Yann LeCun's page describes it."""
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(head + array.tobytes()))


def write_fashion_mnist(folder: Path, count: int = 48) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    write_idx(folder / "train-images-idx3-ubyte.gz", images)
    labels = (np.arange(count) % 10).astype(np.uint8)
    write_idx(folder / "train-labels-idx1-ubyte.gz", labels)


def write_image_folder(folder: Path, count: int = 48) -> None:
    random = np.random.default_rng(0)
    for i in range(count):
        pixels = random.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")


WRITERS = {"fashion_mnist": write_fashion_mnist, "image_folder": write_image_folder}


def small(path: Path, *settings: str) -> ganspec.Spec:
    """A spec that trains quickly: batches of 4, and few images where they are drawn."""
    spec = ganspec.load(path, ["train.batch=4", *settings])
    if spec.data.dataset.kind == "shapes":
        drawn = "data.dataset={shapes: {count: 48}}"
        spec = ganspec.load(path, ["train.batch=4", drawn, *settings])
    return spec


@pytest.fixture
def small_data(tmp_path):
    """A function that makes a folder of 48 images in the format of a spec's data set."""

    def make(spec: ganspec.Spec) -> Path | None:
        if not spec.data.dataset.needs_folder:
            return None
        folder = tmp_path / "images"
        folder.mkdir(exist_ok=True)
        WRITERS[spec.data.dataset.kind](folder)
        return folder

    return make


def assert_same_weights(mine: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    """Equal keys in equal order, and equal bits."""
    assert list(mine) == list(theirs)
    for key, value in mine.items():
        assert torch.equal(value, theirs[key]), key
