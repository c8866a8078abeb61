"""What a user names to be compared: a spec, a run's folder, or a spec at a revision of git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ganspec.language.errors import GanspecError, Mark, fail, quoted
from ganspec.language.load import shape
from ganspec.language.source import MAX_CHARACTERS, read
from ganspec.runs.run import Run
from ganspec.systems.load import load, resolve
from ganspec.systems.spec import Spec

SUFFIXES = (".yaml", ".yml")


class RevisionError(GanspecError):
    """A revision that cannot be read: no git, no repository, or nothing of that name in it."""


def opened(name: str) -> Spec:
    """The spec that `name` stands for: a file, a run's folder, or `FILE@REVISION`.

    What exists under the whole name is taken first. At a revision the files that the spec extends
    are those of that revision, too. Raises SpecError, or RevisionError.
    """
    path = Path(name)
    if (path / "spec.yaml").is_file():
        return Run.open(path).spec
    if "@" not in name or os.path.lexists(path):
        return load(path)
    file, revision = _parted(name)
    if not file:
        raise RevisionError(f"{quoted(name)} names no file; write FILE@REVISION")
    return at_revision(Path(file), revision)


def _parted(name: str) -> tuple[str, str]:
    """File and revision: parted at the first `@` behind a spec's suffix, or the first at all."""
    places = [i for i, character in enumerate(name) if character == "@"]
    behind = [i for i in places if name[:i].endswith(SUFFIXES)]
    at = (behind or places)[0]
    return name[:at], name[at + 1 :]


def at_revision(file: Path, revision: str) -> Spec:
    """The spec `file` as it was at `revision` in its own repository."""
    if not revision or revision.startswith("-") or ":" in revision:
        raise RevisionError(f"{quoted(revision)} is no revision; write FILE@REVISION, as HEAD~1")
    folder, below = _existing(file)
    if _git(folder, "rev-parse", "--is-inside-work-tree").strip() != b"true":
        raise RevisionError(f"{folder} is in no working tree of git")
    commit = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    try:
        _git(folder, *commit)
    except RevisionError:
        message = f"{quoted(revision)} is no revision of the repository of {file}"
        raise RevisionError(f"{message}; see `git log`") from None

    def content(path: Path, at: Mark | None) -> str:
        try:
            data = _git(folder, "cat-file", "blob", str(path))
        except RevisionError:
            fail("missing-file", f"{quoted(str(path))} is not in the repository", at)
        if len(data) > 4 * MAX_CHARACTERS:
            fail(
                "too-large", f"{quoted(str(path))} is larger than {4 * MAX_CHARACTERS:,} bytes", at
            )
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            fail("encoding", f"{quoted(str(path))} is not UTF-8 at byte {error.start}", at)

    # git's own name of a file at a revision, below the folder that git is run in
    return resolve(read(Path(f"{revision}:.") / below, shape, content))


def _existing(file: Path) -> tuple[Path, Path]:
    """The nearest folder of `file` that is still there, and the rest of its path."""
    folder = next(parent for parent in _parents(file) if parent.is_dir())
    return folder, file.relative_to(folder)


def _parents(file: Path) -> Iterator[Path]:
    yield from file.parents
    yield Path("/")


def _git(folder: Path, *words: str) -> bytes:
    """What git prints in `folder`; raises RevisionError where it fails."""
    command = ["git", "-C", str(folder), *words]
    try:
        run = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise RevisionError("FILE@REVISION needs git, which is not installed") from None
    if run.returncode:
        said = run.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[0].removeprefix("fatal: ") if said else "it gave no reason"
        raise RevisionError(f"git cannot read {folder}: {reason}")
    return run.stdout
