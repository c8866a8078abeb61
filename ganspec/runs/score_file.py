"""`scores.jsonl`: the scores of a run with their conditions, one JSON object per line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from ganspec.atomic import write_text, writing
from ganspec.plots.log import HUGE

NAME = "scores.jsonl"

# A line with a number beyond these bounds counts as unreadable: sums and plots of values beyond
# HUGE would overflow, and no count or epoch is as large.
Value: TypeAlias = Annotated[float, Field(gt=-HUGE, lt=HUGE)]
Count: TypeAlias = Annotated[int, Field(gt=-(10**15), lt=10**15)]
Epoch: TypeAlias = Count | Annotated[float, Field(gt=-1e15, lt=1e15)]


@dataclass(frozen=True)
class ScoredBy:
    """The extractor by which a score was computed.

    `features` is the number of its features; None if the score reads logits only. `weights` is the
    file or package of the extractor's weights; None if they are those of a run.
    """

    name: str | None = None
    sha256: str | None = None
    layer: str | None = None
    features: Count | None = 0
    weights: str | None = None


@dataclass(frozen=True)
class ScoredAgainst:
    """The real images that a score was computed with.

    `seed` is the seed that drew them from more images; None if they were not drawn.
    """

    dataset: str | None = None
    split: str | None = None
    images: Count | None = None
    sha256: str | None = None
    seed: Count | None = None


@dataclass(frozen=True)
class ScoreRow:
    """One score and its conditions.

    `labels` is the origin of the labels for which images were generated, such as `test images`.
    `step`, `epoch` and `weights` tell which weights generated the images.
    """

    metric: str
    value: Value
    deviation: Value | None = None
    of: str = "generated"  # or `real`
    step: Count | None = None
    epoch: Epoch | None = None
    weights: str | None = None  # `average` or `raw`
    images: Count | None = None
    extractor: ScoredBy | None = None
    resize: str | None = None
    seed: Count | None = None
    labels: str | None = None
    reference: ScoredAgainst | None = None
    note: str = ""
    per_class: dict[str, float] | None = None


ROW = TypeAdapter(ScoreRow)


def read_scores(folder: Path) -> list[ScoreRow]:
    """Return the scores of the run in `folder`, in the order in which they were measured.

    Unreadable lines are left out.
    """
    return [row for _, row in read_lines(folder) if row is not None]


def read_lines(folder: Path) -> list[tuple[str, ScoreRow | None]]:
    """Return each line of the run's `scores.jsonl` with its score; [] if there is no file.

    The score is None if the line cannot be read.
    """
    try:
        lines = (folder / NAME).read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [(line, _row(line)) for line in lines]


def _row(line: str) -> ScoreRow | None:
    try:
        return ROW.validate_json(line, strict=True)
    except ValidationError:
        return None


def append_scores(folder: Path, rows: list[ScoreRow]) -> None:
    """Append scores to the run's `scores.jsonl`, one line each.

    If a crash cut the last line short, a line break is added after it.
    """
    path = folder / NAME
    text = "".join(_line(row) for row in rows)
    if path.is_file() and not path.read_bytes().endswith(b"\n") and path.stat().st_size:
        text = "\n" + text
    with writing(path), path.open("a", encoding="utf-8") as file:
        file.write(text)


def _line(row: ScoreRow) -> str:
    entries = asdict(row)
    if row.per_class is None:
        del entries["per_class"]
    return json.dumps(entries, ensure_ascii=False, allow_nan=False) + "\n"


def forget_scores(folder: Path, step: int) -> None:
    """Remove the scores of steps after `step`, and a last line that a crash cut short.

    If anything is removed, `scores.png` is deleted. It is drawn again with the next scores.
    """
    lines = read_lines(folder)
    kept = [line for line, row in lines if row is None or (row.step or 0) <= step]
    if lines and lines[-1][1] is None and not (folder / NAME).read_bytes().endswith(b"\n"):
        kept.pop()
    if len(kept) < len(lines):
        write_text(folder / NAME, "".join(line + "\n" for line in kept))
        (folder / "scores.png").unlink(missing_ok=True)
