"""Animations: the samples that a training wrote, in order, or an interpolation between latents."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from ganspec.atomic import replacing
from ganspec.runs.run import Run, RunError
from ganspec.sampling.forms import paint_grid
from ganspec.sampling.pictures import OnProgress, Pictures, square

T = TypeVar("T")

MOST_FRAMES = 200  # default limit, as all frames are in memory while the file is written
CAPTION = 18  # height in pixels of the white strip with a caption
HOLD_MS = 1500  # milliseconds that the last frame of a training is shown longer
NARROWEST = 120  # least width in pixels of a captioned picture, so that the caption fits
OPTIONS: dict[str, dict[str, Any]] = {  # arguments of PIL's `save`, by format
    "gif": {"format": "GIF"},
    "apng": {"format": "PNG"},
    "webp": {"format": "WEBP", "lossless": True},
}


@dataclass(frozen=True)
class Animation:
    """An image file to write that repeats its frames forever, `fps` of them per second."""

    path: Path
    form: str
    fps: float

    def save(self, frames: list[Image.Image], hold: float = 0) -> None:
        """Write the file atomically; its last frame is shown `hold` milliseconds longer."""
        durations = [1000 / self.fps] * (len(frames) - 1) + [1000 / self.fps + hold]
        with replacing(self.path) as temporary:
            frames[0].save(
                temporary,
                save_all=True,
                append_images=frames[1:],
                duration=[round(duration) for duration in durations],
                loop=0,
                **OPTIONS[self.form],
            )


def animate_training(
    run: Run, animation: Animation, most: int | None, on_progress: OnProgress
) -> str:
    """Write an animation of a training's pictures. Return their number: `40 of 90 pictures`.

    If there are more than `most` pictures, or MOST_FRAMES if `most` is None, the first, the last
    and evenly spaced pictures between them are shown. Raises RunError if there is no picture, or if
    one cannot be read.
    """
    pictures = list(run.samples().items())
    if not pictures:
        raise RunError(
            f"{run.folder} has no samples yet: train until an epoch ends, or stop by Ctrl-C"
        )
    chosen = evenly_chosen(pictures, most or MOST_FRAMES)
    frames = []
    for done, (step, file) in enumerate(chosen, 1):
        frames.append(captioned(open_picture(file), f"step {step:,}"))
        on_progress(done, len(chosen))
    animation.save(same_size(frames), HOLD_MS)
    return f"{len(frames):,} of {len(pictures):,} pictures"


def animate_interpolation(
    pictures: Pictures, animation: Animation, on_progress: OnProgress
) -> None:
    """Write an animation of interpolations between pairs of latents, there and back.

    Each row of `pictures` is one interpolation. A frame is a grid with one image of each row.
    """
    images = pictures.all_images(on_progress)
    frames = [grid_picture(grid) for grid in images.unflatten(0, (-1, pictures.columns)).unbind(1)]
    animation.save(frames + frames[-2:0:-1])


def evenly_chosen(items: Sequence[T], most: int) -> list[T]:
    """Return `items`; if there are more than `most`, evenly spaced ones, with first and last."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def open_picture(path: Path) -> Image.Image:
    """Return the PNG at `path` as a grey or RGB picture. Raises RunError if it cannot be read."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return picture.convert("L" if picture.mode == "L" else "RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error


def captioned(picture: Image.Image, text: str) -> Image.Image:
    """Return `picture` with `text` below it, black on white.

    A picture that is narrower than NARROWEST is enlarged by a whole number.
    """
    factor = -(-NARROWEST // picture.width)
    width, height = factor * picture.width, factor * picture.height
    picture = picture.resize((width, height), Image.Resampling.NEAREST)
    framed = Image.new(picture.mode, (width, height + CAPTION), "white")
    framed.paste(picture)
    place = (4, height + CAPTION // 2)
    ImageDraw.Draw(framed).text(place, text, "black", ImageFont.load_default(), anchor="lm")
    return framed


def same_size(frames: list[Image.Image]) -> list[Image.Image]:
    """Return `frames` on white canvases of one size: grey if all frames are grey, else RGB."""
    size = (max(frame.width for frame in frames), max(frame.height for frame in frames))
    mode = "L" if all(frame.mode == "L" for frame in frames) else "RGB"
    canvases = [Image.new(mode, size, "white") for _ in frames]
    for canvas, frame in zip(canvases, frames, strict=True):
        canvas.paste(frame)
    return canvases


def grid_picture(images: torch.Tensor) -> Image.Image:
    """Return a grid of `images`, uint8 N x C x H x W, about square, as a picture in memory."""
    file = io.BytesIO()
    paint_grid(images, square(len(images)), file)
    return Image.open(file)
