"""Write images as one PNG of a grid, as a folder of PNGs, as CSV or as npz."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image

from ganspec.atomic import replacing, replacing_folder
from ganspec.sampling.pictures import OnProgress, Pictures
from ganspec.systems.grid import save_grid

DIGITS = [b"%d" % value for value in range(256)]  # values of pixels as text, made once for speed


def rows(images: torch.Tensor) -> np.ndarray:
    """Return `images`, N x C x H x W on the CPU, as a NumPy array N x H x W x C."""
    return images.permute(0, 2, 3, 1).contiguous().numpy()


def picture_of(pixels: np.ndarray) -> Image.Image:
    """Return one image, uint8 H x W x C, as a PIL picture: grey if C is 1, RGB if C is 3."""
    return Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels)


def paint_grid(images: torch.Tensor, columns: int, file: Path | BinaryIO) -> None:
    """Write one PNG of `images`, uint8 N x C x H x W, row by row, to a path or an open file."""
    save_grid(images.float() / 255, file, columns, SimpleNamespace(low=0))


def write_grid(pictures: Pictures, path: Path, on_progress: OnProgress) -> None:
    """Write a PNG at `path`, a grid of all images, filled row by row. It is written whole."""
    images = pictures.all_images(on_progress)
    with replacing(path) as temporary:
        paint_grid(images, pictures.columns, temporary)


def write_folder(pictures: Pictures, path: Path, on_progress: OnProgress) -> None:
    """Write a PNG for each image, from `000000.png` on, into the new or empty folder `path`."""
    done = 0
    with replacing_folder(path) as temporary:
        for images, _ in pictures.batches:
            for image in rows(images):
                picture_of(image).save(temporary / f"{done:06d}.png")
                done += 1
            on_progress(done, pictures.count)


def write_csv(pictures: Pictures, path: Path, on_progress: OnProgress, with_labels: bool) -> None:
    """Write a line for each image: its numbers, 0 to 255, in the order height, width, channels.

    If `with_labels`, a line begins with the image's class or, for a multi-hot label, with a 0 or 1
    for each class.
    """
    done = 0
    with replacing(path) as temporary, temporary.open("wb") as file:
        for images, labels in pictures.batches:
            lines = [b",".join([DIGITS[i] for i in image.tobytes()]) for image in rows(images)]
            if with_labels:
                assert labels is not None  # `sample.py` refuses --with-labels otherwise
                columns = labels.reshape(len(labels), -1).long().tolist()
                heads = [b",".join([b"%d" % number for number in row]) for row in columns]
                lines = [head + b"," + line for head, line in zip(heads, lines, strict=True)]
            file.write(b"\n".join(lines) + b"\n")
            done += len(images)
            on_progress(done, pictures.count)


def write_npz(pictures: Pictures, path: Path, on_progress: OnProgress) -> None:
    """Write an npz file with `images`, uint8 N x H x W x C, and their labels and scores, if any.

    `labels`, int64 N, are classes; `multi_hot`, uint8 N x classes, are multi-hot labels. `scores`,
    float32 N, and `chosen`, int64 N, are the best images' scores, and their indices among all
    images that were drawn.
    """
    channels, height, width = pictures.shape
    shape, done, labels = (pictures.count, height, width, channels), 0, []
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            # the bytes that np.save would write, but without all images in memory at once
            head = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, head)
            for images, batch_labels in pictures.batches:
                file.write(rows(images).tobytes())
                labels += [batch_labels] if batch_labels is not None else []
                done += len(images)
                on_progress(done, pictures.count)
        ranking, columns = pictures.ranking, label_columns(labels)
        if ranking is not None:
            columns = {"scores": ranking.scores, "chosen": ranking.indices, **columns}
        for name, column in columns.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, column.numpy(), allow_pickle=False)


def label_columns(labels: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the labels of all batches as one tensor, by the name that it has in an npz file.

    The name is `labels` for classes, int64 N, and `multi_hot` for multi-hot labels, uint8 N x
    classes. Return {} if `labels` is [].
    """
    if not labels:
        return {}
    column = torch.cat(labels)
    return {"labels": column} if column.ndim == 1 else {"multi_hot": column.byte()}
