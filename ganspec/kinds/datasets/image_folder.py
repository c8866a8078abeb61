"""Folders of pictures, with a sub-folder for each class or without."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageOps

from ganspec.kinds.dataset import Dataset
from ganspec.kinds.datasets.image_files import ImageFiles
from ganspec.kinds.datasets.images import resize_images


def find_images(folder):
    """Yield the image files below `folder`, sorted by path, without hidden ones."""
    endings = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}
    folder = Path(folder)
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if path.suffix.lower() in endings and not hidden and path.is_file():
            yield path


def list_images(folder):
    """Return the image files of `folder`, sorted, and the class index of each file.

    A sub-folder with images is a class; without sub-folders every index is 0.
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
    """Convert a picture to RGB: 16 bits become 8, and transparency becomes white."""
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.float32) / 257
        image = Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema()[0] < 255:  # many images are opaque
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def resize_picture(picture, height, width, resize):
    """Resize a PIL picture. Return its pixels, uint8 C x H x W."""
    if resize == "antialias":
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.array(picture).reshape(picture.height, picture.width, -1).transpose(2, 0, 1)
    if resize != "antialias":
        return resize_images(torch.from_numpy(pixels)[None], height, width, resize)[0]
    else:
        return torch.from_numpy(pixels)


def decode_image(path, height, width, channels, resize="antialias"):
    """Decode a file, uint8 C x H x W: resize it to cover the size, crop the centre."""
    with Image.open(path) as file:
        image = flatten_image(ImageOps.exif_transpose(file))
    image = image.convert("L" if channels == 1 else "RGB")
    across, down = image.size
    if across * height < down * width:
        across, down = width, down * width // across
    else:
        across, down = across * height // down, height
    left, top = round((across - width) / 2), round((down - height) / 2)
    pixels = resize_picture(image, down, across, resize)
    return pixels[:, top : top + height, left : left + width]


def decode_files(files, decode, shape):
    """Decode files. Return uint8 N x *shape, and a list: True for readable files."""

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
        message = f"skipped {len(broken)} of {len(files)} images that cannot be read: "
        warnings.warn(message + names, stacklevel=3)


def load_images(folder, height, width, channels, resize="antialias"):
    """Read the images of a folder, uint8 N x C x H x W, and their classes, int64 N."""

    def decode(path):
        return decode_image(path, height, width, channels, resize)

    files, labels = list_images(folder)
    images, readable = decode_files(files, decode, (channels, height, width))
    return images, torch.tensor(labels)[readable]


class ImageFolder(Dataset, kind="image_folder"):
    """A folder of jpg, png, webp, bmp or gif images, in class sub-folders or flat.

    Every image is resized to cover the spec's size and cropped at the centre. Transparency becomes
    white. Files that cannot be read are skipped with a warning.
    """

    load: ClassVar = staticmethod(load_images)
    in_memory: ClassVar = False
    fix: ClassVar = "name the folder of your images"

    def wanted(self) -> str:
        return "jpg, png, webp, bmp or gif images"

    def holds(self, folder: Path) -> bool:
        return next(find_images(folder), None) is not None

    def places(self, folder: Path | None) -> list[Path]:
        # no other folder can replace the user's own images
        return [folder.expanduser()] if folder else super().places(None)

    def classes(self, folder: Path | None = None) -> list[str]:
        if folder is None:
            return []
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
        """Return the image files of `folder`, none of them read yet."""
        files, labels = list_images(folder)
        form = (height, width, channels, resize)
        return ImageFiles(folder, files, labels, decode_image, form, transpose)
