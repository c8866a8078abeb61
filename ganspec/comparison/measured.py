"""The scores that a run's folder holds."""

from __future__ import annotations

from pathlib import Path

from ganspec.runs.score_file import ScoreRow, read_scores


def newest(folder: Path) -> dict[str, ScoreRow]:
    """Return the last score of each metric in a run's folder, of real images if of no others."""
    scores: dict[str, ScoreRow] = {}
    for row in read_scores(folder):
        earlier = scores.get(row["metric"])
        if earlier is None or row.get("of") != "real" or earlier.get("of") == "real":
            scores[row["metric"]] = row
    return scores
