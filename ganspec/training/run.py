"""A run: one folder with everything that a training made and everything to go on with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ganspec.atomic import write_text
from ganspec.language.dump import dump
from ganspec.language.load import load
from ganspec.language.spec import Spec


class RunError(Exception):
    """A run folder that is not there, is in the way, or belongs to another spec."""


class Run:
    """A run folder: spec, emitted source, log, samples, loss plot, checkpoint."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.step, self.interrupted = 0, False  # how the training that made it ended
        self.spec_path = self.folder / "spec.yaml"
        self.log_path = self.folder / "log.jsonl"
        self.checkpoint_path = self.folder / "checkpoint.pt"
        self.info_path = self.folder / "run.json"
        self.losses_path = self.folder / "losses.png"

    @classmethod
    def open(cls, folder: Path) -> Run:
        """The run in `folder`; raises RunError where there is none."""
        run = cls(folder)
        if not run.spec_path.is_file():
            raise RunError(f"{folder} is no run: it holds no spec.yaml")
        return run

    @property
    def spec(self) -> Spec:
        """The resolved spec that the run trains."""
        return load(self.spec_path)

    def samples_path(self, step: int) -> Path:
        """Where the grid of samples after `step` goes."""
        return self.folder / "samples" / f"{step:07d}.png"

    def latest_samples(self) -> Path | None:
        """The newest grid of samples."""
        return max((self.folder / "samples").glob("*.png"), default=None)

    def claim(self, overwrite: bool) -> None:
        """Make sure that starting here destroys nothing that was not given up."""
        if not self.folder.exists() or not any(self.folder.iterdir()):
            return
        if not overwrite:
            raise RunError(
                f"{self.folder} exists; add --resume to go on with it, --overwrite to replace it, "
                "or --out for another folder"
            )
        if not (self.spec_path.is_file() and self.info_path.is_file()):
            raise RunError(f"{self.folder} is not a run of ganspec and is not overwritten")

    def begin(self, spec: Spec, source: str, info: dict[str, object]) -> None:
        """Make the folder anew with the spec, the emitted source and `info`."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)
        write_text(self.spec_path, resolved(spec))
        write_text(self.folder / f"{spec.name}.py", source)
        write_text(self.info_path, json.dumps(info, indent=2) + "\n")
        write_text(self.log_path, "")

    def rows(self) -> list[dict[str, float]]:
        """The log so far; a line that a crash cut short is left out."""
        rows = []
        for line in self.log_path.read_text("utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def append(self, rows: list[dict[str, float]]) -> None:
        """Add lines to the log."""
        with self.log_path.open("a", encoding="utf-8") as log:
            log.writelines(json.dumps(row) + "\n" for row in rows)

    def rewind(self, step: int) -> None:
        """Forget what the log and the samples say of later steps than `step`."""
        kept = [row for row in self.rows() if row["step"] <= step]
        write_text(self.log_path, "".join(json.dumps(row) + "\n" for row in kept))
        for path in (self.folder / "samples").glob("*.png"):
            if path.stem.isdigit() and int(path.stem) > step:
                path.unlink()


def resolved(spec: Spec) -> str:
    """The spec as one YAML text: `extends` and settings worked in, vars and blocks kept."""
    return dump(spec.tree.plain())


def differences(mine: Spec, theirs: Spec) -> list[str]:
    """Sections in which two specs differ, other than in how long they train."""

    def comparable(spec: Spec) -> dict:
        data = spec.tree.plain()
        data["train"] = {k: v for k, v in (data.get("train") or {}).items() if k != "epochs"}
        return data

    a, b = comparable(mine), comparable(theirs)
    return [key for key in {**a, **b} if a.get(key) != b.get(key)]
