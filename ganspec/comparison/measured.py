"""The scores that a run's folder holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ganspec.runs.score_file import read_scores


@dataclass(frozen=True)
class Measured:
    """One score of a run: its value, and what it was measured on and with."""

    metric: str
    value: float
    deviation: float | None = None
    of: str = "generated"
    images: int | None = None
    extractor: str | None = None


def newest(folder: Path) -> dict[str, Measured]:
    """The last score of each metric in a run's folder; of real images only where no others are."""
    found: dict[str, Measured] = {}
    for row in read_scores(folder):
        try:
            score = _score(row)
        except (ValueError, TypeError, AttributeError, OverflowError):
            continue  # whoever wrote it, no measurement did
        known = found.get(score.metric)
        if known is None or score.of != "real" or known.of == "real":
            found[score.metric] = score
    return found


def _score(row: dict[str, object]) -> Measured:
    """A row of the file; raises ValueError, TypeError, AttributeError or OverflowError."""
    extractor, deviation, images = row.get("extractor"), row.get("deviation"), row.get("images")
    score = Measured(
        str(row["metric"]),
        float(row["value"]),
        None if deviation is None else float(deviation),
        str(row.get("of") or "generated"),
        None if images is None else int(images),
        str(extractor["name"]) if isinstance(extractor, dict) and "name" in extractor else None,
    )
    if not math.isfinite(score.value):
        raise ValueError("no number")
    return score
