"""Fixtures and functions that several test files use: specs, emitted modules, small data sets."""

from __future__ import annotations

import gzip
import json
import math
import os
import pickle
import signal
import struct
import subprocess
import types
import warnings
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from browser import browser as browser  # the fixture
from forking import Popen, close_servers, fork_programs
from PIL import Image

import ganspec
from ganspec.compiler.arrange import EmittedFile
from ganspec.compiler.emit import formatted
from ganspec.compiler.moving import Mover
from ganspec.exporting import comparison, outside
from ganspec.kinds.datasets.objects import solid_words
from ganspec.language.kinds import kinds_of
from ganspec.language.registry import LOADED, PACKAGES
from ganspec.systems.training import Images
from ganspec.training import choosing, making

# One thread a process: the suite's own processes fill the cores, and sums keep their order.
# The variable is for the programs that tests start.
os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)
# Trainings measure nothing: their results would depend on what else the machine does.
choosing.WORTH = math.inf
# Nor is bf16 measured: `ganspec train` warns of it where it is slow.
making.has_fast_bf16 = choosing.has_fast_bf16 = lambda device: True
# A training that nohup starts ignores SIGHUP, and so would those that tests hang up.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.environ["GANSPEC_CACHE_GIB"] = "0"  # of decoded images, whose reading tests check

fork_programs()  # `forking.py` says why

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").glob("*.yaml"))


def pytest_sessionfinish():
    close_servers()


@pytest.fixture(autouse=True)
def start_true_processes(request, monkeypatch):
    """Fork no programs in a test with the mark `true_process`."""
    if request.node.get_closest_marker("true_process"):
        monkeypatch.setattr(Popen, "can_fork", False)


@contextmanager
def own_kinds_forgotten():
    """Within the block, files of kinds can be loaded; after it, they never were."""
    families = [kinds_of(family) for family in PACKAGES if family != "system"]
    before = [dict(kinds) for kinds in families]
    try:
        yield
    finally:
        LOADED.clear()
        for kinds, known in zip(families, before, strict=True):
            for name in kinds.keys() - known:
                del kinds[name]


@pytest.fixture(autouse=True)
def forget_own_kinds():
    """Forget the kinds that a test defines, so that no other test of the process draws them."""
    loaded = list(LOADED)
    with own_kinds_forgotten():
        yield
    LOADED[:] = loaded


def emit_networks(nets: dict) -> str:
    """Return a file with the networks' classes and their imports, without code for training."""
    mover = Mover({}, set())
    mover.networks(nets)
    return formatted(EmittedFile(mover).text(titled=False))


def run_source(source: str, name: str = "emitted") -> types.ModuleType:
    """Return emitted source as a module that was imported, not run as a program."""
    module = types.ModuleType(name)
    exec(compile(source, f"{name}.py", "exec", dont_inherit=True), module.__dict__)
    return module


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write bytes as a gzipped IDX file, in the format of Yann LeCun's page."""
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(head + array.tobytes()))


def write_fashion_mnist(folder: Path, count: int = 48) -> None:
    random = np.random.default_rng(0)
    labels = (np.arange(count) % 10).astype(np.uint8)
    for split in ("train", "t10k"):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        write_idx(folder / f"{split}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{split}-labels-idx1-ubyte.gz", labels)


def write_image_folder(folder: Path, count: int = 48) -> None:
    random = np.random.default_rng(0)
    for i in range(count):
        pixels = random.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")


def write_cifar10(folder: Path, count: int = 50) -> None:
    """Write the official layout: five training batches and one for testing."""
    random = np.random.default_rng(0)
    folder = folder / "cifar-10-batches-py"
    folder.mkdir(exist_ok=True)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        pixels = random.integers(0, 256, (count // 5, 3072), dtype=np.uint8)
        batch = {b"data": pixels, b"labels": [i % 10 for i in range(count // 5)]}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))


def write_iclevr(folder: Path, count: int = 48) -> None:
    """Small photographs of noise, each with one to three of the 24 objects."""
    random = np.random.default_rng(0)
    colours, shapes = solid_words()
    objects = [f"{colour} {shape}" for shape in shapes for colour in colours]
    (folder / "objects.json").write_text(json.dumps({name: i for i, name in enumerate(objects)}))
    listed = {}
    (folder / "images").mkdir(exist_ok=True)
    for i in range(count):
        listed[f"{i}.png"] = list(random.choice(objects, 1 + i % 3, replace=False))
        pixels = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{i}.png")
    (folder / "train.json").write_text(json.dumps(listed))
    (folder / "test.json").write_text(json.dumps(list(listed.values())[:5]))


WRITERS = {
    "fashion_mnist": write_fashion_mnist,
    "image_folder": write_image_folder,
    "cifar10": write_cifar10,
    "iclevr": write_iclevr,
}


def small(path: Path, *settings: str) -> ganspec.Spec:
    """Return a spec that trains quickly: batches of 4, and few images where they are drawn."""
    quick = ["train.batch=4"]
    spec = ganspec.load(path, [*quick, *settings])
    if spec.data.dataset.kind == "shapes":
        quick.append("data.dataset={shapes: {count: 48}}")
    if spec.evaluate:  # of thousands of images
        quick.append("evaluate=null")
    if getattr(spec.train, "generator_batch", None):
        quick.append("train.generator_batch=8")
    if getattr(spec.train, "warmup", None):
        quick.append("train.warmup.iterations=5")
    return ganspec.load(path, [*quick, *settings])


def narrow(path: Path, *settings: str) -> ganspec.Spec:
    """Return a small spec at an eighth of its width."""
    channels = ganspec.load(path).vars["ch"]
    return small(path, f"vars.ch={channels // 8}", *settings)


@pytest.fixture
def small_data(tmp_path):
    """Return a function that makes a folder of few images in the format of a spec's data set.

    The function returns None if the data set reads no files.
    """

    def make(spec: ganspec.Spec) -> Path | None:
        if not spec.data.dataset.needs_folder:
            return None
        folder = tmp_path / "images"
        folder.mkdir(exist_ok=True)
        WRITERS[spec.data.dataset.kind](folder)
        return folder

    return make


@pytest.fixture
def exports_here(monkeypatch):
    """Load exports in this process, which saves importing torch in another one."""

    def run(command, **_):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `torch.jit.load` is deprecated
            library = outside.run(json.loads(command[-1]))
        return subprocess.CompletedProcess(command, 0, library, "")

    monkeypatch.setattr(comparison, "subprocess", SimpleNamespace(run=run))


def training_of(spec, images, labels=None, test=None, exact=True, names=()):
    """Return the training of a spec on images in memory."""
    return ganspec.Trainer(spec, Images(images, labels, test, names), "cpu", exact).training


def assert_same_weights(mine: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    """Equal keys in equal order, and equal bits."""
    assert list(mine) == list(theirs)
    for key, value in mine.items():
        assert torch.equal(value, theirs[key]), key
