"""A run: the folder that one training writes, and from which it resumes."""

from __future__ import annotations

import hashlib
import json
import shlex
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ganspec.atomic import write_text
from ganspec.language.dump import dump
from ganspec.language.errors import GanspecError, SpecError, conjunction, printable, quoted
from ganspec.language.kinds import kinds_of, within
from ganspec.language.registry import BASES, LOADED, KindsFile
from ganspec.runs.folder import RunError, RunFolder
from ganspec.runs.log import Log
from ganspec.seal import is_emitted
from ganspec.systems.identity import difference, identity
from ganspec.systems.load import load
from ganspec.systems.spec import Spec

NOT_KEPT = "kinds_not_kept"  # entry of `run.json`: a user's kinds that no copied file defines


class MissingKindsError(RunError):
    """Raised when a run's spec uses kinds of the user that are not loaded."""


class Run(RunFolder):
    """A run folder: the results of one training, and the state to resume it.

    `Run(folder)` names a folder that may not exist yet, `Run.open(folder)` requires a run in it.
    The folder holds:

    - `spec.yaml`: the spec with `extends` and settings merged into it;
    - `NAME.py`: the emitted source;
    - `log.jsonl`: losses by step, `losses.png`: their plot;
    - `samples/STEP.png`: pictures at the ends of epochs and of the training, at most as many as
      the spec's `pictures`;
    - `checkpoint.pt`: the newest state, to resume from;
    - `snapshots/STEP.pt`: weights that the spec's `keep` or `evaluate` asks for; `keep: N` keeps
      at most as many as the spec's `snapshots`;
    - `scores.jsonl`: scores, each with its conditions, `scores.png`: their plot;
    - `images.jsonl`, `skipped.jsonl`: the image files that it trains on, and those that it skips,
      if its data set is a folder of images;
    - `run.json`: versions, hardware and the command;
    - `kinds/`: copies of the user's files that define kinds of the spec;
    - `track.json`, `tensorboard/`: what each tracker of `track` has, and TensorBoard's files.

    After a training, `step` is its last step, and `interrupted` is True if a signal ended it.
    """

    def __init__(self, folder: Path | str):
        super().__init__(folder)
        self.step, self.interrupted = 0, False
        self.loss_log = Log(self.log_path)

    @classmethod
    def open(cls, folder: Path | str) -> Run:
        """Return the run in `folder`. Raises RunError if the folder has no `spec.yaml`."""
        run = cls(folder)
        if not run.spec_path.is_file():
            raise RunError(f"{folder} is no run: name a folder that holds a spec.yaml")
        return run

    # -- the spec and its kinds ---------------------------------------------------------------

    @property
    def spec(self) -> Spec:
        """The validated spec that the run trains, read from the folder at each access.

        Raises SpecError if the file is damaged, and MissingKindsError if the spec uses kinds that
        are not loaded: a run's copies of kinds are never executed unasked. Warns if a loaded file
        of kinds differs from all of the run's copies.
        """
        return self.read_spec()

    def read_spec(self, settings: Sequence[str] = ()) -> Spec:
        """Return the run's spec, changed by settings such as `train.batch=32`.

        Raises SpecError and MissingKindsError, and warns, in the same cases as `spec`.
        """
        try:
            spec = load(self.spec_path, settings)
        except SpecError as error:
            if all(d.code != "unknown-kind" for d in error.diagnostics):
                raise
            if missing := self._missing_kinds():
                options = " ".join(f"--kinds {shlex.quote(str(path))}" for path in missing)
                code = "its code" if len(missing) == 1 else "their code"
                message = f"{self.folder} needs kinds that are not loaded: add {printable(options)}"
                raise MissingKindsError(f"{message} ({code} will be run)") from None
            if lost := self._kinds_without_file():
                raise MissingKindsError(
                    f"{self.folder} needs {conjunction(lost)}, defined outside files of kinds, as "
                    "in a notebook or a package: import that code, or write it to a file and add "
                    "--kinds FILE.py"
                ) from None
            raise
        for file in self.changed_kinds(spec):
            kept = self.folder / "kinds" / file.name
            kept = kept if kept.exists() else kept.parent
            message = f"{file.path} differs from {kept}, which the run used"
            warnings.warn(f"{message}: load the run's copy instead, with --kinds", stacklevel=2)
        return spec

    def _kinds(self) -> dict[str, str]:
        """Return the SHA-256 of each file of kinds that the run used, by the name of its copy.

        The hashes are read from `run.json`; if it has none or is damaged, the copies are hashed.
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
        """Return the paths of the run's copies of kinds that equal no loaded file."""
        hashes = {file.sha256 for file in LOADED}
        missing = [name for name, sha256 in self._kinds().items() if sha256 not in hashes]
        return [self.folder / "kinds" / Path(name).name for name in missing]

    def _kinds_without_file(self) -> list[str]:
        """Return the kinds without copies that are unknown now, such as `the layer `mine``."""
        entries = ((str(e.get("family")), str(e.get("kind"))) for e in self.entries(NOT_KEPT))
        return [
            f"the {printable(family.replace('_', ' '))} {quoted(kind)}"
            for family, kind in entries
            if family in BASES and kind not in kinds_of(family)
        ]

    def changed_kinds(self, spec: Spec) -> list[KindsFile]:
        """Return the loaded files that define kinds of `spec` and differ from all the run's copies.

        Return [] if the run has no copies.
        """
        known = self._kinds()
        return [f for f in used_files(spec) if known and f.sha256 not in known.values()]

    # -- pictures and snapshots ---------------------------------------------------------------

    def samples_path(self, step: int) -> Path:
        """Return the path of the picture after training step `step`, whether it exists or not."""
        return self.folder / "samples" / f"{step:07d}.png"

    def latest_samples(self) -> Path | None:
        """Return the path of the newest picture; None if the run has no pictures."""
        return next(reversed(self.samples().values()), None)

    def snapshot_path(self, step: int) -> Path:
        """Return the path of the weights after training step `step`, whether it exists or not."""
        return self.folder / "snapshots" / f"{step:07d}.pt"

    # -- beginning ----------------------------------------------------------------------------

    def begin(self, spec: Spec, source: str, info: dict[str, object], overwrite: bool) -> None:
        """Lock the folder, delete the run in it, and write spec, kinds, emitted source and `info`.

        `info` are the entries of `run.json`. Raises RunError if another process trains in the
        folder, if it holds a run and `overwrite` is False, or if it holds files that may not be
        replaced.
        """
        source_path, files = self.folder / f"{spec.name}.py", used_files(spec)
        copies = {self.folder / "kinds" / file.name: file.text for file in files}
        self.begin_with(overwrite, source_path, list(copies))
        write_text(self.spec_path, resolved(spec))
        write_text(source_path, source)
        for path, text in copies.items():
            write_text(path, text)
        write_text(self.log_path, "")
        kinds = [{"name": file.name, "sha256": file.sha256} for file in files]
        lost = kinds_without_file(spec)
        kinds_info = {"kinds": kinds, **({NOT_KEPT: lost} if lost else {})}
        # last, since `state` takes a folder with this file for a run that has begun
        write_text(self.info_path, json.dumps({**info, **kinds_info}, indent=2) + "\n")
        self._is_beginning = False

    def renew(self, spec: Spec, emit: Callable[[Spec], str]) -> None:
        """Write the spec of a resumed training if it has changed, and then its emitted source.

        If the user has edited or deleted the emitted file, it is not written again.
        """
        if self.spec_path.read_text("utf-8") == resolved(spec):
            return
        path = self.folder / f"{spec.name}.py"
        if path.exists() and is_emitted(path.read_bytes()):
            write_text(path, emit(spec))
        write_text(self.spec_path, resolved(spec))

    # -- `run.json` ---------------------------------------------------------------------------

    def info(self) -> dict[str, object]:
        """Return the entries of `run.json`; {} if it is missing or damaged."""
        try:
            info = json.loads(self.info_path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return info if isinstance(info, dict) else {}

    def entries(self, name: str) -> list[dict[str, Any]]:
        """Return the maps in the list `name` of `run.json`; [] if it has no such list."""
        listed = self.info().get(name)
        return [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []

    @property
    def class_names(self) -> list[str]:
        """The names of the classes in `run.json`, in the order of their labels; [] if not there."""
        names = self.info().get("classes")
        names = names if isinstance(names, list) else []
        return names if all(isinstance(name, str) for name in names) else []

    @property
    def exact(self) -> bool:
        """True if networks run without rewrites: results equal the emitted file's bit for bit."""
        return bool(self.info().get("exact", True))

    def note(self, **entries: object) -> None:
        """Add entries to `run.json`, or replace those of the same names. Write it atomically."""
        write_text(self.info_path, json.dumps({**self.info(), **entries}, indent=2) + "\n")

    # -- the log ------------------------------------------------------------------------------

    def rows(self) -> list[dict[str, float]]:
        """Return the rows of the log, each with a step and its losses by name."""
        return self.loss_log.rows()

    def is_resumable(self, spec: Spec) -> bool:
        """Return True if the folder has a checkpoint of a training that `spec` can go on with."""
        try:
            return self.state() == "run" and difference_of(self.spec, spec) is None
        except GanspecError:  # the spec is damaged, or its kinds are not loaded
            return False

    def is_complete(self, step: int) -> bool:
        """Return True if a training that ended at `step` has written its picture and its plot.

        Return False if the process that trained here before was killed.
        """
        try:
            plotted = self.losses_path.stat().st_mtime >= self.checkpoint_path.stat().st_mtime
        except OSError:
            plotted = False
        return plotted and not self.was_cut and self.samples_path(step).is_file()

    def rewind(self, step: int) -> None:
        """Remove log lines, pictures and snapshots of steps after `step`, and unfinished files.

        Warn if the log lacks steps up to `step`.
        """
        self.sweep()
        if (kept := self.loss_log.rewind(step)) < step:
            message = f"{self.log_path} lacks steps {kept + 1} to {step}: they were lost"
            warnings.warn(message, stacklevel=3)
        for later, path in [*self.samples().items(), *self.snapshots().items()]:
            if later > step:
                path.unlink()


def used_files(spec: Spec) -> list[KindsFile]:
    """Return the user's loaded files of kinds that define a kind of `spec`."""
    modules = {type(kind).__module__ for kind in within(spec)}
    return [file for file in LOADED if file.module in modules]


def kinds_without_file(spec: Spec) -> list[dict[str, str]]:
    """Return the kinds of `spec` that a user defined elsewhere than in a loaded file of kinds.

    That is in a notebook, for example, or in a module that a script imports.
    """
    modules = {file.module for file in LOADED}
    own = (each for each in within(spec) if each.is_own and type(each).__module__ not in modules)
    names = dict.fromkeys((kind.family, kind.kind) for kind in own)
    return [{"family": family, "kind": kind} for family, kind in names]


def resolved(spec: Spec) -> str:
    """Return the spec as one YAML text, with `extends` and settings merged into it.

    Vars and blocks stay as they are written.
    """
    return dump(spec.tree.plain())


def difference_of(theirs: Spec, mine: Spec) -> str | None:
    """Return in words why `mine` cannot go on with a run of the spec `theirs`; None if it can.

    Values are compared, not their spelling in a file. Fields that change no training step may
    differ.
    """
    one, other = ({**identity(spec), "name": [spec.name]} for spec in (theirs, mine))
    return difference(one, other)
