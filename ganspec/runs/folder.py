"""The folder of a run: its lock, and the files in it that belong to the run."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

from ganspec.atomic import make_folder
from ganspec.language.errors import GanspecError, quoted
from ganspec.language.paths import is_path
from ganspec.seal import is_emitted

LOCK = ".lock"
SPEC = "spec.yaml"
PARTS = {"samples": ".png", "snapshots": ".pt"}  # folders of files that are named after a step
# `clear` deletes them in this order: checkpoint and `run.json` first, so that a run that is only
# half deleted cannot be resumed
FILES = (
    *("checkpoint.pt", "run.json", "log.jsonl", "losses.png", "scores.jsonl", "scores.png"),
    *("images.jsonl", "skipped.jsonl"),
    *("track.json", "tensorboard/events.out.tfevents.*"),
)
STEP = re.compile(r"\d{7}|[1-9]\d{7,}", re.ASCII)  # a step in a file's name: `{step:07d}`

NO_CHECKPOINT = "no checkpoint: its training has not reached one, or failed"
# `empty`: no visible files; `other`: a user's files; `run`: a run with a checkpoint;
# `begun`: a run before its first checkpoint; `cut`: no run, but the lock of a process that was
# killed or failed before its run began, or that is still starting
State: TypeAlias = Literal["empty", "cut", "begun", "run", "other"]


def run_folder(name: object) -> Path | None:
    """Return the folder `name`, a path or a run, if it has a `spec.yaml`; else None."""
    name = name.folder if isinstance(name, RunFolder) else name
    if is_path(name) and (Path(name) / SPEC).is_file():
        return Path(name)
    return None


class RunError(GanspecError):
    """Raised when a run cannot be trained or used, for example because its folder is missing."""


def require_flag(name: str, value: object) -> None:
    """Raise RunError unless the option `name` is True or False."""
    if not isinstance(value, bool):
        raise RunError(f"{name} is {value!r}: name True or False")


class RunFolder:
    """A folder in which one process at a time trains.

    The user may keep other files in it. They are neither read nor deleted.
    """

    def __init__(self, folder: Path | str):
        if not is_path(folder):
            raise RunError(f"{quoted(folder)} is no path: name the folder of a run")
        self.folder = Path(folder)
        self.spec_path = self.folder / SPEC
        self.log_path = self.folder / "log.jsonl"
        self.checkpoint_path = self.folder / "checkpoint.pt"
        self.info_path = self.folder / "run.json"
        self.losses_path = self.folder / "losses.png"
        self.was_cut = False  # True if `lock` found a lock file that an earlier process left
        self._unlock: Callable[[], None] | None = None
        self._place: os.stat_result | None = None
        self._is_beginning = False

    def state(self) -> State:
        """Return the state of the folder, one of the words in `State`.

        A run begins by making the lock, and has begun once it has written `run.json`. So a folder
        with a lock but without `run.json` holds no training that could be lost.
        """
        if not self.folder.is_dir():
            return "empty"
        has_checkpoint = self.checkpoint_path.is_file()
        if self.spec_path.is_file() and (has_checkpoint or self.info_path.is_file()):
            return "run" if has_checkpoint else "begun"
        if (self.folder / LOCK).is_file():
            return "cut"
        leftovers = set(self._leftovers())
        visible = (path for path in self.folder.iterdir() if path not in leftovers)
        return "other" if any(not path.name.startswith(".") for path in visible) else "empty"

    def require_free(self, overwrite: bool, can_resume: bool = False) -> None:
        """Raise RunError if a run cannot begin in the folder.

        If `overwrite` is True, the folder may hold an older run. If `can_resume` is True, the
        message also offers `--resume`.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise RunError(f"{self.folder} is a file; choose another --out")
        state = self.state()
        if state == "other":
            message = f"{self.folder} holds other files, and is not a run of ganspec"
            raise RunError(f"{message}: choose another --out")
        if state in ("run", "begun") and not overwrite:
            resume = "--resume to go on with it, " if can_resume else ""
            raise RunError(
                f"{self.folder} exists; add {resume}--overwrite to replace it, "
                "or --out for another folder"
            )

    def lock(self) -> None:
        """Make the folder if it is missing, and keep other processes from training in it.

        Raises RunError if another process trains there, or if a folder has the name of one of the
        run's files, or a file the name of the folder of samples or snapshots.
        """
        named = [path for pattern in (LOCK, SPEC, *FILES) for path in self.folder.glob(pattern)]
        blocking = [f"{path} is a folder" for path in named if path.is_dir()]
        parts = (self.folder / part for part in PARTS)
        blocking += [f"{path} is a file" for path in parts if path.is_file()]
        if blocking:
            raise RunError(f"{blocking[0]}: move it, or choose another --out")
        # imported here, since most commands never lock a run, and so start faster
        from filelock import FileLock, Timeout

        # `mkdir` fails at a link to a folder that does not exist
        make_folder(Path(os.path.realpath(self.folder)))
        path = self.folder / LOCK
        self.was_cut = path.exists()
        lock = FileLock(path)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            message = f"{self.folder} is being trained by another process"
            raise RunError(f"{message}: wait until it ends, or choose another --out") from None
        self._unlock, self._place = lock.release, self.folder.stat()

    def release(self) -> None:
        """Let other processes train in the folder again; nothing changes if it is not locked.

        If the run failed to begin, the lock file stays, which makes the folder's state `cut`.
        """
        if self._unlock:
            if not self._is_beginning and self._holds_place():
                with suppress(OSError):  # Windows deletes no open file
                    (self.folder / LOCK).unlink()
            self._unlock()
            self._unlock = None

    def require_present(self) -> None:
        """Raise RunError if the locked folder was moved or replaced, or its spec deleted."""
        holds_place = self._holds_place()
        if not (holds_place and self.spec_path.is_file()):
            gone = self.spec_path if holds_place else self.folder
            raise RunError(f"{gone} was deleted or moved during the training, which ends here")

    def _holds_place(self) -> bool:
        """Return True if the folder is still the one that `lock` locked, or was never locked."""
        try:
            return self._place is None or os.path.samestat(self.folder.stat(), self._place)
        except OSError:
            return False

    def begin_with(self, overwrite: bool, source: Path, kinds: list[Path]) -> None:
        """Lock the folder and delete the run in it, so that a new run can begin.

        `source` and `kinds` are the paths of the emitted source and of the copies of kinds that the
        new run will write. Raises RunError in the cases of `lock` and `require_free`, and if the
        user has written or edited one of these files.
        """
        self.lock()
        self.require_free(overwrite)  # again, since there may be new files by now
        is_own = source.is_file() and is_emitted(source.read_bytes())
        edited = [source] if source.exists() and not is_own else []
        if self.state() != "cut":  # a cut run has no hashes that tell if its copies were edited
            copies = set(self._copies())
            edited += [path for path in kinds if path.exists() and path not in copies]
        edited += [path.parent for path in kinds if path.parent.is_file()]
        if edited:
            raise RunError(
                f"{edited[0]} is not as ganspec wrote it: move it, or choose another --out"
            )
        self._is_beginning = True
        self.clear()

    # -- the run's own files ------------------------------------------------------------------

    def samples(self) -> dict[int, Path]:
        """Return the paths of the run's pictures, by training step, in order of steps."""
        return self._by_step("samples")

    def snapshots(self) -> dict[int, Path]:
        """Return the paths of the weights in `snapshots/`, by training step, in order of steps."""
        return self._by_step("snapshots")

    def _by_step(self, part: str) -> dict[int, Path]:
        """Return the files in the folder `part` by the steps in their names, in order of steps."""
        paths = (self.folder / part).glob(f"*{PARTS[part]}")
        steps = ((int(path.stem), path) for path in paths if STEP.fullmatch(path.stem))
        return {step: path for step, path in sorted(steps) if path.is_file()}

    def clear(self) -> None:
        """Delete the files of the run, except the lock and `spec.yaml`, which a new run replaces.

        Files of the user stay. So do emitted files and copies of kinds that the user has edited.
        """
        kinds = list(self._copies())
        for pattern in FILES:
            for path in self.folder.glob(pattern):
                path.unlink()
        for path in [*self.samples().values(), *self.snapshots().values(), *kinds]:
            path.unlink()
        for path in self.folder.glob("*.py"):
            if path.is_file() and is_emitted(path.read_bytes(), path.stem):
                path.unlink()
        self.sweep()
        for name in (*PARTS, "kinds", "tensorboard"):
            with suppress(OSError):  # the folder holds files of the user, or does not exist
                (self.folder / name).rmdir()

    def _copies(self) -> Iterator[Path]:
        """Yield the paths of the copies in `kinds/` that nobody has edited."""
        with suppress(OSError, ValueError, RecursionError, TypeError, KeyError):
            for entry in json.loads(self.info_path.read_text("utf-8"))["kinds"]:
                path = self.folder / "kinds" / Path(entry["name"]).name
                if hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]:
                    yield path

    def sweep(self) -> None:
        """Delete the unfinished files that a killed process left."""
        for path in self._leftovers():
            path.unlink()

    def _leftovers(self) -> Iterator[Path]:
        """Yield the run's unfinished files, which have the names that `atomic.replacing` gives."""
        names = (SPEC, *FILES, "*.py")
        patterns = [f".{name}.*{Path(name).suffix}" for name in names if "/" not in name]
        patterns += [f"{part}/.{'[0-9]' * 7}*.*{suffix}" for part, suffix in PARTS.items()]
        for pattern in [*patterns, "kinds/.*.py.*.py"]:
            yield from (path for path in self.folder.glob(pattern) if path.is_file())
