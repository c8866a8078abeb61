"""`scores.jsonl`: every score of a run, a line each, with everything that it depends on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from ganspec.atomic import write_text
from ganspec.plots.log import HUGE

NAME = "scores.jsonl"


def scores_in(lines: Iterable[str]) -> Iterator[dict[str, object]]:
    """Yield the scores in lines of JSON; other lines, and scores of huge values, are left out."""
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and isinstance(row.get("metric"), str):
            value = row.get("value")
            if isinstance(value, (int, float)) and abs(value) < HUGE:
                yield row


def read_scores(folder: Path) -> list[dict[str, object]]:
    """Return the run's scores in the order in which they were taken."""
    path = folder / NAME
    if not path.is_file():
        return []
    return list(scores_in(path.read_text("utf-8", errors="replace").splitlines()))


def append_scores(folder: Path, rows: list[dict[str, object]]) -> None:
    """Add scores, one line each, after whatever is there; a cut line is ended first."""
    path = folder / NAME
    text = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    if path.is_file() and not path.read_bytes().endswith(b"\n") and path.stat().st_size:
        text = "\n" + text
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def forget_scores(folder: Path, step: int) -> None:
    """Remove the scores of steps after `step`, when a run goes back to it."""
    rows = read_scores(folder)
    kept = [row for row in rows if not isinstance(row.get("step"), int) or row["step"] <= step]
    if len(kept) < len(rows):
        write_text(folder / NAME, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in kept))
