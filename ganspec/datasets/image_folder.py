"""Any folder of pictures, with a sub-folder for each class or without."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageOps

from ganspec.datasets.dataset import Dataset


def find_images(folder):
    """Image files below `folder`, sorted by path; hidden ones are left out."""
    endings = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}
    folder = Path(folder)
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if path.suffix.lower() in endings and not hidden and path.is_file():
            yield path


def list_images(folder):
    """Image files of `folder`, sorted by path, and the index of each one's class.

    The classes are the sub-folders that hold images; with none, every class is 0.
    """
    folder, files = Path(folder), list(find_images(folder))
    if not files:
        raise ValueError(f"no jpg, png, webp, bmp or gif images in {folder}")
    names = [path.relative_to(folder).parts[0] for path in files]
    loose = [path for path in files if path.parent == folder]
    if len(loose) == len(files):
        return files, [0] * len(files)
    if loose:
        raise ValueError(f"{folder} holds class folders and loose images such as {loose[0].name}")
    classes = sorted(set(names))
    return files, [classes.index(name) for name in names]


def flatten_image(image):
    """Picture of any mode as RGB: 16 bits become 8, and what is clear becomes white."""
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.float32) / 257
        image = Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def decode_image(path, height, width, channels):
    """Image of a file, uint8 C x H x W: shorter side resized, cropped at the centre."""
    with Image.open(path) as file:
        image = flatten_image(ImageOps.exif_transpose(file))
    image = image.convert("L" if channels == 1 else "RGB")
    across, down = image.size
    if across * height < down * width:
        across, down = width, down * width // across
    else:
        across, down = across * height // down, height
    image = image.resize((across, down), Image.Resampling.BILINEAR)
    left, top = round((across - width) / 2), round((down - height) / 2)
    image = image.crop((left, top, left + width, top + height))
    pixels = torch.from_numpy(np.array(image)).reshape(height, width, channels)
    return pixels.permute(2, 0, 1)


def warn_of_broken(broken, total):
    """One warning that says how many images were skipped and names up to three."""
    if broken:
        names = ", ".join(str(path) for path in broken[:3])
        more = ", ..." if len(broken) > 3 else ""
        message = f"skipped {len(broken)} of {total} images that cannot be read: "
        warnings.warn(message + names + more, stacklevel=3)


def load_images(folder, height, width, channels):
    """Images of a folder, uint8 N x C x H x W, and their classes, int64 N."""
    files, labels = list_images(folder)
    images = torch.empty(len(files), channels, height, width, dtype=torch.uint8)
    kept, broken = [], []
    for path, label in zip(files, labels, strict=True):
        try:
            images[len(kept)] = decode_image(path, height, width, channels)
            kept.append(label)
        except Exception:  # a damaged file makes PIL raise almost anything
            broken.append(path)
    if not kept:
        raise ValueError(f"none of the {len(files)} images in {folder} can be read")
    warn_of_broken(broken, len(files))
    return images[: len(kept)], torch.tensor(kept)


class ImageFiles(torch.utils.data.Dataset):
    """Images decoded one by one, uint8 C x H x W, for folders too large for memory."""

    def __init__(self, files, labels, height, width, channels):
        self.files = files
        self.labels = torch.tensor(labels)
        self.shape = (height, width, channels)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        try:
            return decode_image(self.files[index], *self.shape)
        except Exception as error:
            error.add_note(f"while reading {self.files[index]}")
            raise


def can_open(path):
    """Whether PIL can read the header of an image file; the pixels are left alone."""
    try:
        with Image.open(path):
            return True
    except Exception:  # a damaged file makes PIL raise almost anything
        return False


class ImageFolder(Dataset, kind="image_folder"):
    """A folder of jpg, png, webp, bmp or gif images, in class sub-folders or flat.

    Every image is resized by its shorter side and cropped at the centre, laid on white
    where it is transparent; files that cannot be read are skipped with a warning.
    """

    load: ClassVar = staticmethod(load_images)
    in_memory: ClassVar = False
    fix: ClassVar = "name the folder of your images"

    def wanted(self) -> str:
        return "jpg, png, webp, bmp or gif images"

    def holds(self, folder: Path) -> bool:
        return next(find_images(folder), None) is not None

    def places(self, given: Path | None) -> list[Path]:
        # no other folder can stand in for the user's own images
        return [given.expanduser()] if given else super().places(None)

    def classes(self, folder: Path) -> list[str]:
        names = (path.relative_to(folder).parts for path in find_images(folder))
        return sorted({parts[0] for parts in names if len(parts) > 1})

    def files(self, folder: Path, height: int, width: int, channels: int) -> ImageFiles:
        """Images of `folder` to be read one by one, less those that PIL cannot open."""
        files, labels = list_images(folder)
        opened = [can_open(path) for path in files]
        broken = [path for path, fine in zip(files, opened, strict=True) if not fine]
        warn_of_broken(broken, len(files))
        kept = [i for i, fine in enumerate(opened) if fine]
        if not kept:
            raise ValueError(f"none of the {len(files)} images in {folder} can be read")
        files, labels = [files[i] for i in kept], [labels[i] for i in kept]
        return ImageFiles(files, labels, height, width, channels)
