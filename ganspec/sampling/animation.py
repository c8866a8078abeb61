"""Moving pictures: a run's samples through its training, or a way between latents."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from ganspec.atomic import replacing
from ganspec.runs.run import Run, RunError
from ganspec.sampling.forms import paint_grid
from ganspec.sampling.pictures import Pictures, Progress, square

MOST_FRAMES = 200  # all are in memory while the file is written
CAPTION = 18  # pixels, below the picture
HOLD_MS = 1500  # how much longer the last frame of a training stays
NARROWEST = 120  # pixels, so that a caption fits
OPTIONS = {
    "gif": {"format": "GIF"},
    "apng": {"format": "PNG"},
    "webp": {"format": "WEBP", "lossless": True},
}


def animate_training(
    run: Run, path: Path, form: str, fps: float, most: int | None, progress: Progress
) -> str:
    """What the run's fixed inputs became, step by step, the step below; how many it shows.

    More than `most` pictures are thinned out evenly, the first and the last kept.
    """
    pictures = run.samples_path(0).parent.glob("*.png")
    found = sorted((int(path.stem), path) for path in pictures if path.stem.isdigit())
    if not found:
        raise RunError(f"{run.folder} has no samples yet: one is made at each epoch's end")
    chosen = thinned(len(found), most or MOST_FRAMES)
    frames = []
    for number, index in enumerate(chosen, 1):
        step, picture = found[index]
        frames.append(captioned(opened(picture), f"step {step:,}"))
        progress(number, len(chosen))
    durations = [1000 / fps] * (len(frames) - 1) + [1000 / fps + HOLD_MS]
    save_frames(same_size(frames), durations, path, form)
    return f"{len(frames):,} of {len(found):,} pictures"


def animate_way(pictures: Pictures, path: Path, form: str, fps: float, progress: Progress) -> None:
    """An interpolation, there and back: each frame a grid of all its rows at one place."""
    grids = pictures.whole(progress).unflatten(0, (-1, pictures.columns)).unbind(1)
    frames = [grid_picture(images) for images in grids]
    frames += frames[-2:0:-1]
    save_frames(frames, [1000 / fps] * len(frames), path, form)


def save_frames(frames: list[Image.Image], durations: list[float], path: Path, form: str) -> None:
    """An animation without end of frames, each shown so many milliseconds; atomically."""
    with replacing(path) as temporary:
        frames[0].save(
            temporary,
            save_all=True,
            append_images=frames[1:],
            duration=[round(duration) for duration in durations],
            loop=0,
            **OPTIONS[form],
        )


def thinned(count: int, most: int) -> list[int]:
    """At most `most` of the indices below `count`, evenly spaced, both ends among them."""
    if count <= most:
        return list(range(count))
    return torch.linspace(0, count - 1, most).round().long().tolist()


def opened(path: Path) -> Image.Image:
    """A picture of a run's, grey or colour; raises RunError where it cannot be read."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return picture.convert("L" if picture.mode == "L" else "RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error


def captioned(picture: Image.Image, text: str) -> Image.Image:
    """`picture` on white with a line below it; a small one is enlarged, pixel by pixel."""
    factor = -(-NARROWEST // picture.width)
    width, height = factor * picture.width, factor * picture.height
    picture = picture.resize((width, height), Image.Resampling.NEAREST)
    framed = Image.new(picture.mode, (width, height + CAPTION), "white")
    framed.paste(picture)
    place = (4, height + CAPTION // 2)
    ImageDraw.Draw(framed).text(place, text, "black", ImageFont.load_default(), anchor="lm")
    return framed


def same_size(frames: list[Image.Image]) -> list[Image.Image]:
    """Frames on white canvases of one size and mode."""
    size = (max(frame.width for frame in frames), max(frame.height for frame in frames))
    mode = "L" if all(frame.mode == "L" for frame in frames) else "RGB"
    canvases = [Image.new(mode, size, "white") for _ in frames]
    for canvas, frame in zip(canvases, frames, strict=True):
        canvas.paste(frame)
    return canvases


def grid_picture(images: torch.Tensor) -> Image.Image:
    """A grid of uint8 images, about square, as a picture in memory."""
    file = io.BytesIO()
    paint_grid(images, square(len(images)), file)
    return Image.open(file)
