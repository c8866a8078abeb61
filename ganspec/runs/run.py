"""A run: the folder that one training writes, and from which it resumes."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import warnings
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None  # type: ignore[assignment]  # a module's type has no None

from ganspec.atomic import write_text
from ganspec.language.dump import dump
from ganspec.language.errors import GanspecError, SpecError, printable
from ganspec.language.kinds import within
from ganspec.language.registry import LOADED, KindsFile
from ganspec.runs.log import Log
from ganspec.systems.load import load
from ganspec.systems.schedule import KEEPING
from ganspec.systems.spec import Spec

FREE = ("epochs", *KEEPING)  # fields of `train` that a resumed run may change
LOCK = ".lock"


class RunError(GanspecError):
    """Raised when a run cannot do what is asked, such as if its folder is missing or in the way."""


class MissingKindsError(RunError):
    """Raised when a run's spec uses kinds whose files are not loaded."""


class Run:
    """A run folder: the results of one training, and the state to resume it.

    `Run(folder)` names a folder that may not exist yet, `Run.open(folder)` requires a run in it.
    The folder holds:

    - `spec.yaml`: the spec with `extends` and settings merged into it;
    - `NAME.py`: the emitted source;
    - `log.jsonl`: losses by step, `losses.png`: their plot;
    - `samples/STEP.png`: pictures of the ends of epochs and of trainings, the spec's `pictures`
      at most;
    - `checkpoint.pt`: the newest state, to resume from;
    - `snapshots/STEP.pt`: weights that the spec's `keep` or `evaluate` asks for, of `keep: N` the
      spec's `snapshots` at most;
    - `scores.jsonl`: scores, each with its conditions;
    - `run.json`: versions, hardware and the command;
    - `kinds/`: copies of the user's files that define kinds.

    After a training, `step` is its last step, and `interrupted` is True if a signal ended it.
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        self.step, self.interrupted = 0, False
        self._lock: IO[str] | None = None
        self.spec_path = self.folder / "spec.yaml"
        self.log_path = self.folder / "log.jsonl"
        self.log = Log(self.log_path)
        self.checkpoint_path = self.folder / "checkpoint.pt"
        self.info_path = self.folder / "run.json"
        self.losses_path = self.folder / "losses.png"

    @classmethod
    def open(cls, folder: Path | str) -> Run:
        """Return the run in `folder`. Raises RunError if it holds no `spec.yaml`."""
        run = cls(folder)
        if not run.spec_path.is_file():
            raise RunError(f"{folder} is no run: it holds no spec.yaml")
        return run

    # -- the spec and its kinds ---------------------------------------------------------------

    @property
    def spec(self) -> Spec:
        """The validated spec that the run trains, read from the folder at each access.

        Raises SpecError if the file is damaged, and MissingKindsError if the spec uses kinds that
        are not loaded: a run's copies of kinds are never executed unasked. Warns if a loaded file
        differs from the one that the run used.
        """
        try:
            spec = load(self.spec_path)
        except SpecError as error:
            missing = self._missing_kinds()
            if not missing or all(d.code != "unknown-kind" for d in error.diagnostics):
                raise
            options = printable(" ".join(f"--kinds {shlex.quote(str(path))}" for path in missing))
            code = "its code" if len(missing) == 1 else "their code"
            message = f"{self.folder} needs kinds that are not loaded: {options}"
            raise MissingKindsError(f"{message} ({code} will be run)") from None
        for file in self.changed_kinds(spec):
            kept = self.folder / "kinds" / file.name
            kept = kept if kept.exists() else kept.parent
            warnings.warn(f"{file.path} differs from {kept}, which the run used", stacklevel=2)
        return spec

    def _kinds(self) -> dict[str, str]:
        """Return the SHA-256 of each file of kinds that the run used, by the name of its copy.

        `run.json` has these hashes; if it has none or is damaged, the copies are hashed.
        """
        entries = self.info().get("kinds")
        try:
            if isinstance(entries, list):
                return {str(entry["name"]): str(entry["sha256"]) for entry in entries}
        except (TypeError, KeyError):
            pass
        copies = sorted((self.folder / "kinds").glob("*.py"))
        return {copy.name: hashlib.sha256(copy.read_bytes()).hexdigest() for copy in copies}

    def _missing_kinds(self) -> list[Path]:
        """Return the paths of the run's copies of kinds that are not loaded."""
        hashes = {file.sha256 for file in LOADED}
        missing = [name for name, sha256 in self._kinds().items() if sha256 not in hashes]
        return [self.folder / "kinds" / Path(name).name for name in missing]

    def changed_kinds(self, spec: Spec) -> list[KindsFile]:
        """Return the loaded files that define kinds of `spec` and differ from the run's copies."""
        known = self._kinds()
        return [f for f in used_files(spec) if known and f.sha256 not in known.values()]

    # -- pictures and snapshots ---------------------------------------------------------------

    def samples_path(self, step: int) -> Path:
        """Return the path of the picture after training step `step`."""
        return self.folder / "samples" / f"{step:07d}.png"

    def samples(self) -> dict[int, Path]:
        """Return the paths of the pictures, by training step."""
        return _by_step(self.folder / "samples", ".png")

    def latest_samples(self) -> Path | None:
        """Return the path of the newest picture; None if there is none."""
        return next(reversed(self.samples().values()), None)

    def snapshot_path(self, step: int) -> Path:
        """Return the path of the weights after training step `step`."""
        return self.folder / "snapshots" / f"{step:07d}.pt"

    def snapshots(self) -> dict[int, Path]:
        """Return the paths of the weights that were kept, by training step."""
        return _by_step(self.folder / "snapshots", ".pt")

    # -- beginning and locking ----------------------------------------------------------------

    def claim(self, overwrite: bool) -> None:
        """Raise RunError if there is a file, or a folder with contents that are not to be replaced.

        Contents are replaced if they are a run and `overwrite` is True.
        """
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
        """Keep other processes from training here. Raises RunError if another one does."""
        # at the end of links: `mkdir` does not follow them
        Path(os.path.realpath(self.folder)).mkdir(parents=True, exist_ok=True)
        lock = (self.folder / LOCK).open("a")
        try:
            if fcntl:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise RunError(f"{self.folder} is being trained by another process") from None
        self._lock = lock

    def release(self) -> None:
        """Let other processes train here again."""
        if self._lock:
            (self.folder / LOCK).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def begin(self, spec: Spec, source: str, info: dict[str, object], overwrite: bool) -> None:
        """Lock the folder, empty it, and write spec, kinds, emitted source and `info`."""
        self.lock()
        self.claim(overwrite)  # again: files may have appeared while images were read
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

    # -- `run.json` ---------------------------------------------------------------------------

    def info(self) -> dict[str, object]:
        """Return the entries of `run.json`; none if it is missing or damaged."""
        try:
            info = json.loads(self.info_path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return info if isinstance(info, dict) else {}

    @property
    def exact(self) -> bool:
        """True if the run computes the same bits as the emitted file."""
        # runs from before rewrites have no entry, and were exact
        return bool(self.info().get("exact", True))

    def note(self, **entries: object) -> None:
        """Add entries to `run.json`, atomically."""
        write_text(self.info_path, json.dumps({**self.info(), **entries}, indent=2) + "\n")

    # -- the log ------------------------------------------------------------------------------

    def rows(self) -> list[dict[str, float]]:
        """Return the lines of the log, each a step and its losses by name."""
        return self.log.rows()

    def rewind(self, step: int) -> None:
        """Remove log lines, pictures and snapshots of steps after `step`, and unfinished files."""
        for folder in (self.folder, self.folder / "samples", self.folder / "snapshots"):
            for path in folder.glob(".*"):
                if path.name != LOCK:
                    path.unlink()
        self.log.rewind(step)
        for later, path in [*self.samples().items(), *self.snapshots().items()]:
            if later > step:
                path.unlink()


def _by_step(folder: Path, suffix: str) -> dict[int, Path]:
    """Return the files of `folder` that are named after a step as a run names them, in order."""
    paths = [p for p in folder.glob(f"*{suffix}") if p.stem.isascii() and p.stem.isdigit()]
    return {
        step: p for step, p in sorted((int(p.stem), p) for p in paths) if p.stem == f"{step:07d}"
    }


def used_files(spec: Spec) -> list[KindsFile]:
    """Return the user's loaded files that define kinds of `spec`."""
    modules = {type(kind).__module__ for kind in within(spec)}
    return [file for file in LOADED if file.module in modules]


def resolved(spec: Spec) -> str:
    """Return the spec as one YAML text: `extends` and settings merged, vars and blocks kept."""
    return dump(spec.tree.plain())


def differences(mine: Spec, theirs: Spec) -> list[str]:
    """Return the names of the sections in which two specs differ.

    `evaluate` and the fields of `train` that change no step, those in FREE, are not compared: a
    resumed run may change them.
    """
    a, b = _comparable(mine), _comparable(theirs)
    return [key for key in {**a, **b} if a.get(key) != b.get(key)]


def _comparable(spec: Spec) -> dict[str, object]:
    data = spec.tree.plain()
    assert isinstance(data, dict)  # a spec is a map
    train = {k: v for k, v in (data.get("train") or {}).items() if k not in FREE}
    return {**{k: v for k, v in data.items() if k != "evaluate"}, "train": train}
