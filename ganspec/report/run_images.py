"""Pictures of a run for its page, encoded in a bounded number of bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ganspec.atomic import replacing
from ganspec.report.page import data_uri
from ganspec.runs.record import RunRecord
from ganspec.sampling.animation import evenly_chosen

MOMENTS = 12  # largest number of pictures during training
FINAL_BYTES = 2_000_000  # most bytes of the newest picture
STRIP_BYTES = 250_000  # most bytes of a picture during training
STRIP_PIXELS = 900  # largest width of a row of images during training
THUMBNAIL = 420  # width in pixels of a classifier's picture during training
SMALL = 500  # pixels; pictures up to this width are shown twice as large
LARGEST = 60_000_000  # pixels; a larger picture is not opened
BORDER = 2  # pixels of white around each image of a grid


@dataclass(frozen=True)
class Picture:
    """A picture after a training step, as the bytes of a PNG or WebP.

    `format` is `png` or `webp`. `caption` says how the pixels were changed to make the picture
    smaller; it is "" if they were not. A page shows the picture enlarged by the factor
    `scale`.
    """

    data: bytes
    format: str
    width: int
    height: int
    step: int
    caption: str = ""
    scale: int = 1

    def captioned(self, text: str) -> str:
        """Return `text`, which says what the picture shows, with `caption` after it."""
        return f"{text}; {self.caption}" if self.caption else text

    def write(self, path: Path) -> None:
        """Write the bytes as a file, atomically."""
        with replacing(path) as temporary:
            temporary.write_bytes(self.data)

    def write_png(self, path: Path) -> None:
        """Write the picture as a PNG, atomically, since LaTeX reads no WebP."""
        with replacing(path) as temporary, Image.open(io.BytesIO(self.data)) as image:
            image.save(temporary, "PNG")

    @property
    def uri(self) -> str:
        """The picture as a `data:` address."""
        return data_uri(self.data, self.format)


def final_picture(record: RunRecord, most: int = FINAL_BYTES) -> Picture | None:
    """Return a run's newest picture that can be read, in about `most` bytes or fewer, or None."""
    for step, path in reversed(record.samples.items()):
        if image := _opened(path):
            return _encoded(image, step, most)
    return None


def moments(record: RunRecord, most: int = STRIP_BYTES) -> list[Picture]:
    """Return at most `MOMENTS` pictures of a run, evenly chosen in their order.

    Return [] if fewer than two can be read. Each has about `most` bytes or fewer. A grid of drawn
    images is cut to the start of its first row. A classifier's picture is made THUMBNAIL wide.
    """
    pictures = []
    for step in evenly_chosen(list(record.samples), MOMENTS):
        if image := _opened(record.samples[step]):
            pictures.append(_encoded(_moment(image, record), step, most))
    return pictures if len(pictures) > 1 else []


def _opened(path: Path) -> Image.Image | None:
    """Return the image in a PNG, grey or RGB; None if it cannot be read or is too large."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.width * image.height > LARGEST:
                return None
            return image.convert("L" if image.mode in ("L", "1") else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _moment(image: Image.Image, record: RunRecord) -> Image.Image:
    """Return the start of the first row of a grid of images that a network drew.

    A classifier's picture is made THUMBNAIL wide. Any other picture is returned unchanged.
    """
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
    """Return `image` in at most `most` bytes: as PNG, else as WebP, else with fewer pixels.

    A picture of 16 pixels or fewer in width or height is not made smaller, even if it has more
    bytes.
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
    """Return `image` as the bytes of a `png` or `webp` file."""
    buffer = io.BytesIO()
    options: dict[str, int] = {"optimize": True} if form == "png" else {"quality": 90}
    image.save(buffer, format=form, **options)
    return buffer.getvalue()
