"""Read a run folder, whatever in it is missing or damaged."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from ganspec.language.errors import GanspecError, printable
from ganspec.plots.log import Column, Epochs, columns
from ganspec.runs.run import LOCK, MissingKindsError, Run
from ganspec.runs.score_file import ScoreRow, read_lines
from ganspec.systems.spec import Spec

LONGEST = 400_000  # characters of a text file that are shown


@dataclass
class RunRecord:
    """One run as a page shows it; `label` tells it from the others on the page."""

    folder: Path
    label: str = ""
    complaint: str | None = None  # why the spec cannot be read
    spec: Spec | None = None
    info: dict[str, object] = field(default_factory=dict)
    scores: list[ScoreRow] = field(default_factory=list)
    lost_scores: int = 0  # lines of its file that hold none
    columns: dict[str, Column] = field(default_factory=dict)
    last_step: int = 0

    @property
    def run(self) -> Run:
        return Run(self.folder)

    @property
    def name(self) -> str:
        return self.spec.name if self.spec else self.folder.resolve().name

    @property
    def form(self) -> str:
        """Return what the run's networks do with images, as a class of a page's style."""
        known = {"draws": self.draws, "predicts": self.predicts, "restores": self.spec is not None}
        return next((name for name, holds in known.items() if holds), "run")

    @property
    def draws(self) -> bool:
        """Return True if a network of the run makes images of latents."""
        return self.spec is not None and self.spec.draws is not None

    @property
    def judges(self) -> bool:
        """Return True if a network of the run tells real images from drawn ones."""
        return self.spec is not None and self.spec.judges is not None

    @property
    def predicts(self) -> bool:
        """Return True if a network of the run scores classes."""
        return self.spec is not None and self.spec.predicts is not None

    @property
    def epochs(self) -> Epochs | None:
        """Return how steps become epochs, where the run or its spec says so."""
        train = self.spec.train if self.spec else None
        warmup = getattr(train, "warmup", None)
        steps = self.info.get("epoch_steps", getattr(train, "iterations", None))
        if type(steps) is not int or steps < 1:
            return None
        return Epochs(steps, warmup.iterations if warmup else 0)

    @cached_property
    def samples(self) -> dict[int, Path]:
        """Return the pictures that training made, by step."""
        found = sorted((self.folder / "samples").glob("*.png"))
        return {int(p.stem): p for p in found if p.stem.isascii() and p.stem.isdigit()}

    @cached_property
    def source(self) -> tuple[str, str]:
        """Return the emitted file's name and text; the text is empty where there is none."""
        if self.spec is None:
            return "", ""
        name = f"{self.spec.name}.py"
        return name, text_of(self.folder / name)

    @cached_property
    def spec_text(self) -> str:
        return text_of(self.run.spec_path)

    @property
    def command(self) -> str:
        """Return the command that began the run, quoted for a shell."""
        words = self.info.get("command")
        if not isinstance(words, list):
            return ""
        return printable(shlex.join(map(str, words)))

    @property
    def settings(self) -> list[str]:
        """Return what the command changed in its spec: the values of `--set`."""
        words = self.info.get("command")
        words = [str(word) for word in words] if isinstance(words, list) else []
        after = [value for option, value in pairwise(words) if option == "--set"]
        joined = [w.removeprefix("--set=") for w in words if w.startswith("--set=")]
        return [printable(word) for word in after + joined]

    @property
    def environment(self) -> dict[str, str]:
        """Return the other entries of `run.json`, as text."""
        return {
            printable(str(key)): printable(_entry_text(value))
            for key, value in self.info.items()
            if key not in ("command", "classes")
        }

    @property
    def in_training(self) -> bool:
        """Return True if a process holds the run's lock, or held it and was killed."""
        return (self.folder / LOCK).exists()

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield the folder's own files and their sizes."""
        for path in sorted(self.folder.iterdir()):
            if path.is_file() and not path.name.startswith(".") and path.suffix != ".html":
                yield path.name, size_text(path.stat().st_size)


def _entry_text(value: object) -> str:
    """Return an entry of `run.json` as one reads it: files by their names and short sums."""
    match value:
        case str():
            return value
        case [{"name": str(), "sha256": str()}, *_]:
            parts = [each for each in value if isinstance(each, dict)]
            return ", ".join(f"{p.get('name')} ({str(p.get('sha256'))[:8]})" for p in parts)
    return json.dumps(value)


def read_record(folder: Path) -> RunRecord:
    """Return the run in `folder`. Raises RunError where there is none."""
    run = Run.open(folder)
    record = RunRecord(Path(folder), info=_mapping(run.info_path))
    try:
        record.spec = run.spec
    except MissingKindsError:
        raise  # the user can give them, and then the page is whole
    except GanspecError as error:
        record.complaint = str(error)
    rows = run.rows()
    record.columns = columns(rows)
    record.last_step = max((int(c.steps[-1]) for c in record.columns.values()), default=0)
    rows_or_none = [row for _, row in read_lines(run.folder)]
    record.scores = [row for row in rows_or_none if row is not None]
    record.lost_scores = rows_or_none.count(None)
    return record


def read_records(folders: list[Path]) -> list[RunRecord]:
    """Return several runs, labelled by the names of their folders, or by their paths."""
    records = [read_record(folder) for folder in folders]
    names = [record.folder.resolve().name for record in records]
    names = [
        name if names.count(name) == 1 else str(record.folder)
        for record, name in zip(records, names, strict=True)
    ]
    for i, (record, name) in enumerate(zip(records, names, strict=True)):
        seen = names[:i].count(name)
        record.label = printable(f"{name} ({seen + 1})" if seen else name)
    return records


def text_of(path: Path) -> str:
    """Return a text file's beginning; empty where it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST)
    except OSError:
        return ""


def _mapping(path: Path) -> dict[str, object]:
    try:
        found = json.loads(text_of(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def size_text(size: int) -> str:
    """Return a number of bytes in words: `1.2 MB`."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"
