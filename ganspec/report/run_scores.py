"""A run's claimed scores beside its measured ones, as lines of a table."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ganspec.language.errors import printable
from ganspec.runs.record import RunRecord
from ganspec.runs.score_file import ScoreRow
from ganspec.scores.matching import (
    all_series,
    conditions,
    count_text,
    differences,
    fits,
    metric_name,
)
from ganspec.scores.text import claimed_text, unit, value_text
from ganspec.systems.claims import Score


@dataclass(frozen=True)
class ScoreLine:
    """A row of the table: a claim, a measurement, or the two beside each other."""

    metric: str
    of: str
    claimed: str = ""
    claim_conditions: tuple[str, ...] = ()
    measured: str = ""
    conditions: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


def score_lines(record: RunRecord) -> list[ScoreLine]:
    """Return a line for every claim with the nearest score, then lines for other scores.

    Scores that differ only in the step are a series. The newest of each series gets a line, unless
    a claim has one of the series.
    """
    by_kind = all_series(record)
    claims = record.spec.report.scores if record.spec else ()
    lines, used = [], []
    for claim in claims:
        fitting = [s for scores in by_kind for s in scores if fits(s, claim, claims, record)]
        score = min(fitting, key=lambda s: _distance(claim, s), default=None)
        lines.append(_claimed_line(claim, score))
        used.append(id(score))
    newest = [scores[-1] for scores in by_kind if not any(id(s) in used for s in scores)]
    return lines + [_measured_line(score) for score in newest]


def _distance(claim: Score, score: ScoreRow) -> tuple[int, float, int]:
    """Return a sort key: number of differing conditions, distance in epochs, newest first."""
    epoch = score.epoch
    apart = 0 if claim.epoch is None or epoch is None else abs(claim.epoch - epoch)
    return len(differences(claim, score)), apart, -(score.step or 0)


def _measured_line(score: ScoreRow) -> ScoreLine:
    return ScoreLine(
        metric=metric_name(score.metric),
        of=printable(score.of),
        measured=value_text(score.value, score.deviation) + unit(score.metric),
        conditions=(
            *conditions(score),
            *([f"labels: {printable(score.labels)}"] if score.labels else []),
        ),
    )


def _claimed_line(claim: Score, score: ScoreRow | None) -> ScoreLine:
    counts = {"images": claim.images, "epoch": claim.epoch}
    known = [count_text(name, count) for name, count in counts.items() if count is not None]
    return replace(
        ScoreLine("", "") if score is None else _measured_line(score),
        metric=metric_name(claim.metric),
        of=claim.of,
        claimed=claimed_text(claim),
        claim_conditions=(*known, *([claim.note] if claim.note else [])),
        differences=() if score is None else tuple(differences(claim, score)),
    )
