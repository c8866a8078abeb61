"""Folders of pictures, with a sub-folder for each class or without."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import compress
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageOps
from pydantic import Field

from ganspec.kinds.dataset import Dataset
from ganspec.kinds.datasets.image_files import ImageFiles
from ganspec.kinds.datasets.images import read_columns, resize_images
from ganspec.kinds.datasets.label_table import label_names, look_up_labels
from ganspec.kinds.datasets.listing import (
    find_images,
    is_image,
    list_images,
    walk_files,
    warn_others,
)
from ganspec.language.types import PathText, Positive


def flatten_image(image, white=None):
    """Convert a picture to RGB: grey of any depth to 8 bits, transparency to white.

    If no value of white is given, grey of 16 or 32 bits is from 0 to 65535, floats
    from 0 to 1, and other values raise ValueError. Else values beyond 0 and white are
    clipped.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.float32)
        low, high = grey.min(), grey.max()
        top = white or (1 if image.mode == "F" else 65535)
        if not (low <= high if white else 0 <= low <= high <= top):
            raise ValueError(f"its values, {low:g} to {high:g}, are not 0 to {top}")
        grey = grey / np.float32(top / 255)
        image = Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema()[0] < 255:  # otherwise opaque
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def picture_pixels(picture):
    """Return the pixels of a PIL picture, uint8 C x H x W."""
    pixels = np.array(picture).reshape(picture.height, picture.width, -1)
    return torch.from_numpy(pixels.transpose(2, 0, 1))


def resize_picture(picture, height, width, resize):
    """Resize a PIL picture. Return its pixels, uint8 C x H x W."""
    if resize == "antialias":
        return picture_pixels(picture.resize((width, height), Image.Resampling.BILINEAR))
    else:
        return resize_images(picture_pixels(picture)[None], height, width, resize)[0]


def resize_columns(images, left, right, width, centre):
    """Resize columns `left` to `right` of float images to `width` columns.

    `left` and `right` need not be whole. `centre` is the position of a pixel's centre:
    0 in TensorFlow 1, 0.5 in OpenCV.
    """
    positions = (torch.arange(width) + centre) * ((right - left) / width) + left - centre
    return read_columns(images, positions.clamp(min=0))


def resize_box(picture, height, width, resize, box):
    """Resize a box (left, top, right, bottom) of a picture to uint8 C x H x W."""
    if resize == "antialias":
        return picture_pixels(picture.resize((width, height), Image.Resampling.BILINEAR, box))
    centre = 0 if resize == "tensorflow1" else 0.5
    left, top, right, bottom = box
    pixels = resize_columns(picture_pixels(picture).float(), left, right, width, centre)
    pixels = resize_columns(pixels.mT, top, bottom, height, centre).mT
    return pixels.round().to(torch.uint8)


def decode_image(path, height, width, channels, resize="antialias", white=None):
    """Read a picture, uint8 C x H x W: resize it to cover the size, crop the centre."""
    with Image.open(path) as file:
        image = flatten_image(ImageOps.exif_transpose(file), white)
    image = image.convert("L" if channels == 1 else "RGB")
    across, down = image.size
    if across * height < down * width:
        across, down = width, down * width // across
    else:
        across, down = across * height // down, height
    left, top = round((across - width) / 2), round((down - height) / 2)
    right, bottom = left + width, top + height
    if across * down > 16 * width * height:  # resize only a box, to save memory
        x, y = image.width / across, image.height / down
        box = (left * x, top * y, right * x, bottom * y)
        return resize_box(image, height, width, resize, box)
    return resize_picture(image, down, across, resize)[:, top:bottom, left:right]


def decode_files(files, decode, shape):
    """Return readable images, uint8 N x *shape, and a list: True if readable.

    Warn of files that cannot be read; raise ValueError if no file can.
    """

    def decode_whole(path):
        try:
            return decode(path)
        except Exception:  # noqa: BLE001  (PIL can raise any exception)
            return None

    images, readable = torch.empty(len(files), *shape, dtype=torch.uint8), []
    with ThreadPoolExecutor() as pool:  # PIL decodes without the interpreter's lock
        for image, out in zip(pool.map(decode_whole, files), images, strict=True):
            readable.append(image is not None)
            if image is not None:
                out.copy_(image)
    report_broken(files, readable)
    return images if all(readable) else images[torch.tensor(readable)], readable


def report_broken(files, readable):
    """Warn of files that cannot be read; raise ValueError if no file can."""
    broken = [str(path) for path, okay in zip(files, readable, strict=True) if not okay]
    names = ", ".join(broken[:3]) + (", ..." if len(broken) > 3 else "")
    if len(broken) == len(files):
        raise ValueError(f"none of the {len(files)} images can be read: {names}")
    if broken:
        message = f"skipped {len(broken)} of {len(files)} images as unreadable: "
        warnings.warn(message + names, stacklevel=3)


def label_images(folder, table, checked=True):
    """Return the image files of `folder`, sorted, and the label of each.

    Labels are those of a table in `folder`; without one, sub-folders are classes. Files
    without a row in the table are left out.
    """
    if not table:
        return list_images(folder)
    files = find_images(folder)
    labels, listed = look_up_labels(folder, files, Path(folder) / table, checked)
    return list(compress(files, listed)), labels


def load_images(
    folder,
    height,
    width,
    channels,
    resize="antialias",
    white=None,
    labels=None,
    checked=True,
    labelled=True,
):
    """Read the images of a folder, uint8 N x C x H x W, and their labels.

    Labels are classes, int64 N, or attributes, 0 or 1, uint8 N x attributes; None if
    unused.
    """

    def decode(path):
        return decode_image(path, height, width, channels, resize, white)

    if not labelled and not labels:  # a table lists which images to read
        images, _ = decode_files(find_images(folder), decode, (channels, height, width))
        return images, None
    files, marks = label_images(folder, labels, checked)
    images, readable = decode_files(files, decode, (channels, height, width))
    return images, torch.as_tensor(marks)[readable]


class ImageFolder(Dataset, kind="image_folder"):
    """A folder of images in any format that Pillow reads except EPS, in class sub-folders or flat.

    Every image is resized to cover the spec's size and cropped at the centre. Transparency becomes
    white, a photograph is turned upright, and an animation is its first frame. Other files, and
    those that cannot be read, are left out with a warning.
    """

    load: ClassVar = staticmethod(load_images)
    fix: ClassVar = "name the folder of your images"

    path: PathText | None = Field(
        None,
        description="folder of the images, relative to the current folder; `--data` replaces it",
    )
    labels: PathText | None = Field(
        None,
        description="table of labels, such as `labels.csv`, relative to the folder of the images; "
        "if not set, sub-folders are classes",
    )
    white: Positive | None = Field(
        None,
        description="value of white in grey images of more than 8 bits, such as 4095 for 12 bits; "
        "if not set, 65535, or 1 in images of floats",
    )

    def wanted(self) -> str:
        return "images, such as jpg, png, webp, tif or ppm"

    def holds(self, folder: Path) -> bool:
        return folder.is_dir() and any(map(is_image, walk_files(folder)))

    def classes(self, folder: Path | None = None) -> list[str]:
        if folder is None:
            return []
        if self.labels:
            return label_names(folder / self.labels)
        names = (path.relative_to(folder).parts for path in find_images(folder))
        return sorted({parts[0] for parts in names if len(parts) > 1})

    def files(
        self,
        folder: Path,
        height: int,
        width: int,
        channels: int,
        resize: str = "antialias",
        transpose: bool = False,
    ) -> ImageFiles:
        """Return the images of `folder`, not yet decoded. Warn of files that are no images."""
        warn_others(folder, folder / (self.labels or ""))
        files, labels = label_images(folder, self.labels)
        form = (height, width, channels, resize, self.white)
        return ImageFiles(folder, files, labels, decode_image, form, transpose)
