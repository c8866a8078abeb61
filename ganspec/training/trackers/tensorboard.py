"""TensorBoard's event files, in the run's folder `tensorboard/`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from ganspec.runs.run import Run

FOLDER = "tensorboard"  # inside the run folder


def start(run: Run, settings: dict[str, object], id: str | None, step: int) -> EventFiles:
    """Return a tracker that writes event files.

    If `id` is None, those in the folder are deleted. Otherwise the tracker goes on with them, and
    what they hold after `step` no longer counts.
    """
    folder = run.folder / FOLDER
    if id is None:
        for path in folder.glob("events.out.tfevents.*"):
            path.unlink()
    writer = SummaryWriter(str(folder), purge_step=step + 1 if id else None)
    if id is None:
        spec = run.spec_path.read_text("utf-8").splitlines()
        writer.add_text("spec", "".join(f"    {line}\n" for line in spec))
    return EventFiles(writer)


class EventFiles:
    """A tracker that writes event files."""

    id = FOLDER

    def __init__(self, writer: SummaryWriter):
        self.writer = writer

    def log(self, rows: list[tuple[int, dict[str, float]]]) -> None:
        for step, values in rows:
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)

    def picture(self, step: int, path: Path) -> None:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        self.writer.add_image("samples", pixels, step, dataformats="HWC")

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()
