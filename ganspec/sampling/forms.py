"""The forms that images are written in: one grid, a file each, CSV, npz."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from ganspec.atomic import replacing, replacing_folder
from ganspec.sampling.pictures import Pictures, Progress
from ganspec.systems.grid import save_grid

NUMBERS = [b"%d" % value for value in range(256)]


def rows(images: torch.Tensor) -> np.ndarray:
    """uint8 N x C x H x W as N x H x W x C."""
    return images.permute(0, 2, 3, 1).contiguous().numpy()


def paint_grid(images: torch.Tensor, columns: int, file) -> None:
    """One PNG of all images, into a path or an open file."""
    save_grid(images.float() / 255, file, columns, SimpleNamespace(low=0))


def write_grid(pictures: Pictures, path: Path, progress: Progress) -> None:
    """All images in one PNG, row by row."""
    images = pictures.whole(progress)
    with replacing(path) as temporary:
        paint_grid(images, pictures.columns, temporary)


def write_folder(pictures: Pictures, path: Path, progress: Progress) -> None:
    """A PNG for each image, `000000.png` the first, in a folder that must be new or empty."""
    done = 0
    with replacing_folder(path) as temporary:
        for images, _ in pictures.batches:
            for image in rows(images):
                picture = Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image)
                picture.save(temporary / f"{done:06d}.png")
                done += 1
            progress(done, pictures.count)


def write_csv(pictures: Pictures, path: Path, progress: Progress, with_labels: bool) -> None:
    """A row of numbers, 0 to 255, for each image: height x width x channels, the last fastest.

    With labels, the class stands before them, or a 0 or 1 for every class of multi-hot ones.
    """
    done = 0
    with replacing(path) as temporary, temporary.open("wb") as file:
        for images, labels in pictures.batches:
            lines = [b",".join([NUMBERS[i] for i in image.tobytes()]) for image in rows(images)]
            if with_labels:
                marks = labels.reshape(len(labels), -1).long().tolist()
                heads = [b",".join([b"%d" % mark for mark in row]) for row in marks]
                lines = [head + b"," + line for head, line in zip(heads, lines, strict=True)]
            file.write(b"\n".join(lines) + b"\n")
            done += len(images)
            progress(done, pictures.count)


def write_npz(pictures: Pictures, path: Path, progress: Progress) -> None:
    """Arrays by name: `images`, uint8 N x H x W x C, and what is known of them.

    `labels`, int64 N, are their classes, `multi_hot`, uint8 N x classes, labels of that kind;
    `scores`, float32 N, and `chosen`, int64 N, say how and from where the best were chosen.
    """
    channels, height, width = pictures.shape
    shape, done, labels = (pictures.count, height, width, channels), 0, []
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            # as np.save does, but never all at once in memory
            head = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, head)
            for images, marks in pictures.batches:
                file.write(rows(images).tobytes())
                labels += [marks] if marks is not None else []
                done += len(images)
                progress(done, pictures.count)
        for name, column in _columns(pictures, labels).items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, column.numpy(), allow_pickle=False)


def _columns(pictures: Pictures, labels: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    columns = {"scores": pictures.scores, "chosen": pictures.chosen}
    if labels and labels[0].ndim == 1:
        columns["labels"] = torch.cat(labels)
    elif labels:
        columns["multi_hot"] = torch.cat(labels).byte()
    return {name: column for name, column in columns.items() if column is not None}
