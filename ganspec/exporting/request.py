"""The options of `ganspec export`, and the rules for combining them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ganspec.atomic import names_folder
from ganspec.language.errors import GanspecError, quoted
from ganspec.language.paths import is_path
from ganspec.runs.folder import require_flag
from ganspec.streams import is_stdout

SUFFIXES = {  # endings of files by format
    "onnx": ".onnx",
    "torch-export": ".pt2",
    "torchscript": ".ts",
    "safetensors": ".safetensors",
    "python": "",  # a folder
}
PACKAGES = {  # what a format needs besides torch
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "safetensors": ("safetensors",),
    "python": ("safetensors",),
}
GRAPHS = ("onnx", "torch-export", "torchscript")  # formats that hold a network's steps
LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]*")  # the hub's identifiers


class ExportError(GanspecError):
    """Raised when a network cannot be exported as requested, or when its export is wrong."""


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """The options of `ganspec export`. None or False stands for the default.

    `form` is a key of SUFFIXES. A string `out` that ends in a slash is a folder. `network` is a
    network's key, `label` the only label to export it for. `batch` is a number of images as text,
    or `free`. `raw` takes the trained weights, not their moving average. `push` is the repository
    of the Hugging Face hub to push to; `private` hides it from others if it is new.
    """

    form: str | None = None
    out: str | Path | None = None
    network: str | None = None
    label: str | None = None
    batch: str | None = None
    step: int | None = None
    raw: bool = False
    overwrite: bool = False
    license: str | None = None
    push: str | None = None
    private: bool = False

    @property
    def chosen_form(self) -> str:
        """The format: `form` or, if that is None, the format of the ending of `out`.

        Raises ExportError if neither names a format, if `form` is unknown, or if the ending is that
        of another format.
        """
        ending = self._ending
        if self.form is None:
            if ending is None:
                if self.out is None or not Path(self.out).suffix:
                    raise ExportError(f"no format is named: give --format {', '.join(SUFFIXES)}")
                known = ", ".join(filter(None, SUFFIXES.values()))
                raise ExportError(
                    f"`{self.out}` has no known format: end it with {known} or a slash for a "
                    "folder, or give --format"
                )
            return ending
        if self.form not in SUFFIXES:
            raise ExportError(f"no format is called `{self.form}`: use {', '.join(SUFFIXES)}")
        if ending not in (None, self.form):
            raise ExportError(
                f"--format {self.form} contradicts -o {self.out}, whose format is {ending}: leave "
                "--format out, or choose another name"
            )
        return self.form

    @property
    def _ending(self) -> str | None:
        """The format that the ending of `out` names, `python` for a folder; None if none."""
        if self.out is None or is_stdout(self.out):
            return None
        if names_folder(self.out) or Path(self.out).is_dir():
            return "python"
        suffix = Path(self.out).suffix.lower()
        return next((form for form, end in SUFFIXES.items() if end and end == suffix), None)

    @property
    def size(self) -> int | None:
        """The number in `batch`, None if `batch` is `free` or None.

        Raises ExportError if `batch` is any other text, 0 or too large.
        """
        if self.batch in (None, "free"):
            return None
        text = str(self.batch)
        if not (text.isascii() and text.isdigit() and 0 < int(text) <= 2**16):
            raise ExportError(f"--batch takes `free`, or 1 to {2**16:,} images, not `{text}`")
        return int(text)

    def check(self) -> None:
        """Raise ExportError if an option is invalid, contradicts another or lacks its package.

        Raise RunError if an option that is True or False has another value.
        """
        for name in ("raw", "overwrite", "private"):
            require_flag(name, getattr(self, name))
        for name in ("form", "out", "network", "label", "license", "push"):
            value = getattr(self, name)
            if value is not None and not is_path(value):
                option = "format" if name == "form" else name
                raise ExportError(f"{option} is {quoted(value)}: name another, or leave it out")
        form, has_batch = self.chosen_form, self.size is not None or self.batch == "free"
        if form not in GRAPHS and (self.label is not None or has_batch):
            option = "--label" if self.label is not None else "--batch"
            raise ExportError(
                f"{option} is for {', '.join(GRAPHS)}: networks of the format {form} read any "
                "label and any batch"
            )
        for option, value in (("--license", self.license), ("--push", self.push)):
            if value is not None and form != "python":
                raise ExportError(f"{option} needs --format python, which has a model card")
        if self.private and self.push is None:
            raise ExportError("--private needs --push: add --push NAME, or leave --private out")
        if self.license is not None and not LICENSE.fullmatch(self.license):
            name = self.license.strip().lower().replace(" ", "-")
            fit = name if LICENSE.fullmatch(name) else "apache-2.0"
            raise ExportError(
                f"`{self.license}` is no licence of the Hugging Face hub: write it as `{fit}`"
            )
        self._require(*PACKAGES.get(form, ()), *(("huggingface_hub",) if self.push else ()))

    def _require(self, *packages: str) -> None:
        missing = [name for name in packages if find_spec(name) is None]
        if missing:
            what = "--push" if missing[0] == "huggingface_hub" else f"--format {self.chosen_form}"
            raise ExportError(
                f"{what} needs the package {missing[0]}: run `pip install 'ganspec[export]'`"
            )
