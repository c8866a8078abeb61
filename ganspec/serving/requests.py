"""Requests of the page, read from JSON that anyone may have written."""

from __future__ import annotations

import base64
from typing import Annotated, Literal, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganspec.language.errors import GanspecError

MOST_FRAMES_OF_A_PATH = 50  # images
MOST_FAVOURITES = 1000  # images in one file
MOST_LABELS = 100_000  # of one request or image
LONGEST_LATENT = 1 << 20  # characters of base64

Labels = Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=MOST_LABELS)]
Latent = Annotated[str, Field(max_length=LONGEST_LATENT)]
AnyRequest = TypeVar("AnyRequest", bound="PageRequest")


class RequestError(GanspecError):
    """Raised when a request of the page cannot be fulfilled."""


class PageRequest(BaseModel):
    """A map in JSON, which is refused if a key is unknown or if a value has a wrong type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FavouriteImage(PageRequest):
    """An image: its latent, float32 numbers in base64, and the indices of its labels."""

    latent: Latent
    labels: Labels = []


class LatentsRequest(PageRequest):
    """A seed for latents, and `truncation`, the largest absolute number in them; None: no bound."""

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    truncation: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class ImagesRequest(LatentsRequest):
    """A request for `count` new images.

    `labels` are indices: classes that the images take in turn or, if labels are multi-hot, the
    classes of one label that all images get. If there are none, the images have the labels of the
    run's own pictures.
    """

    count: Annotated[int, Field(ge=1)]
    labels: Labels = []


class PathRequest(LatentsRequest):
    """A request for `frames` images on the way from `start` to `end`, both included."""

    start: FavouriteImage
    end: FavouriteImage
    way: Literal["linear", "spherical"]
    frames: Annotated[int, Field(ge=2, le=MOST_FRAMES_OF_A_PATH)]


class FavouritesRequest(PageRequest):
    """A request for a file with the latents and labels of some images."""

    favourites: Annotated[list[FavouriteImage], Field(min_length=1, max_length=MOST_FAVOURITES)]


def parse(model: type[AnyRequest], text: bytes) -> AnyRequest:
    """Return the JSON `text` as a request. Raises RequestError, which names the first mistake."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))[:100]
        raise RequestError(f"{place}: {first['msg']}" if place else first["msg"]) from None


def pack(latent: torch.Tensor) -> str:
    """Return a latent as base64 of its float32 numbers, little-endian."""
    return base64.b64encode(latent.numpy().astype("<f4").tobytes()).decode("ascii")


def unpack(text: str, size: int) -> torch.Tensor:
    """Return the latent whose float32 numbers are in `text`, as base64.

    Raises RequestError unless they are `size` finite numbers.
    """
    try:
        numbers = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    except ValueError:
        raise RequestError("latent: write its float32 numbers in base64") from None
    if numbers.size != size or not np.isfinite(numbers).all():
        raise RequestError(f"latent: give {size} finite numbers for this run")
    return torch.tensor(numbers.astype(np.float32))
