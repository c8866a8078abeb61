"""i-CLEVR: photographs of coloured solids, and which ones stand in each."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image

from ganspec.datasets.dataset import Dataset
from ganspec.datasets.image_folder import flatten_image
from ganspec.datasets.objects import mark_objects, object_names, read_labels


def find_photographs(folder, names):
    """Paths of the photographs called `names`, all of them in one place of `folder`."""
    found = {}
    for place in (folder / "images", folder / "iclevr", folder):
        files = {path.name for path in place.iterdir()} if place.is_dir() else set()
        missing = [name for name in names if name not in files]
        if not missing:
            return [place / name for name in names]
        found[place] = missing
    place = min(found, key=lambda place: len(found[place]))
    missing = found[place]
    shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
    if len(missing) == len(names):
        place = f"{folder / 'images'}, {folder / 'iclevr'} or beside them"
    raise ValueError(
        f"found objects.json, train.json and {len(names) - len(missing)} of its "
        f"{len(names)} photographs in {place}; missing {len(missing)}: {shown}"
    )


def resize_photograph(path, height, width, channels):
    """Photograph of a file, uint8 C x H x W: resized whole, not cropped."""
    try:
        with Image.open(path) as file:
            image = flatten_image(file)
    except Exception as error:  # a damaged file makes PIL raise almost anything
        raise ValueError(f"{path} cannot be read: {error}") from error
    image = image.convert("L" if channels == 1 else "RGB")
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(image)).reshape(height, width, channels)
    return pixels.permute(2, 0, 1)


def load_images(folder, height, width, channels):
    """i-CLEVR: images, uint8 N x C x H x W, and their objects, 0 or 1, uint8 N x 24."""
    labels, index = read_labels(Path(folder) / "train.json")
    paths = find_photographs(Path(folder), list(labels))
    images = torch.empty(len(paths), channels, height, width, dtype=torch.uint8)
    for image, path in zip(images, paths, strict=True):
        image.copy_(resize_photograph(path, height, width, channels))
    return images, mark_objects(list(labels.values()), index)


class Iclevr(Dataset, kind="iclevr"):
    """i-CLEVR: photographs of one to three coloured solids, labelled with all of them.

    The photographs, 320 x 240, lie in `images` or `iclevr` beside `train.json`, and are
    resized whole.
    """

    load: ClassVar = staticmethod(load_images)
    fix: ClassVar = (
        "put them and the photographs, in images/, into ./data/iclevr or name the folder"
    )

    def wanted(self) -> str:
        return "objects.json and train.json"

    def holds(self, folder: Path) -> bool:
        # the photographs are left to `load`, which says how many of them are missing
        return all((folder / name).is_file() for name in ("objects.json", "train.json"))

    def classes(self, folder: Path) -> list[str]:
        return object_names(folder / "objects.json")
