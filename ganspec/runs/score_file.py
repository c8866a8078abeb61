"""`scores.jsonl`: the scores of a run, a JSON map a line, with everything that each depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Required, TypedDict, cast

from ganspec.atomic import write_text
from ganspec.plots.log import HUGE

NAME = "scores.jsonl"


class ExtractorEntry(TypedDict, total=False):
    """The feature extractor of a score; `features` is None if the score reads outputs alone."""

    name: str
    sha256: str
    layer: str | None
    features: int | None


class ReferenceEntry(TypedDict, total=False):
    """The real images that a score rests on."""

    dataset: str
    split: str | None
    images: int
    sha256: str


class ScoreRow(TypedDict, total=False):
    """One score. Files of other versions may lack any entry but the first two."""

    metric: Required[str]
    value: Required[float]
    deviation: float | None
    of: str  # `generated` or `real`
    step: int | None
    epoch: float | None
    weights: str | None  # `average` or `raw`
    images: int
    extractor: ExtractorEntry
    resize: str
    seed: int | None
    labels: str | None  # the source of the labels that the images were drawn for
    reference: ReferenceEntry | None
    note: str
    per_class: dict[str, float]


TYPES: dict[str, type] = {  # of entries, those of the inner maps too
    **dict.fromkeys(("value", "deviation", "epoch"), float),
    **dict.fromkeys(("step", "images", "seed", "features"), int),
    **dict.fromkeys(("metric", "of", "weights", "resize", "labels", "note"), str),
    **dict.fromkeys(("name", "sha256", "layer", "dataset", "split"), str),
    **dict.fromkeys(("extractor", "reference", "per_class"), dict),
}
LARGEST = 1e15  # no count is larger


def read_scores(folder: Path) -> list[ScoreRow]:
    """Return the run's scores in the order in which they were taken."""
    return read_score_lines(folder)[0]


def read_score_lines(folder: Path) -> tuple[list[ScoreRow], int]:
    """Return the run's scores, and the number of lines that hold none."""
    rows = [_row(line) for line in _lines(folder)]
    scores = [row for row in rows if row is not None]
    return scores, len(rows) - len(scores)


def _lines(folder: Path) -> list[str]:
    try:
        return (folder / NAME).read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _row(line: str) -> ScoreRow | None:
    """Return the score in a line, without entries of a wrong type; None if there is no score."""
    try:
        entries = json.loads(line)
    except (ValueError, RecursionError):
        return None
    row = _typed(entries) if isinstance(entries, dict) else {}
    if row.get("metric") is None or row.get("value") is None:
        return None
    return cast("ScoreRow", row)  # `_typed` has checked the entries that it names


def _typed(entries: dict[str, object]) -> dict[str, object]:
    result: dict[str, object] = {}
    for name, value in entries.items():
        if isinstance(value, dict) and name != "per_class":
            value = _typed(value)
        if value is None or _is(
            value, TYPES.get(name, object), HUGE if name == "value" else LARGEST
        ):
            result[name] = value
    return result


def _is(value: object, expected: type, largest: float) -> bool:
    if expected in (int, float) and isinstance(value, int | float):
        is_number = not isinstance(value, bool) and abs(value) < largest
        return is_number and (expected is float or isinstance(value, int))
    return isinstance(value, expected)


def append_scores(folder: Path, rows: list[ScoreRow]) -> None:
    """Add scores, one line each, at the end of the file; a cut line is ended first."""
    path = folder / NAME
    text = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    if path.is_file() and not path.read_bytes().endswith(b"\n") and path.stat().st_size:
        text = "\n" + text
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def forget_scores(folder: Path, step: int) -> None:
    """Remove the scores of steps after `step`, when a run goes back to it."""
    rows = read_scores(folder)
    kept = [row for row in rows if (row.get("step") or 0) <= step]
    if len(kept) < len(rows):
        write_text(folder / NAME, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in kept))
