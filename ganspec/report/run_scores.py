"""Rows of a table of a run's scores: each claim with the measured score that is nearest to it."""

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
from ganspec.scores.text import claim_conditions, claimed_text, measured_text
from ganspec.systems.claims import Score


@dataclass(frozen=True)
class ScoreLine:
    """A row of the table: a claim, a measured score, or both, as texts.

    A text is "", and a tuple (), if there is no claim or no score. `of` is `generated` or `real`:
    the images that are scored. `differences` are the conditions in which the score differs from the
    claim.
    """

    metric: str
    of: str
    claimed: str = ""
    claim_conditions: tuple[str, ...] = ()
    measured: str = ""
    conditions: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


def score_lines(record: RunRecord) -> list[ScoreLine]:
    """Return a line for each claim, with the score whose conditions are nearest to the claim's.

    Scores that differ only in step or seed are a series. Each series of which no score is in the
    line of a claim follows with a line for its newest score.
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
    """Return a sort key that is lowest for the score that is nearest to a claim.

    The nearest score has the fewest conditions that differ from the claim's, then the least
    distance in epochs, then the highest step.
    """
    epoch = score.epoch
    apart = 0 if claim.epoch is None or epoch is None else abs(claim.epoch - epoch)
    return len(differences(claim, score)), apart, -(score.step or 0)


def _measured_line(score: ScoreRow) -> ScoreLine:
    return ScoreLine(
        metric=metric_name(score.metric),
        of=printable(score.of),
        measured=measured_text(score),
        conditions=(
            *conditions(score),
            *([f"labels: {printable(score.labels)}"] if score.labels else []),
        ),
    )


def _claimed_line(claim: Score, score: ScoreRow | None) -> ScoreLine:
    """Return the line of a claim, with the measured `score` beside it unless that is None."""
    epoch = [count_text("epoch", claim.epoch)] if claim.epoch is not None else []
    return replace(
        ScoreLine("", "") if score is None else _measured_line(score),
        metric=metric_name(claim.metric),
        of=claim.of,
        claimed=claimed_text(claim),
        claim_conditions=(*epoch, *claim_conditions(claim)),
        differences=() if score is None else tuple(differences(claim, score)),
    )
