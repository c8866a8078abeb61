"""`ganspec.Run`: a run folder for use from Python, with its generator, images and numbers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Self

import torch

from ganspec.atomic import replacing
from ganspec.compiler.evaluate import EvaluatedNetwork
from ganspec.language.paths import PathError, file_to_write
from ganspec.language.views import Viewed
from ganspec.runs.folder import RunError, require_flag
from ganspec.runs.run import Run
from ganspec.runs.score_file import read_scores
from ganspec.sampling.forms import paint_grid
from ganspec.sampling.label_names import label_text
from ganspec.sampling.pictures import columns_of
from ganspec.sampling.sampler import Sampler
from ganspec.training.device import choose_device

IN_PARTS = "draw fewer, or write them to a file with `ganspec sample RUN -n N -o FILE.npz`"


@dataclass(frozen=True, eq=False, repr=False)
class Samples(Viewed):
    """Images of a generator, which a notebook shows as a grid of `columns` columns.

    `images` are uint8 N x C x H x W. `labels` are int64 N, float N x classes if multi-hot, or None
    if the generator reads none.
    """

    view: ClassVar = "samples"

    images: torch.Tensor
    labels: torch.Tensor | None
    columns: int

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        noun = "image" if len(self) == 1 else "images"
        return f"<{len(self)} {noun}, {' x '.join(map(str, self.images.shape[1:]))}>"

    def png(self) -> bytes:
        """Return the grid, row by row on white, as the bytes of a PNG file."""
        file = io.BytesIO()
        paint_grid(self.images, self.columns, file)
        return file.getvalue()

    def save(self, path: Path | str) -> None:
        """Write the grid as a PNG file, atomically.

        Raises PathError if `path` is no path or has another ending than `.png`, and OSError.
        """
        target = file_to_write(path)
        if target.suffix.lower() not in ("", ".png"):
            raise PathError(f"{path} would be a PNG file: end its name in .png")
        with replacing(target) as temporary:
            temporary.write_bytes(self.png())


class TrainedRun(Run, Viewed):
    """A run folder, with the numbers and networks in it: `ganspec.Run("runs/dcgan")`.

    Its files are read again at each access, as its training may still be going on. Only
    `step` stays as the log had it at first.
    """

    view: ClassVar = "run"

    def __init__(self, folder: Path | str):
        super().__init__(folder)
        if self.folder.is_file():
            raise RunError(f"{folder} is a file: name the folder of a run")
        self.step = self.loss_log.last_step()

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return `run`, which was just trained, as a TrainedRun: `step` and `interrupted` stay."""
        trained = cls(run.folder)
        trained.step, trained.interrupted = run.step, run.interrupted
        return trained

    def __repr__(self) -> str:
        state = {"run": "", "begun": ", without checkpoint"}.get(self.state(), ", not begun")
        return f"<run {self.folder}{state}>"

    @property
    def log(self) -> Any:
        """The losses: a row for each logged step, with the columns `step`, `d_loss` and so on.

        They are a pandas DataFrame or, if pandas is not installed, a list of dicts. Raises RunError
        if the folder holds no run.
        """
        self.open(self.folder)
        return frame(self.rows(), ("step",))

    @property
    def scores(self) -> Any:
        """The scores with their conditions: a row for each, in the order of measurement.

        They are a pandas DataFrame or, if pandas is not installed, a list of dicts. The entries of
        an extractor and of real images have columns such as `extractor.name` and
        `reference.images`. Raises RunError if the folder holds no run.
        """
        self.open(self.folder)
        rows = [flat(asdict(row)) for row in read_scores(self.folder)]
        return frame(rows, ("metric", "value", "step"))

    def generator(
        self, device: str | torch.device = "auto", *, step: int | None = None, raw: bool = False
    ) -> EvaluatedNetwork:
        """Return the trained generator, or a VAE's decoder, in evaluation mode.

        `step` selects the weights after that step, by default the newest. `raw` selects the trained
        weights, even if the run keeps their average. Raises RunError if the run has no generator or
        no weights of that step, and CheckpointError if weights cannot be read.
        """
        return self._sampler(device, step, raw).generator

    def sample(
        self,
        count: int = 16,
        seed: int = 0,
        label: str | int | None = None,
        *,
        device: str | torch.device = "auto",
        step: int | None = None,
        raw: bool = False,
    ) -> Samples:
        """Return `count` images that `seed` draws: those of `ganspec sample` with these options.

        `label` names classes or objects, such as `3`, `Coat,Bag` or `all`. `step` selects the
        weights after that step, by default the newest. `raw` selects the trained weights, even if
        the run keeps their average. Raises LabelError if a label is unknown, RunError,
        CheckpointError, ValueError if `count` is below 1 or `seed` below 0, RoomError if the images
        do not fit into memory, and SourceError if they are not finite numbers.
        """
        sampler = self._sampler(device, step, raw)
        if label is not None:
            sampler.ask(label_text(label))
        images, labels = sampler.all_images(count, seed, IN_PARTS)
        return Samples(images, labels, columns_of(sampler, count))

    def _sampler(self, device: str | torch.device, step: int | None, raw: bool) -> Sampler:
        require_flag("raw", raw)
        return Sampler(self.folder, choose_device(device), step, raw)


def frame(rows: list[dict[str, Any]], columns: Sequence[str]) -> Any:
    """Return `rows` as a pandas DataFrame, or unchanged if pandas is not installed.

    If there are no rows, the DataFrame has the columns `columns`.
    """
    if find_spec("pandas") is None:
        return rows
    import pandas

    return pandas.DataFrame(rows or None, columns=None if rows else list(columns))


def flat(entries: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return `entries` without inner maps, whose entries get names such as `extractor.name`.

    `prefix` is put before all names.
    """
    found: dict[str, Any] = {}
    for name, value in entries.items():
        inner = isinstance(value, dict)
        found |= flat(value, f"{prefix}{name}.") if inner else {f"{prefix}{name}": value}
    return found
