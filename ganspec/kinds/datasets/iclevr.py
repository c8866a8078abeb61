"""i-CLEVR: photographs of coloured solids, and which ones stand in each."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from PIL import Image

from ganspec.kinds.dataset import Dataset
from ganspec.kinds.datasets.image_folder import (
    decode_files,
    flatten_image,
    report_broken,
    resize_picture,
)
from ganspec.kinds.datasets.objects import mark_objects, object_names, read_labels, solid_words


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


def load_images(folder, height, width, channels, resize="antialias"):
    """i-CLEVR: images, uint8 N x C x H x W, and their objects, 0 or 1, uint8 N x 24.

    Photographs are resized whole, not cropped.
    """

    def decode(path):
        with Image.open(path) as file:
            image = flatten_image(file).convert("L" if channels == 1 else "RGB")
        return resize_picture(image, height, width, resize)

    labels, index = read_labels(Path(folder) / "train.json")
    paths = find_photographs(Path(folder), list(labels))
    images, readable = decode_files(paths, decode, (channels, height, width))
    report_broken(paths, readable)
    return images, mark_objects(list(labels.values()), index)[readable]


class Iclevr(Dataset, kind="iclevr"):
    """i-CLEVR: photographs of one to three coloured solids, labelled with all of them.

    The photographs, 320 x 240, lie in `images` or `iclevr` beside `train.json`, and are
    resized whole. Those that cannot be read are skipped with a warning; missing ones are an
    error.
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

    def label_kind(self) -> tuple[str, int]:
        return "multi_hot", 24

    def classes(self, folder: Path | None = None) -> list[str]:
        if folder is not None:
            return object_names(folder / "objects.json")
        colours, shapes = solid_words()
        return [f"{colour} {shape}" for shape in shapes for colour in colours]
