"""Drawn scenes of lit solids on a grey ground: random solids, or those that a file lists."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, NonNegativeInt, PositiveInt

from ganspec.kinds.dataset import Dataset
from ganspec.kinds.datasets.images import grey_images
from ganspec.kinds.datasets.objects import mark_objects, object_names, read_labels, solid_words
from ganspec.kinds.datasets.scenes import draw_images, draw_scenes
from ganspec.language.types import PathText


def load_images(
    folder,
    height,
    width,
    channels,
    count=10000,
    seed=0,
    split="train",
    labels=None,
    labelled=True,
):
    """Draw scenes: images, uint8 N x C x H x W, and their labels, None if unused."""
    if split == "train":
        random = np.random.default_rng(seed)
    else:  # random numbers that no seed gives for the split `train`
        random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    # the last block is as long as the others, so that no image depends on `count`
    block = min(256, max(1, 2**18 // (height * width)))
    if labels:
        listed, marks = list_objects(labels, count, block)
        blocks = [draw_scenes(random, block, solids["present"]) | solids for solids in listed]
    else:
        blocks = [draw_scenes(random, block) for _ in range(0, count, block)]
        marks = torch.cat([label_fronts(scenes) for scenes in blocks])[:count] if labelled else None
    if channels == 1:
        drawn = [grey_images(draw_images(scenes, height, width)) for scenes in blocks]
        return torch.cat(drawn)[:count], marks
    else:
        return torch.cat([draw_images(scenes, height, width) for scenes in blocks])[:count], marks


def label_fronts(scenes):
    """Return each scene's class, int64 N: 3 x colour + shape of its nearest object."""
    near = scenes["y"].argmin(1, keepdim=True)
    return (3 * scenes["colour"] + scenes["shape"]).gather(1, near)[:, 0]


def solids_of(names):
    """Return a dict of `colour`, `shape` and `present`, each a list of three.

    Colours and shapes are indices. `names` are such as `red cube`. Raise ValueError if
    one cannot be drawn, or if there are no names or more than three.
    """
    colours, shapes = solid_words()
    if not 1 <= len(names) <= 3:
        raise ValueError(f"one to three objects can be drawn, not {len(names)}")
    solids = {"colour": [0] * 3, "shape": [0] * 3}
    for i, name in enumerate(names):
        colour, _, shape = name.partition(" ")
        if colour not in colours or shape not in shapes:
            raise ValueError(f"{name!r} cannot be drawn; a `red cube` could")
        solids["colour"][i] = colours.index(colour)
        solids["shape"][i] = shapes.index(shape)
    return solids | {"present": [i < len(names) for i in range(3)]}


def list_objects(path, count, block):
    """Return the objects of `count` images in a label file, and labels, uint8 N x 24.

    If the file lists fewer images, they repeat. The objects are a list of dicts with
    the keys of `solids_of` and tensors for `block` images each.
    """
    listed, index = read_labels(path)
    images = list(listed.values())[:count]
    solids = [solids_of(names) for names in images]
    fields = {k: torch.tensor([solid[k] for solid in solids]) for k in solids[0]}
    order = torch.arange(-(-count // block) * block) % len(images)
    blocks = [{k: field[part] for k, field in fields.items()} for part in order.split(block)]
    return blocks, mark_objects(images, index)[order[:count]]


class Shapes(Dataset, kind="shapes"):
    """Drawn scenes of one to three cubes, spheres and cylinders in CLEVR's colours.

    A scene's class is the colour and the shape of its nearest object. `labels` names a file such as
    i-CLEVR's `train.json`, with `objects.json` in its folder; each scene then has the objects that
    the file lists for it, and all of them as its label, as a stand-in for `iclevr`. The split
    `test` has the same number of other scenes.
    """

    load: ClassVar = staticmethod(load_images)
    needs_folder: ClassVar[bool] = False

    count: PositiveInt = 10000
    seed: NonNegativeInt = 0
    split: Literal["train", "test"] = "train"
    labels: PathText | None = Field(
        None, description="file that lists the objects of each image, such as `train.json`"
    )

    def sources(self, folder: Path) -> list[Path]:
        labels = [Path(self.labels)] if self.labels else []
        return [*labels, *(path.with_name("objects.json") for path in labels)]

    def label_kind(self) -> tuple[str, int]:
        return ("multi_hot" if self.labels else "classes"), 24

    def image_count(self) -> int:
        return self.count

    def beside_labels(self, name: str) -> str:
        return str(Path(self.labels).parent / name) if self.labels else name

    def classes(self, folder: Path | None = None) -> list[str]:
        if not self.labels:
            colours, shapes = solid_words()
            return [f"{colour} {shape}" for colour in colours for shape in shapes]
        return object_names(Path(self.labels).with_name("objects.json"))
