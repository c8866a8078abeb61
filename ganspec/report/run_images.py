"""Pictures of a run for its page, reduced to a bounded number of bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image

from ganspec.atomic import replacing
from ganspec.report.page import data_uri
from ganspec.runs.record import RunRecord

T = TypeVar("T")
MOMENTS = 12  # largest number of pictures during training
FINAL_BYTES = 2_000_000  # largest size of the final picture
STRIP_BYTES = 250_000  # largest size of a picture during training
STRIP_PIXELS = 900  # largest width of a row of images during training
THUMBNAIL = 420  # width in pixels of a classifier's picture during training
SMALL = 500  # pixels; pictures up to this width are shown twice as large
LARGEST = 60_000_000  # pixels; a larger picture is not opened
BORDER = 2  # pixels of white around each image of a grid


@dataclass(frozen=True)
class Picture:
    """An image as bytes of a PNG or WebP; a page shows it enlarged by the factor `scale`."""

    data: bytes
    format: str
    width: int
    height: int
    step: int
    caption: str = ""
    scale: int = 1

    def write(self, path: Path) -> None:
        """Write the image as a file, atomically."""
        with replacing(path) as temporary:
            temporary.write_bytes(self.data)

    def write_png(self, path: Path) -> None:
        """Write the image as a PNG, atomically: LaTeX reads no WebP."""
        with replacing(path) as temporary, Image.open(io.BytesIO(self.data)) as image:
            image.save(temporary, "PNG")

    @property
    def uri(self) -> str:
        return data_uri(self.data, self.format)


def final_picture(record: RunRecord, most: int | None = None) -> Picture | None:
    """Return the newest readable picture; None if there is none.

    It has at most `most` bytes, FINAL_BYTES if not given.
    """
    for step, path in reversed(record.samples.items()):
        if image := _opened(path):
            return _encoded(image, step, most or FINAL_BYTES)
    return None


def moments(record: RunRecord, most: int = STRIP_BYTES) -> list[Picture]:
    """Return at most `MOMENTS` pictures, evenly spaced through training, [] if fewer than two.

    Each has at most `most` bytes. A grid is cut to the start of its first row. A classifier's
    picture is made smaller.
    """
    pictures = []
    for step in spaced(list(record.samples), MOMENTS):
        if image := _opened(record.samples[step]):
            pictures.append(_encoded(_moment(image, record), step, most))
    return pictures if len(pictures) > 1 else []


def spaced(items: list[T], count: int) -> list[T]:
    """Return at most `count` evenly spaced `items`, including the first and the last."""
    if len(items) <= count:
        return items
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def _opened(path: Path) -> Image.Image | None:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.width * image.height > LARGEST:
                return None
            return image.convert("L" if image.mode in ("L", "1") else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _moment(image: Image.Image, record: RunRecord) -> Image.Image:
    if record.predicts:
        height = max(1, image.height * THUMBNAIL // image.width)
        return image.resize((THUMBNAIL, height), Image.Resampling.LANCZOS)
    _, height, width = record.spec.data.shape if record.spec else (0, 0, 0)
    cell = width + BORDER
    is_grid = record.draws and width and (image.width - BORDER) % cell == 0
    if not is_grid:
        return image
    count = max(1, min((image.width - BORDER) // cell, STRIP_PIXELS // cell))
    return image.crop((0, 0, count * cell + BORDER, height + 2 * BORDER))


def _encoded(image: Image.Image, step: int, most: int) -> Picture:
    """Encode `image` in at most `most` bytes: as PNG, else as WebP, else with fewer pixels.

    A picture that has become 16 pixels narrow or flat is not made smaller still.
    """
    whole = image.size
    data, form, caption = _bytes(image, "png"), "png", ""
    if len(data) > most:
        data, form, caption = _bytes(image, "webp"), "webp", "compressed with losses for this page"
    while len(data) > most and min(image.size) > 16:
        image = image.resize(
            (image.width * 2 // 3, image.height * 2 // 3), Image.Resampling.LANCZOS
        )
        data = _bytes(image, "webp")
        caption = f"{whole[0]} x {whole[1]} pixels made smaller for this page"
    scale = 2 if image.width <= SMALL else 1
    return Picture(data, form, *image.size, step, caption, scale)


def _bytes(image: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    if form == "png":
        image.save(buffer, format=form, optimize=True)
    else:
        image.save(buffer, format=form, quality=90)
    return buffer.getvalue()
