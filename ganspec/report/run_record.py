"""What a run folder tells, read so that a page can be made whatever is missing or damaged."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from ganspec.compiler.lower import lower
from ganspec.language.errors import GanspecError, printable
from ganspec.plots.curves import HUGE, Column, Epochs, columns
from ganspec.report.table import described
from ganspec.runs.run import LOCK, MissingKinds, Run
from ganspec.systems.spec import Spec

LONGEST = 400_000  # characters of a text file that are shown


@dataclass
class RunRecord:
    """One run as a page shows it; `label` tells it from the others on the page."""

    folder: Path
    label: str = ""
    complaint: str | None = None  # why the spec cannot be read
    spec: Spec | None = None
    networks: dict[str, dict] = field(default_factory=dict)
    info: dict[str, object] = field(default_factory=dict)
    scores: list[dict] = field(default_factory=list)
    lost_scores: int = 0  # lines that are none
    columns: dict[str, Column] = field(default_factory=dict)
    last_step: int = 0

    @property
    def run(self) -> Run:
        return Run(self.folder)

    @property
    def name(self) -> str:
        return self.spec.name if self.spec else self.folder.resolve().name

    @property
    def kind(self) -> str:
        """What is trained: `GAN`, `classifier` or `autoencoder`; `run` where nobody knows."""
        if self.spec is None:
            return "run"
        return self.spec.noun

    @property
    def epochs(self) -> Epochs | None:
        """How steps become epochs, where the run or its spec says so."""
        train = self.spec.train if self.spec else None
        warmup = getattr(train, "warmup", None)
        steps = self.info.get("epoch_steps", getattr(train, "iterations", None))
        if type(steps) is not int or steps < 1:
            return None
        return Epochs(steps, warmup.iterations if warmup else 0)

    @cached_property
    def samples(self) -> dict[int, Path]:
        """The pictures that training made, by step."""
        found = sorted((self.folder / "samples").glob("*.png"))
        return {int(p.stem): p for p in found if p.stem.isascii() and p.stem.isdigit()}

    @cached_property
    def source(self) -> tuple[str, str]:
        """The emitted file's name and text; the text is empty where there is none."""
        if self.spec is None:
            return "", ""
        name = f"{self.spec.name}.py"
        return name, text_of(self.folder / name)

    @cached_property
    def spec_text(self) -> str:
        return text_of(self.run.spec_path)

    @property
    def command(self) -> str:
        """The command that began the run, as a shell takes it."""
        words = self.info.get("command")
        if not isinstance(words, list):
            return ""
        return printable(shlex.join(map(str, words)))

    @property
    def settings(self) -> list[str]:
        """What the command changed in its spec: the values of `--set`."""
        words = self.info.get("command")
        words = [str(word) for word in words] if isinstance(words, list) else []
        after = [value for option, value in pairwise(words) if option == "--set"]
        joined = [w.removeprefix("--set=") for w in words if w.startswith("--set=")]
        return [printable(word) for word in after + joined]

    @property
    def environment(self) -> dict[str, str]:
        """The rest of what the run says of itself."""
        return {
            printable(str(key)): printable(value if isinstance(value, str) else json.dumps(value))
            for key, value in self.info.items()
            if key not in ("command", "classes")
        }

    @property
    def in_training(self) -> bool:
        """Whether a process holds the run's lock, or held it and was killed."""
        return (self.folder / LOCK).exists()

    def files(self) -> Iterator[tuple[str, str]]:
        """The folder's own files and their sizes."""
        for path in sorted(self.folder.iterdir()):
            if path.is_file() and not path.name.startswith(".") and path.suffix != ".html":
                yield path.name, size_text(path.stat().st_size)


def read_record(folder: Path) -> RunRecord:
    """The run in `folder`; raises RunError where there is none."""
    run = Run.open(folder)
    record = RunRecord(Path(folder), info=_mapping(run.info_path))
    try:
        record.spec = run.spec
        record.networks = described(record.spec, lower(record.spec))["networks"]
    except MissingKinds:
        raise  # the user can give them, and then the page is whole
    except GanspecError as error:
        record.complaint = str(error)
    rows = run.rows()
    record.columns = columns(rows)
    record.last_step = max((int(c.steps[-1]) for c in record.columns.values()), default=0)
    path = run.folder / "scores.jsonl"
    record.scores = list(read_scores(path))
    record.lost_scores = len(text_of(path).splitlines()) - len(record.scores)
    return record


def read_records(folders: list[Path]) -> list[RunRecord]:
    """Several runs, told apart by the names of their folders, or by their paths."""
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


def read_scores(path: Path) -> Iterator[dict]:
    """The lines of `scores.jsonl` that are scores; other lines, and huge numbers, are not."""
    for line in text_of(path).splitlines():
        try:
            score = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(score, dict) and isinstance(score.get("metric"), str):
            value = score.get("value")
            if isinstance(value, (int, float)) and abs(value) < HUGE:
                yield score


def text_of(path: Path) -> str:
    """A text file's beginning; empty where it cannot be read."""
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
    """A number of bytes as people write it."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"
