"""The options of `ganspec sample`, and the rules for combining them."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields
from pathlib import Path

from ganspec.atomic import names_folder
from ganspec.language.errors import GanspecError

SUFFIXES = {  # formats by the ending of a file's name
    ".png": "grid",
    ".csv": "csv",
    ".npz": "npz",
    ".gif": "gif",
    ".apng": "apng",
    ".webp": "webp",
}
ENDINGS = {form: suffix for suffix, form in SUFFIXES.items()}
FORMS = (*SUFFIXES.values(), "folder")
MOVING = ("gif", "apng", "webp")  # formats of animations
MOST_IN_A_GRID = 10000  # images

# by option, the options that cannot be given with it
EXCLUDED = {
    "best": ("count", "interpolate"),
    "conditions": ("label",),
    "frames": ("best",),
}
# options that an animation of the training's samples cannot have
OF_NEW_IMAGES = (
    *("count", "seed", "label", "conditions", "truncation", "best", "of"),
    *("step", "raw", "data", "device", "with_labels"),
)


class SampleError(GanspecError):
    """Raised when options contradict each other, or do not suit the run."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of `ganspec sample`. None, False or the device `auto` stands for the default.

    `form` is one of FORMS. A string `out` that ends in a slash is a folder. `interpolate` is
    `linear` or `spherical`. `frames` is the number of images from one latent to another or, in an
    animation of a training, the most pictures. `of` is the number of images among which the `best`
    are chosen.
    """

    count: int | None = None
    seed: int | None = None
    out: str | Path | None = None
    form: str | None = None
    label: str | None = None
    conditions: Path | None = None
    interpolate: str | None = None
    frames: int | None = None
    truncation: float | None = None
    best: int | None = None
    of: int | None = None
    with_labels: bool = False
    fps: float | None = None
    step: int | None = None
    raw: bool = False
    data: Path | None = None
    device: str = "auto"
    overwrite: bool = False

    @property
    def is_animation(self) -> bool:
        """True if the file is an animation. Raises what `chosen_form` raises."""
        return self.chosen_form in MOVING

    @property
    def shows_training(self) -> bool:
        """True if the file is an animation of the samples that training wrote."""
        return self.is_animation and self.interpolate is None

    @property
    def chosen_form(self) -> str:
        """The format: `form`, or that of the ending of `out`, or `grid` if neither names one.

        Raises SampleError if `form` or the ending is unknown, or if they contradict each other.
        """
        if self.form is not None:
            self._check_form(self.form)
            return self.form
        if self._ending is None and Path(self.out or "").suffix:
            known = ", ".join(SUFFIXES)
            raise SampleError(
                f"`{self.out}` has no known format: end it with {known} or a slash for a folder, "
                "or give --format"
            )
        return self._ending or "grid"

    @property
    def _ending(self) -> str | None:
        """The format that the ending of `out` names; None if it names none.

        If `out` ends in a slash or is a folder, the format is `folder`.
        """
        if self.out is None:
            return None
        if names_folder(self.out) or Path(self.out).is_dir():
            return "folder"
        return SUFFIXES.get(Path(self.out).suffix.lower())

    def _check_form(self, form: str) -> None:
        """Raise SampleError if no format is called `form`, or if `out` has another format's ending.

        An animated PNG may end in `.png`, too.
        """
        if form not in FORMS:
            raise SampleError(f"no format is called `{form}`: use {', '.join(FORMS)}")
        ending = self._ending
        if ending not in (None, form) and (form, ending) != ("apng", "grid"):
            name = ENDINGS.get(form, "a slash")
            raise SampleError(
                f"--format {form} contradicts -o {self.out}, whose format is {ending}: leave "
                f"--format out, or end the name in {name}"
            )

    def changed(self) -> set[str]:
        """Return the names of the fields that differ from their defaults."""
        return {field.name for field in fields(self) if getattr(self, field.name) != field.default}

    def check(self) -> None:
        """Raise SampleError if an option is invalid or contradicts another."""
        changed = self.changed()
        if self.device == os.environ.get("GANSPEC_DEVICE"):  # set for all commands
            changed.discard("device")
        for name, others in EXCLUDED.items():
            if name in changed and (both := changed.intersection(others)):
                raise SampleError(
                    f"{flag(name)} and {flag(min(both))} exclude each other: leave one out"
                )
        if self.of is not None and self.best is None:
            raise SampleError("--of needs --best: add --best N, or leave --of out")
        if self.shows_training and (odd := changed.intersection(OF_NEW_IMAGES)):
            raise SampleError(
                f"an animation shows the samples that training wrote, and {flag(min(odd))} is for "
                "new images: leave it out, or add --interpolate"
            )
        if self.frames and not (self.is_animation or self.interpolate):
            raise SampleError("--frames needs --interpolate, or an animation: leave it out")
        if self.fps and not self.is_animation:
            raise SampleError(f"--fps needs an animation ({', '.join(MOVING)}): leave it out")
        if self.with_labels and self.chosen_form != "csv":
            raise SampleError("--with-labels is for CSV; npz always has the labels: leave it out")
        self._check_values()

    def _check_values(self) -> None:
        if self.interpolate not in (None, "linear", "spherical"):
            raise SampleError(f"--interpolate is linear or spherical, not `{self.interpolate}`")
        if self.conditions is not None and Path(self.conditions).suffix != ".json":
            raise SampleError(
                f"--conditions is a .json file, not `{self.conditions}`: name labels with --label"
            )
        if self.truncation is not None and not 0 < self.truncation < math.inf:
            raise SampleError("--truncation must be a finite number above 0")
        if self.best and self.of and self.of < self.best:
            raise SampleError(f"{self.of} images are too few for the {self.best} best: raise --of")


def flag(name: str) -> str:
    """Return the option of a field of Request, such as `-n` for `count` or `--with-labels`."""
    return "-n" if name == "count" else f"--{name.replace('_', '-')}"
