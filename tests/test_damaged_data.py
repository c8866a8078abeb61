"""Damaged files of data sets: each is read, or refused in one line that names the file.

`GANSPEC_DAMAGED=1000` tries as many damages of each format, in place of 40.
"""

from __future__ import annotations

import gzip
import os
import pickle
import random
import resource
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from conftest import write_cifar10, write_fashion_mnist, write_iclevr
from writing import pixels, write_idx

import ganspec
from ganspec.console import reported
from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets import idx, npz
from ganspec.kinds.datasets.mnist import Mnist
from ganspec.language.errors import one_line
from ganspec.training.images import open_images

COUNT = int(os.environ.get("GANSPEC_DAMAGED", "40"))
ROOT = Path(__file__).parent.parent


def write_npz(folder, save=np.savez):
    save(folder / "a.npz", images=pixels(6, 28, 28, 1), labels=np.arange(6))


def write_compressed_npz(folder):
    write_npz(folder, np.savez_compressed)


def write_plain_idx(folder):
    write_fashion_mnist(folder, 6)
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()


def write_zipped_idx(folder):
    write_fashion_mnist(folder, 6)


def write_cifar_archive(folder):
    write_cifar10(folder, 10)
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(folder / "cifar-10-batches-py", "cifar-10-batches-py")
    for path in (folder / "cifar-10-batches-py").iterdir():
        path.unlink()


def write_small_cifar10(folder):
    write_cifar10(folder, 10)


FORMATS = {
    "npz": ("npz", write_npz),
    "npz, compressed": ("npz", write_compressed_npz),
    "IDX": ("fashion_mnist", write_plain_idx),
    "IDX, gzipped": ("fashion_mnist", write_zipped_idx),
    "CIFAR-10": ("cifar10", write_small_cifar10),
    "CIFAR-10, archive": ("cifar10", write_cifar_archive),
    "i-CLEVR": ("iclevr", write_iclevr),
}


def damaged(draw: random.Random, data: bytes) -> bytes:
    """Return the bytes after one damage, which is more often near the beginning or the end."""
    data, length = bytearray(data), len(data)
    at = draw.choice((draw.randrange(length), draw.randrange(min(length, 300)), length - 1))
    match draw.randrange(8):
        case 0:
            return bytes(data[:at])
        case 1:
            data[at : at + draw.choice((1, 8, 100))] = bytes(draw.randrange(200))
        case 2:
            data[at:at] = draw.randbytes(draw.choice((1, 4, 50)))
        case 3:
            del data[at : at + draw.choice((1, 4, 50))]
        case 4:
            data[at : at + 4] = draw.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"))
        case _:
            for _ in range(draw.choice((1, 1, 3))):
                place = draw.choice((at, draw.randrange(length)))
                data[place] ^= 1 << draw.randrange(8)
    return bytes(data)


def images_of(kind: str, folder: Path) -> torch.Tensor:
    spec = ganspec.load(ROOT / "specs" / "dcgan.yaml", [f"data={{dataset: {kind}, size: 28}}"])
    images, _ = open_images(spec.data, folder, torch.device("cpu"))
    return images


@pytest.fixture
def little_memory():
    """Let the process have two gigabytes more than now, so that a bomb harms no machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = 4096 * int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_read_or_refused_by_name(tmp_path, little_memory, name):
    kind, write = FORMATS[name]
    write(tmp_path)
    right, checksum = images_of(kind, tmp_path), name not in ("IDX", "CIFAR-10", "i-CLEVR")
    paths = sorted(p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".png")
    refused = 0
    for seed in range(COUNT):
        draw = random.Random(f"{name} {seed}")
        path = draw.choice(paths)
        whole = path.read_bytes()
        path.write_bytes(damaged(draw, whole))
        try:
            images = images_of(kind, tmp_path)
            assert not checksum or torch.equal(images, right), seed
        except DataError as error:
            refused += 1
            assert path.name in str(error) and "\n" not in str(error), (seed, str(error))
        path.write_bytes(whole)
    print(f"{name}: {refused} of {COUNT} refused")


def test_what_unpacks_to_more_than_memory_is_not_read(tmp_path, monkeypatch):
    write_compressed_npz(tmp_path)
    monkeypatch.setattr(npz, "free_memory", lambda: 2000.0)
    with pytest.raises(DataError, match=r"a\.npz unpacks to 0\.0 GiB, and 0\.0 GiB of memory are"):
        images_of("npz", tmp_path)


def test_a_gzipped_file_is_read_up_to_a_limit(tmp_path, monkeypatch):
    write_zipped_idx(tmp_path)
    monkeypatch.setattr(idx, "MEGABYTES", 0)
    with pytest.raises(DataError, match=r"images-idx3-ubyte\.gz is not an IDX file"):
        images_of("fashion_mnist", tmp_path)


@pytest.mark.parametrize(
    "stream",
    [
        b"\x80\x02}r\xff\xff\xff\xff.",  # an object with the number 2**32 - 1
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x0f.",  # 2**60 bytes that are not there
        b"\x80\x02]q\x00h\x00a.",  # a list of itself
    ],
)
def test_numbers_of_a_pickle_fill_no_memory(tmp_path, little_memory, stream):
    write_small_cifar10(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "data_batch_2").write_bytes(stream)
    with pytest.raises(DataError, match="data_batch_2 is damaged, or not a CIFAR-10 batch"):
        images_of("cifar10", tmp_path)


@pytest.mark.parametrize("labels", [[200, 1], [-1, 2], [1.5, 2], ["a", "b"], [[1], [2]], []])
def test_labels_of_cifar10_are_classes(tmp_path, labels):
    write_small_cifar10(tmp_path)
    batch = {b"data": pixels(len(labels), 3072), b"labels": labels}
    path = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    path.write_bytes(pickle.dumps(batch))
    with pytest.raises(DataError, match="data_batch_2 is damaged, or not a CIFAR-10 batch"):
        images_of("cifar10", tmp_path)


def test_idx_images_of_another_size_or_none_are_refused(tmp_path):
    for shape, said in (
        ((8, 20, 20), "images of 20 x 20, not 28 x 28"),
        ((0, 28, 28), "no data by its header: copy"),
    ):
        write_idx(tmp_path / "train-images-idx3-ubyte", pixels(*shape))
        write_idx(tmp_path / "train-labels-idx1-ubyte", pixels(shape[0]))
        with pytest.raises(DataError, match=f"train-images-idx3-ubyte.*{said}"):
            images_of("mnist", tmp_path)


@pytest.mark.parametrize("names", [("images.npy", "labels.npy"), ("images", "labels")])
def test_an_archive_of_other_files_holds_no_arrays(tmp_path, names):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        for name in names:
            file.writestr(name, b"hello")
    with pytest.raises(DataError, match=r"a\.npz cannot be read: .* is not an array"):
        images_of("npz", tmp_path)


def test_an_errors_notes_are_part_of_the_message(tmp_path, capsys):
    def fail(error):
        error.add_note("while reading a.bin")
        raise error

    wanted = r"^mnist in .*: damaged, while reading a\.bin$"
    with pytest.raises(DataError, match=wanted), Mnist().reading(tmp_path):
        fail(ValueError("damaged\nas zlib says"))
    for error in (DataError("damaged"), OSError("damaged")):
        with pytest.raises(typer.Exit), reported():
            fail(error)
        assert capsys.readouterr().err == "error: damaged, while reading a.bin\n"
    assert one_line(KeyError()) == "KeyError"
    with pytest.raises(typer.Exit), reported():
        raise MemoryError
    assert capsys.readouterr().err.startswith("error: out of memory: free some or, for a training")
    with pytest.raises(typer.Exit), reported():
        torch.empty(10**15)  # bytes that no machine has
    assert "out of memory" in capsys.readouterr().err
    for text in ("an illegal memory access was encountered", "unsupported memory format"):
        with pytest.raises(RuntimeError, match=text), reported():
            raise RuntimeError(text)
