"""The image files of a run: those that it trains on, and those that it skips.

`images.jsonl` has a line for each image, in order: the path of its file in the data set's folder,
its label, and the start of the file's SHA-256. Its last line is a SHA-256 of all lines before.
`skipped.jsonl` has a line for each file that cannot be read: the reason, the file that is read in
its place, if any, and the training step from which on it is skipped. It does not exist if all files
can be read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from ganspec.atomic import write_text
from ganspec.kinds.datasets.image_files import ImageFiles, Listing, Skipped
from ganspec.runs.log import Log
from ganspec.runs.run import RunError


def write_images(folder: Path, files: ImageFiles) -> None:
    """Write `images.jsonl` into the run's `folder`; also `skipped.jsonl` if files are skipped."""
    rows = zip(files.stamps, files.labels.tolist(), strict=True)
    lines = [
        json.dumps({"file": files.name(i), "label": label, "sha256": stamp.sha256})
        for i, (stamp, label) in enumerate(rows)
        if stamp
    ]
    text = "".join(f"{line}\n" for line in lines)
    end = json.dumps({"sha256": _digest(text)})
    write_text(folder / "images.jsonl", f"{text}{end}\n")
    note_skipped(folder, files.skipped, step=0)


def read_images(folder: Path) -> Listing | None:
    """Return the images that the run in `folder` trains on; None if it has no `images.jsonl`.

    Raises RunError if that file is damaged.
    """
    path = folder / "images.jsonl"
    try:
        *lines, end = path.read_text("utf-8").splitlines(keepends=True)
        if json.loads(end) != {"sha256": _digest("".join(lines))}:
            raise ValueError
        names, labels, hashes = zip(*(json.loads(line).values() for line in lines), strict=True)
    except FileNotFoundError:
        return None
    except ValueError:
        raise RunError(f"{path} is damaged: begin the run again with --overwrite") from None
    skipped = [str(row.get("file")) for row in _skipped_log(folder).rows()]
    return Listing(list(names), list(labels), list(hashes), skipped)


def note_skipped(folder: Path, skipped: Sequence[Skipped], step: int) -> None:
    """Add a line for each file that is skipped from `step` on, unless it has one."""
    log = _skipped_log(folder)
    known = {str(row.get("file")) for row in log.rows()}
    if new := [each._asdict() | {"step": step} for each in skipped if each.file not in known]:
        log.append(new)


def rewind_skipped(folder: Path, step: int) -> None:
    """Remove the lines of the files that are skipped only since a step after `step`."""
    log = _skipped_log(folder)
    if log.path.exists():
        log.rewind(step)


def _skipped_log(folder: Path) -> Log:
    return Log(folder / "skipped.jsonl")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
