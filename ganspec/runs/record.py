"""Read a run folder, even if some of its files are missing or damaged."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from ganspec.language.errors import GanspecError, printable
from ganspec.plots.log import Column, Epochs
from ganspec.runs.folder import LOCK
from ganspec.runs.run import MissingKindsError, Run
from ganspec.runs.score_file import ScoreRow, read_lines
from ganspec.systems.spec import Spec

LONGEST = 400_000  # most characters of a text file that a report shows


@dataclass
class RunRecord:
    """The contents of a run folder, for reports and tables, which call the run `label`."""

    folder: Path
    label: str = ""
    complaint: str | None = None  # the reason why the spec cannot be read
    spec: Spec | None = None
    info: dict[str, object] = field(default_factory=dict)
    scores: list[ScoreRow] = field(default_factory=list)
    lost_scores: int = 0  # lines of `scores.jsonl` that cannot be read

    @property
    def run(self) -> Run:
        return Run(self.folder)

    @property
    def name(self) -> str:
        return self.spec.name if self.spec else self.folder.resolve().name

    @property
    def form(self) -> str:
        """The task of the run's networks: `draws`, `predicts`, `restores`; `run` without a spec."""
        if self.spec is None:
            return "run"
        return "draws" if self.draws else "predicts" if self.predicts else "restores"

    @property
    def draws(self) -> bool:
        """True if a network of the run draws images from latents."""
        return self.spec is not None and self.spec.draws is not None

    @property
    def judges(self) -> bool:
        """True if a network of the run tells real images from drawn ones."""
        return self.spec is not None and self.spec.judges is not None

    @property
    def predicts(self) -> bool:
        """True if a network of the run predicts classes."""
        return self.spec is not None and self.spec.predicts is not None

    @property
    def epochs(self) -> Epochs | None:
        """The conversion of steps to epochs; None if the steps per epoch are unknown."""
        train = self.spec.train if self.spec else None
        steps = self.info.get("epoch_steps", train and train.iterations)
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            return None
        return Epochs(steps, train.warmup_steps if train else 0)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The columns of the log by name, read when first needed, as a long log takes a while."""
        return self.run.loss_log.columns()

    @property
    def last_step(self) -> int:
        """The last step with a finite number in the log; 0 if there is none."""
        return max((int(column.steps[-1]) for column in self.columns.values()), default=0)

    @cached_property
    def claimed_log(self) -> dict[str, Column]:
        """The log's numbers by step, as the spec's report claims them; {} without a spec.

        Claimed epochs are converted to steps by the steps per epoch of this run.
        """
        return self.spec.report.log_columns(self.epochs) if self.spec else {}

    @cached_property
    def samples(self) -> dict[int, Path]:
        """The paths of the pictures that the training made, by step."""
        return self.run.samples()

    @cached_property
    def source(self) -> tuple[str, str]:
        """The name and the text of the emitted file; two empty texts if the spec cannot be read."""
        if self.spec is None:
            return "", ""
        name = f"{self.spec.name}.py"
        return name, text_of(self.folder / name)

    @cached_property
    def spec_text(self) -> str:
        return text_of(self.run.spec_path)

    @property
    def command(self) -> str:
        """The command that began the run, quoted for a shell; "" if that is unknown."""
        return printable(shlex.join(self._command()))

    @property
    def settings(self) -> list[str]:
        """The values of `--set` in the command that began the run; [] if that is unknown."""
        words = self._command()
        after = [value for option, value in pairwise(words) if option == "--set"]
        joined = [w.removeprefix("--set=") for w in words if w.startswith("--set=")]
        return [printable(word) for word in after + joined]

    def _command(self) -> list[str]:
        words = self.info.get("command")
        return [str(word) for word in words] if isinstance(words, list) else []

    @property
    def environment(self) -> dict[str, str]:
        """The entries of `run.json` as texts, without `command`, `classes` and empty lists.

        Hashes are cut to 8 digits.
        """
        return {
            printable(str(key)): printable(_entry_text(value))[: 8 if "sha256" in key else None]
            for key, value in self.info.items()
            if key not in ("command", "classes") and value != []
        }

    @property
    def in_training(self) -> bool:
        """True if the lock file exists: a process trains the run, or was killed while it did."""
        return (self.folder / LOCK).exists()

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield the names and sizes of the folder's files, except hidden files and HTML pages."""
        for path in sorted(self.folder.iterdir()):
            if path.is_file() and not path.name.startswith(".") and path.suffix != ".html":
                yield path.name, size_text(path.stat().st_size)


def _entry_text(value: object) -> str:
    """Return the value of an entry of `run.json` as text.

    A list of files becomes their names and the starts of their hashes, and a map `KEY VALUE, ...`.
    Other values become JSON, unless they are texts or numbers.
    """
    match value:
        case str():
            return value
        case int() | float() if not isinstance(value, bool):
            return f"{value:,}".removesuffix(".0")
        case {}:
            return ", ".join(f"{key} {_entry_text(entry)}" for key, entry in value.items())
        case [{"name": str(), "sha256": str()}, *_]:
            parts = [each for each in value if isinstance(each, dict)]
            return ", ".join(f"{p.get('name')} ({str(p.get('sha256'))[:8]})" for p in parts)
    return json.dumps(value)


def read_record(folder: Path) -> RunRecord:
    """Return the contents of the run in `folder`.

    Raises RunError if it is not a run, and MissingKindsError if its kinds are not loaded.
    """
    run = Run.open(folder)
    record = RunRecord(Path(folder), info=run.info())
    try:
        record.spec = run.spec
    except MissingKindsError:
        raise  # not a complaint, as the user can load the kinds and try again
    except GanspecError as error:
        record.complaint = str(error)
    rows_or_none = [row for _, row in read_lines(run.folder)]
    record.scores = [row for row in rows_or_none if row is not None]
    record.lost_scores = rows_or_none.count(None)
    return record


def read_records(folders: list[Path]) -> list[RunRecord]:
    """Return the contents of several runs, labelled by the names of their folders.

    Runs whose folders have the same name are labelled by their paths. Raises what `read_record`
    raises: RunError and MissingKindsError.
    """
    records = [read_record(folder) for folder in folders]
    names = [record.folder.resolve().name for record in records]
    paths = [str(record.folder) for record in records]
    for record, name in zip(records, distinct(names, paths), strict=True):
        record.label = printable(name)
    return records


def distinct(names: list[str], longer: list[str]) -> list[str]:
    """Return `names` made distinct: names that are equal are replaced by those of `longer`.

    If these are equal, too, the second and later ones get a number, such as `runs/a (2)`.
    """
    pairs = zip(names, longer, strict=True)
    chosen = [name if names.count(name) == 1 else long for name, long in pairs]
    seen = [chosen[:i].count(name) for i, name in enumerate(chosen)]
    return [f"{name} ({n + 1})" if n else name for name, n in zip(chosen, seen, strict=True)]


def text_of(path: Path) -> str:
    """Return the first `LONGEST` characters of a text file; "" if it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST)
    except OSError:
        return ""


def size_text(size: int) -> str:
    """Return a number of bytes as text, such as `512 bytes` or `1.2 MB`."""
    if size < 1000:
        return f"{size:,.0f} bytes"
    for unit, bytes_ in (("kB", 1e3), ("MB", 1e6)):
        if size < 1000 * bytes_:
            return f"{size / bytes_:.3g} {unit}"
    return f"{size / 1e9:,.1f} GB"
