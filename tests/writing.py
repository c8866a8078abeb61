"""Small data sets of several formats, written for tests."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
from pathlib import Path

import numpy as np
import torch
from PIL import Image

random = np.random.default_rng(0)


def pixels(*shape):
    return random.integers(0, 256, shape, dtype=np.uint8)


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    data = header + array.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_digits(folder, prefix="train", ending="", count=7):
    images, labels = pixels(count, 28, 28), pixels(count) % 10
    write_idx(folder / f"{prefix}-images-idx3-ubyte{ending}", images)
    write_idx(folder / f"{prefix}-labels-idx1-ubyte{ending}", labels)
    return torch.from_numpy(images)[:, None], torch.from_numpy(labels).long()


def write_batches(folder, protocol=2):
    """Write five training batches of four images each, and the test batch."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = pixels(24, 3072), [int(label) for label in pixels(24) % 10]
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    for i, name in enumerate(names):
        part = slice(4 * i, 4 * i + 4)
        batch = {b"data": images[part].copy(), b"labels": labels[part]}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=protocol))
    return torch.from_numpy(images.reshape(24, 3, 32, 32)), torch.tensor(labels)


def write_images(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(9, 12, 3)).save(folder / name)


COLOURS = ["gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"]
OBJECTS = [f"{colour} {shape}" for shape in ("cube", "sphere", "cylinder") for colour in COLOURS]


def write_labels(folder, labels):
    """i-CLEVR's two label files; `labels` are the objects of each image, or of 0.png on."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(labels, list):
        labels = {f"{i}.png": names for i, names in enumerate(labels)}
    numbered = {name: i for i, name in enumerate(OBJECTS)}
    (folder / "objects.json").write_text(json.dumps(numbered))
    (folder / "train.json").write_text(json.dumps(labels))
    return folder / "train.json"


def write_celeba(folder, count=40):
    """Write photographs of noise, and their attributes beside them, in CelebA's form."""
    names, marks = ["Bald", "Male", "Smiling", "Young"], pixels(count, 4) > 127
    files = [f"{i:06}.jpg" for i in range(1, count + 1)]
    write_images(folder / "img_align_celeba", files)
    lines = [str(count), " ".join(names)]
    for file, row in zip(files, marks, strict=True):
        lines.append(" ".join([file, *("1" if mark else "-1" for mark in row)]))
    (folder / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    return torch.from_numpy(marks).byte()


def check_equal(read, written):
    for got, expected in zip(read, written, strict=True):
        assert got.dtype == expected.dtype
        assert torch.equal(got, expected)


def write_submissions(folder):
    """Write a dozen students' files: a DCGAN with and without mistakes, a table, a broken file."""
    folder.mkdir()
    theirs = (Path(__file__).parent / "imported" / "dcgan.py").read_text()
    changes = {
        "ada": [],
        "ben": [("ngf=64", "ngf=32"), ("ndf=64", "ndf=32")],
        "cleo": [("nn.ReLU(True)", "nn.LeakyReLU(0.2)")],
        "dan": [("            nn.BatchNorm2d(ndf * 2),\n", "")],
        "eve": [("nn.LeakyReLU(0.2, inplace=True)", "nn.LeakyReLU(inplace=True)")],
        "fay": [("            nn.Sigmoid(),\n", "")],
        "gus": [("nn.BatchNorm2d(ndf", "nn.InstanceNorm2d(ndf")],
        "hal": [("nn.Tanh()", "nn.Sigmoid()")],
        "ida": [("nz, ngf * 8, 4, 1, 0", "nz, ngf * 8, 5, 1, 0")],
        "jon": [
            ("import torch.nn as nn", "import torch\nimport torch.nn as nn"),
            ("return output\n", "return torch.sort(output, 3).values\n"),
        ],
        "kim": [("class Discriminator(nn.Module):", "class Discriminator(nn.Module)")],
    }
    for name, pairs in changes.items():
        text = theirs
        for pair in pairs:
            text = text.replace(*pair)
        (folder / f"{name}.py").write_text(text)
    table = Path(__file__).parent / "summaries" / "dcgan_fashion_discriminator_plain.txt"
    (folder / "lea.txt").write_text(table.read_text())


def write_photographs(folder):
    """Write a folder as phones and mail fill it: many sizes and forms, a cut file, notes."""
    (folder / "summer").mkdir(parents=True)
    for i in range(36):
        height, width = 60 + 7 * i, 80 + 5 * i
        blob = (
            np.linspace(0, 255, width)[None, :, None] * np.linspace(0.2, 1, height)[:, None, None]
        )
        colour = np.array([(i * 37) % 255, 128, (i * 91) % 255]) / 255
        image = Image.fromarray((blob * colour).astype(np.uint8))
        name = ("summer/" if i % 3 else "") + f"IMG_{i:04}"
        if i % 4 == 0:
            image.convert("L").save(folder / f"{name}.png")
        elif i % 4 == 1:
            image.save(folder / f"{name}.JPG", "JPEG")
        elif i % 4 == 2:
            image.convert("CMYK").save(folder / f"{name}.jpeg")
        else:
            image.convert("RGBA").save(folder / f"{name}.webp")
    whole = (folder / "IMG_0000.png").read_bytes()
    (folder / "IMG_cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("from the lake\n")
