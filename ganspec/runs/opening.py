"""Open a spec by name: a file, a run, a spec that comes with ganspec, or a file at a revision."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ganspec.language.errors import GanspecError, Mark, fail, nearest, quoted
from ganspec.language.load import shape
from ganspec.language.names import SUFFIXES, entries_of
from ganspec.language.paths import is_path
from ganspec.language.settings import override
from ganspec.language.source import MAX_CHARACTERS, read
from ganspec.language.tree import MapNode
from ganspec.runs.folder import RunFolder, run_folder
from ganspec.runs.run import Run
from ganspec.streams import DASH, is_input
from ganspec.systems.load import load, resolve
from ganspec.systems.spec import Spec
from ganspec.systems.starters import starters


class RevisionError(GanspecError):
    """Raised when `FILE@REVISION` names no file or no revision, or when git cannot be used."""


def open_spec(name: Spec | RunFolder | str | Path, settings: str | Sequence[str] = ()) -> Spec:
    """Return the spec called `name`, changed by settings such as `train.batch=32`, one or several.

    `name` is a spec file, `-` for standard input, a run's folder, the name of a spec that comes
    with ganspec, or `FILE@REVISION`; if a file of exactly this name exists, it is opened. Of a spec
    at a revision, the files that it extends are read at that revision, too. `name` may also be a
    run or a spec itself. Raises SpecError, RevisionError, and MissingKindsError for a run whose
    kinds are not loaded.
    """
    if isinstance(settings, Mapping):
        message = "settings are texts such as `train.batch=64`, not a map"
        fail("bad-setting", message, None, "call `with_values` of the spec, which takes a map")
    settings = entries_of(settings)
    if isinstance(name, Spec):
        assert isinstance(name.tree, MapNode)
        return resolve(override(name.tree, settings, shape)) if settings else name
    path, name = Path(path_of(name)), str(path_of(name))
    if folder := run_folder(path):
        return Run.open(folder).read_spec(settings)
    if os.path.lexists(path) or name == DASH:
        return load(path, settings)
    if "@" not in name:
        is_bare = not path.suffix and path.name == name
        return load(_known(name) if is_bare else path, settings)
    # folders and revisions may have an `@` in their names, so the name is split after `.yaml` or
    # `.yml` if possible
    places = [i for i, character in enumerate(name) if character == "@"]
    at = next((i for i in places if name[:i].endswith(SUFFIXES)), places[0])
    if not at:
        raise RevisionError(f"{quoted(name)} names no file; write FILE@REVISION")
    if name[:at] in starters() and not os.path.lexists(name[:at]):
        told = f"`{name[:at]}` comes with ganspec and has no revisions"
        raise RevisionError(f"{told}: leave {name[at:]} out, or name a file of a repository")
    return _at_revision(Path(name[:at]), name[at + 1 :], settings)


def path_of(name: RunFolder | str | Path) -> str | Path:
    """Return `name` if it is a path, or the folder if it is a run. Raises SpecError if neither."""
    name = name.folder if isinstance(name, RunFolder) else name
    if not is_path(name):
        help = "name the file of a spec, or the folder of a run"
        fail("missing-file", f"{quoted(name)} is no spec, no path and no run", None, help)
    return name if isinstance(name, str) else Path(name)


def names_spec(name: str | Path) -> bool:
    """Return True if `open_spec` would take `name` for a spec, and not for a run's folder.

    Any file counts as a spec, whatever it contains.
    """
    if os.path.lexists(name):
        return is_input(name)
    return str(name) == DASH or "@" in str(name) or str(name) in starters()


def _known(name: str) -> Path:
    """Return the file of the spec `name` that comes with ganspec. Raises SpecError if none does."""
    known = starters()
    if name not in known:
        message = f"{quoted(name)} is no file, no run and no name in `ganspec new --list`"
        files = {path.stem: path.name for path in Path().glob("*.yaml")}
        close = nearest(name, {**known, **files})
        help = f"use `{files.get(close, close)}`" if close else None
        fail("missing-file", message, None, help)
    return known[name]


def _at_revision(file: Path, revision: str, settings: Sequence[str]) -> Spec:
    """Return the spec in `file` at `revision` of its git repository, changed by settings.

    Raises RevisionError if git cannot be used there or does not know `revision`, and SpecError for
    a file that is missing or has mistakes.
    """
    if not revision or revision.startswith("-") or ":" in revision:
        raise RevisionError(f"{quoted(revision)} is no revision; write FILE@HEAD~1, for example")
    # the nearest folder that exists, since the file's own may have been deleted after `revision`
    folder = next(parent for parent in (*file.parents, Path("/")) if parent.is_dir())
    if _git(folder, "rev-parse", "--is-inside-work-tree").strip() != b"true":
        raise RevisionError(f"{folder} is in no working tree of git, which FILE@REVISION needs")
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

    # `REVISION:./PATH` is git's name of a file; the path is relative to `folder`
    name = Path(f"{revision}:.") / file.relative_to(folder)
    return resolve(override(read(name, shape, content), settings, shape))


def _git(folder: Path, *words: str) -> bytes:
    """Return what git prints to standard output when it runs in `folder`.

    Raises RevisionError if git fails or is not installed.
    """
    command = ["git", "-C", str(folder), *words]
    try:
        run = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise RevisionError("FILE@REVISION needs git, which is not installed") from None
    if run.returncode:
        lines = run.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[0].removeprefix("fatal: ") if lines else "it gave no reason"
        raise RevisionError(f"git cannot read {folder}: {reason}")
    return run.stdout
