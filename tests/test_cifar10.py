"""CIFAR-10: batches, the archive, and hostile pickles."""

from __future__ import annotations

import io
import os
import pickle
import tarfile

import numpy as np
import pytest
from writing import check_equal, pixels, write_batches

from ganspec.kinds.datasets import cifar10
from ganspec.kinds.datasets.cifar10 import Cifar10


@pytest.mark.parametrize("protocol", range(6))
def test_cifar10_batches_are_read_back(tmp_path, protocol):
    images, labels = write_batches(tmp_path / "cifar-10-batches-py", protocol)
    folder = Cifar10().locate(tmp_path)
    check_equal(Cifar10.load(folder, 32, 32, 3), (images[:20], labels[:20]))
    test = Cifar10.load(tmp_path, 32, 32, 3, split="test")
    check_equal(test, (images[20:], labels[20:]))
    both = Cifar10(split="all")
    assert both.wanted() == "data_batch_1 to data_batch_5 and test_batch or cifar-10-python.tar.gz"
    assert both.test_reader() is None
    check_equal(both.reader()(both.locate(tmp_path), 32, 32, 3), (images, labels))
    (folder / "test_batch").unlink()
    assert Cifar10().holds(folder) and not both.holds(folder)


def write_archive(tmp_path, names):
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        for name in names:
            archive.add(tmp_path / "made" / name, f"cifar-10-batches-py/{name}")


def test_cifar10_archive_is_read_in_any_order_and_not_unpacked(tmp_path):
    images, labels = write_batches(tmp_path / "made")
    names = sorted(os.listdir(tmp_path / "made"), reverse=True)
    write_archive(tmp_path, names)
    before = sorted(tmp_path.rglob("*"))
    read = Cifar10.load(Cifar10().locate(tmp_path), 32, 32, 3)
    check_equal(read, (images[:20], labels[:20]))
    assert sorted(tmp_path.rglob("*")) == before
    write_archive(tmp_path, names[:-2])
    with pytest.raises(ValueError, match="there is no data_batch_1, data_batch_2"):
        cifar10.load_images(tmp_path, 32, 32, 3)


def test_cifar10_as_python_2_wrote_it():
    image = pixels(1, 3072)
    # opcode by opcode: the official files hold Python 2 strings and numpy's old names
    stream = (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
        b"K\x00\x85U\x01b\x87R(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01"
        b"\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T\x00\x0c\x00\x00" + image.tobytes() + b"tbU\x06labels](K\x07eu."
    )
    read, labels = cifar10.read_batch(io.BytesIO(stream), "data_batch_1")
    assert np.array_equal(read.reshape(1, 3072), image) and labels == [7]


class Hostile:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_hostile_pickles_do_not_run(tmp_path, protocol, archived):
    write_batches(tmp_path / "made")
    marker = tmp_path / "marker"
    attack = Hostile(os.system, f"touch {marker}")
    pickle.loads(pickle.dumps(attack, protocol))
    assert marker.exists()  # the attack does work on an open door
    marker.unlink()
    batch = {b"data": attack, b"labels": []}
    hostile = tmp_path / "made" / "data_batch_3"
    hostile.write_bytes(pickle.dumps(batch, protocol))
    if archived:
        write_archive(tmp_path, os.listdir(tmp_path / "made"))
    folder = tmp_path if archived else tmp_path / "made"
    with pytest.raises(ValueError, match=r"data_batch_3 .*posix\.system"):
        cifar10.load_images(folder, 32, 32, 3)
    assert not marker.exists()


@pytest.mark.parametrize("function", [eval, np.load, getattr, np.frombuffer])
def test_a_batch_may_name_only_the_parts_of_an_array(function):
    stream = io.BytesIO(pickle.dumps(Hostile(function, "1")))
    with pytest.raises(ValueError, match=function.__name__):
        cifar10.read_batch(stream, "test_batch")


@pytest.mark.parametrize(
    "batch",
    [
        {},
        [],
        {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]},
        {b"data": np.zeros((1, 3072), np.float32), b"labels": [1]},
        {b"data": np.zeros((1, 1024), np.uint8), b"labels": [1]},
    ],
)
def test_other_pickles_are_not_batches(batch):
    with pytest.raises(ValueError, match="test_batch is damaged, or not a CIFAR-10 batch"):
        cifar10.read_batch(io.BytesIO(pickle.dumps(batch)), "test_batch")


def test_truncated_batches_are_named(tmp_path):
    write_batches(tmp_path)
    path = tmp_path / "data_batch_2"
    for size in (0, 100, 5000):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(ValueError, match="data_batch_2 is damaged, or not a CIFAR-10 batch: "):
            cifar10.load_images(tmp_path, 32, 32, 3)
        write_batches(tmp_path)
