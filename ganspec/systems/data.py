"""The section `data` of every system: the real images, their size and their range."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import AfterValidator, Field

from ganspec.kinds.dataset import Dataset
from ganspec.kinds.datasets.decoded import read_dataset
from ganspec.kinds.returned import check_returned
from ganspec.language.section import Section
from ganspec.language.types import Number, Pair, pair, refusal


def _check_range(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds not in ((-1.0, 1.0), (0.0, 1.0)):
        shown = f"[{bounds[0]:g}, {bounds[1]:g}]"
        raise refusal("bad-value", f"images cannot be in {shown}", "use [-1, 1] or [0, 1]")
    return bounds


class Data(Section):
    """The real images, their size and their range."""

    framework_defaults: ClassVar = {
        "keras": {"resize": "bilinear"},
        "tensorflow": {"resize": "tensorflow1"},
    }

    dataset: Dataset = Field(description="the data set, such as `mnist`")
    size: Pair | None = Field(None, description="height and width; the data set's own if not given")
    channels: Literal[1, 3] | None = Field(
        None, description="1 for grey, 3 for colour; the data set's own if not given"
    )
    resize: Literal["antialias", "bilinear", "tensorflow1"] = Field(
        "antialias",
        description="bilinear resizing to `size`: `antialias` smooths what it shrinks, as PIL and "
        "torchvision do; `bilinear` reads the four nearest pixels, as TensorFlow 2 and OpenCV do; "
        "`tensorflow1` is half a pixel off",
    )
    range: Annotated[tuple[Number, Number], AfterValidator(_check_range)] = Field(
        (-1.0, 1.0), description="values of black and white: [-1, 1] or [0, 1]"
    )
    transpose: bool = Field(
        False, description="swap rows and columns of every image; `size` is that after the swap"
    )
    flip: bool = Field(False, description="mirror half of the images, at random")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image, after resizing and `transpose`."""
        return (self.channels or self.dataset.channels, *self.image_size)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of one image, after resizing and `transpose`."""
        if self.size:
            return pair(self.size)
        height, width = self.dataset.size
        return (width, height) if self.transpose else (height, width)

    @property
    def known_shape(self) -> tuple[int | None, ...]:
        """The shape, with None for each number that depends on an unknown field."""
        by_size = {"size"} if self.size else {"size", "dataset", "transpose"}
        by_channels = {"channels"} if self.channels else {"channels", "dataset"}
        channels, height, width = self.shape
        size = (None, None) if by_size & set(self.unread) else (height, width)
        return (None if by_channels & set(self.unread) else channels, *size)

    @property
    def read_size(self) -> tuple[int, int]:
        """Height and width to which images are resized when read, before `transpose`."""
        _, height, width = self.shape
        return (width, height) if self.transpose else (height, width)

    def read(self, reader: partial, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
        """Read `folder` by `reader`. Return uint8 images, N x `shape`, and their labels."""
        size = (*self.read_size, self.shape[0])
        returned = read_dataset(self.dataset, reader, folder, *size)
        check_returned(self.dataset, returned, folder, *size)
        images, labels = returned
        return images.mT.contiguous() if self.transpose else images, labels

    @property
    def shown_shape(self) -> str:
        """The shape as text, such as `3 x 32 x 32`, with `?` for a number that is not known."""
        return " x ".join("?" if n is None else str(n) for n in self.known_shape)
