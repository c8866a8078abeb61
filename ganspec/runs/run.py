"""A run: one folder with everything that a training made and everything to go on with."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import warnings
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None

from ganspec.atomic import write_text
from ganspec.language.dump import dump
from ganspec.language.errors import GanspecError, SpecError, printable
from ganspec.language.kinds import within
from ganspec.language.registry import LOADED, KindsFile
from ganspec.systems.load import load
from ganspec.systems.spec import Spec

LOCK = ".lock"


class RunError(GanspecError):
    """A run folder that is not there, is in the way, or belongs to another spec."""


class MissingKindsError(RunError):
    """A run's spec names kinds of files that the user has not had loaded."""


class Run:
    """A run folder: spec, emitted source, log, samples, loss plot, checkpoint."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.step, self.interrupted = 0, False  # how the training that made it ended
        self._lock = None
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
        """The resolved spec that the run trains.

        Raises MissingKindsError if kinds are not loaded that it needs: a run's own copy of them is
        never executed unasked. Warns if a loaded file is not the one that the run used.
        """
        try:
            spec = load(self.spec_path)
        except SpecError as error:
            missing = self._missing_kinds()
            if not missing or all(d.code != "unknown-kind" for d in error.diagnostics):
                raise
            given = printable(" ".join(f"--kinds {shlex.quote(str(path))}" for path in missing))
            code = "its code" if len(missing) == 1 else "their code"
            message = f"{self.folder} needs kinds that are not loaded: {given} ({code} will be run)"
            raise MissingKindsError(message) from None
        for file in self.changed_kinds(spec):
            kept = self.folder / "kinds" / file.name
            kept = kept if kept.exists() else kept.parent
            warnings.warn(f"{file.path} differs from {kept}, which the run used", stacklevel=2)
        return spec

    def _kinds(self) -> dict[str, str]:
        """Return the hashes of the files of kinds that the run used, by the names of its copies.

        Where `run.json` is damaged, they are those of the copies.
        """
        try:
            return {str(kinds["name"]): str(kinds["sha256"]) for kinds in self.info()["kinds"]}
        except (TypeError, KeyError):
            copies = sorted((self.folder / "kinds").glob("*.py"))
            return {copy.name: hashlib.sha256(copy.read_bytes()).hexdigest() for copy in copies}

    def _missing_kinds(self) -> list[Path]:
        """Return the run's copies of files of kinds that are not loaded."""
        hashes = {file.sha256 for file in LOADED}
        missing = [name for name, sha256 in self._kinds().items() if sha256 not in hashes]
        return [self.folder / "kinds" / Path(name).name for name in missing]

    def changed_kinds(self, spec: Spec) -> list[KindsFile]:
        """Return the loaded files that define kinds of `spec`, and that the run did not use."""
        known = self._kinds()
        return [f for f in used_files(spec) if known and f.sha256 not in known.values()]

    def samples_path(self, step: int) -> Path:
        """Where the grid of samples after `step` goes."""
        return self.folder / "samples" / f"{step:07d}.png"

    def snapshot_path(self, step: int) -> Path:
        """Where the weights after `step` are kept."""
        return self.folder / "snapshots" / f"{step:07d}.pt"

    def snapshots(self) -> dict[int, Path]:
        """The weights that were kept, by step."""
        found = sorted((self.folder / "snapshots").glob("*.pt"))
        return {int(path.stem): path for path in found if path.stem.isdigit()}

    def latest_samples(self) -> Path | None:
        """The newest grid of samples."""
        return max((self.folder / "samples").glob("*.png"), default=None)

    def claim(self, overwrite: bool) -> None:
        """Make sure that starting here destroys nothing that was not given up."""
        if self.folder.exists() and not self.folder.is_dir():
            raise RunError(f"{self.folder} is a file; choose another --out")
        if not self.folder.exists() or not self._contents():
            return
        if not overwrite:
            raise RunError(
                f"{self.folder} exists; add --resume to go on with it, --overwrite to replace it, "
                "or --out for another folder"
            )
        if not (self.spec_path.is_file() and self.info_path.is_file()):
            raise RunError(f"{self.folder} is not a run of ganspec and is not overwritten")

    def _contents(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.name != LOCK]

    def lock(self) -> None:
        """Keep other processes from training here; raises RunError where one does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / LOCK).open("a")
        try:
            if fcntl:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            self._lock = None
            raise RunError(f"{self.folder} is being trained by another process") from None

    def release(self) -> None:
        """Let others train here again."""
        if self._lock:
            (self.folder / LOCK).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def begin(self, spec: Spec, source: str, info: dict[str, object], overwrite: bool) -> None:
        """Lock the folder and make its contents anew: spec, kinds, emitted source and `info`."""
        self.lock()
        self.claim(overwrite)  # again: something may have come while images were read
        for path in self._contents():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        write_text(self.spec_path, resolved(spec))
        write_text(self.folder / f"{spec.name}.py", source)
        if files := used_files(spec):
            info = {**info, "kinds": [{"name": f.name, "sha256": f.sha256} for f in files]}
        for file in files:
            write_text(self.folder / "kinds" / file.name, file.text)
        write_text(self.info_path, json.dumps(info, indent=2) + "\n")
        write_text(self.log_path, "")

    def info(self) -> dict[str, object]:
        """Return what `run.json` says; nothing where it is missing or damaged."""
        try:
            info = json.loads(self.info_path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return info if isinstance(info, dict) else {}

    @property
    def exact(self) -> bool:
        """True if the run computes what the emitted file does, bit for bit."""
        # before rewrites there was no other way, and nothing said so
        return bool(self.info().get("exact", True))

    def note(self, **more: object) -> None:
        """Add to what `run.json` says, atomically."""
        write_text(self.info_path, json.dumps({**self.info(), **more}, indent=2) + "\n")

    def rows(self) -> list[dict[str, float]]:
        """The log so far; a line that a crash cut short is left out."""
        rows: list[dict[str, float]] = []
        if not self.log_path.exists():
            return rows
        for line in self.log_path.read_text("utf-8").splitlines():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                break
            if not (isinstance(row, dict) and "step" in row):
                break
            rows.append(row)
        return rows

    def append(self, rows: list[dict[str, float]]) -> None:
        """Add lines to the log."""
        with self.log_path.open("a", encoding="utf-8") as log:
            log.writelines(json.dumps(row) + "\n" for row in rows)

    def rewind(self, step: int) -> None:
        """Forget what log, samples and snapshots say of later steps, and half-written files."""
        for place in (self.folder, self.folder / "samples", self.folder / "snapshots"):
            for path in place.glob(".*"):
                if path.name != LOCK:
                    path.unlink()
        kept = [row for row in self.rows() if row["step"] <= step]
        write_text(self.log_path, "".join(json.dumps(row) + "\n" for row in kept))
        for path in (self.folder / "samples").glob("*.png"):
            if path.stem.isdigit() and int(path.stem) > step:
                path.unlink()
        for later, path in self.snapshots().items():
            if later > step:
                path.unlink()


def used_files(spec: Spec) -> list[KindsFile]:
    """Return the loaded files that define kinds of `spec`."""
    modules = {type(kind).__module__ for kind in within(spec)}
    return [file for file in LOADED if file.module in modules]


def resolved(spec: Spec) -> str:
    """The spec as one YAML text: `extends` and settings worked in, vars and blocks kept."""
    return dump(spec.tree.plain())


def differences(mine: Spec, theirs: Spec) -> list[str]:
    """Sections in which two specs differ, other than in length, in what is kept and measured."""

    def comparable(spec: Spec) -> dict:
        data = {k: v for k, v in spec.tree.plain().items() if k != "evaluate"}
        train = data.get("train") or {}
        data["train"] = {k: v for k, v in train.items() if k not in ("epochs", "keep")}
        return data

    a, b = comparable(mine), comparable(theirs)
    return [key for key in {**a, **b} if a.get(key) != b.get(key)]
