"""Pictures of a run inside a page: bounded in size, and as sharp as they are."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ganspec.atomic import replacing
from ganspec.runs.record import RunRecord

MOMENTS = 12  # of training that are shown
FINAL_BYTES = 2_000_000  # of the picture of a run's end; larger ones are made smaller
STRIP_BYTES = 250_000  # of each moment
STRIP_PIXELS = 900  # its width, made of whole images
THUMBNAIL = 420  # width of pictures that are not grids
SMALL = 500  # width of pictures whose pixels are shown twice as large
LARGEST = 60_000_000  # pixels that are opened
BORDER = 2  # pixels of white around each image of a grid


@dataclass(frozen=True)
class Picture:
    """An image as bytes of a PNG or WebP; `scale` is how large its pixels are best shown."""

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

    @property
    def uri(self) -> str:
        return f"data:image/{self.format};base64,{base64.b64encode(self.data).decode('ascii')}"


def final_picture(record: RunRecord) -> Picture | None:
    """Return the newest picture, None if none can be read."""
    for step, path in reversed(record.samples.items()):
        if image := _opened(path):
            return _encoded(image, step, FINAL_BYTES, path)
    return None


def moments(record: RunRecord) -> list[Picture]:
    """Return at most `MOMENTS` pictures, evenly spaced through training, of the same fixed images.

    Of a GAN's grid the first images, in a row; other pictures whole, smaller.
    """
    steps = spaced(list(record.samples), MOMENTS)
    found = []
    for step in steps:
        if image := _opened(record.samples[step]):
            found.append(_encoded(_moment(image, record), step, STRIP_BYTES))
    return found if len(found) > 1 else []


def spaced(items: list, count: int) -> list:
    """Return at most `count` of `items`, evenly spaced, the first and the last among them."""
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
        return image.resize((THUMBNAIL, height), Image.LANCZOS)
    _, height, width = record.spec.data.shape if record.spec else (0, 0, 0)
    cell = width + BORDER
    is_grid = record.draws and width and (image.width - BORDER) % cell == 0
    if not is_grid:
        return image
    count = max(1, min((image.width - BORDER) // cell, STRIP_PIXELS // cell))
    return image.crop((0, 0, count * cell + BORDER, height + 2 * BORDER))


def _encoded(image: Image.Image, step: int, most: int, path: Path | None = None) -> Picture:
    """Return `image` as PNG if that is small enough, else as WebP, else made smaller."""
    whole = image.size
    data, form, caption = _bytes(image, "png"), "png", ""
    if len(data) > most:
        data, form, caption = _bytes(image, "webp"), "webp", "compressed with losses for this page"
    while len(data) > most and min(image.size) > 16:
        image = image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.LANCZOS)
        data = _bytes(image, "webp")
        caption = f"{whole[0]} x {whole[1]} pixels made smaller for this page"
    scale = 2 if image.width <= SMALL else 1
    return Picture(data, form, *image.size, step, caption, scale)


def _bytes(image: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    options = {"optimize": True} if form == "png" else {"quality": 90}
    image.save(buffer, format=form, **options)
    return buffer.getvalue()
