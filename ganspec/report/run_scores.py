"""A run's claimed scores beside its measured ones, as lines of a table."""

from __future__ import annotations

from dataclasses import dataclass

from ganspec.language.errors import printable
from ganspec.runs.record import RunRecord
from ganspec.scores.matching import (
    CONDITIONS,
    conditions,
    count_text,
    differences,
    fits,
    metric_name,
    number_of,
    series,
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
    """Return every claim with the score that is nearest to it, then all other scores.

    Of scores that differ only in the step, the newest stands for all.
    """
    by_kind = series(record).values()
    claims = record.spec.report.scores if record.spec else ()
    lines, used = [], []
    for claim in claims:
        fitting = [s for scores in by_kind for s in scores if fits(s, claim, claims, record)]
        score = min(fitting, key=lambda s: _distance(claim, s), default=None)
        lines.append(_line(claim, score))
        used.append(id(score))
    newest = [scores[-1] for scores in by_kind if not any(id(s) in used for s in scores)]
    return lines + [_line(None, score) for score in newest]


def _distance(claim: Score, score: dict) -> tuple:
    """Return how far a score is from a claim: conditions, then epochs; newer ones are nearer."""
    epoch = number_of(score.get("epoch"))
    apart = 0 if claim.epoch is None or epoch is None else abs(claim.epoch - epoch)
    return len(differences(claim, score)), apart, -(number_of(score.get("step")) or 0)


def _line(claim: Score | None, score: dict | None) -> ScoreLine:
    said: dict[str, object] = {}
    if claim is not None:
        known = [
            count_text(n, getattr(claim, n)) for n in CONDITIONS if getattr(claim, n) is not None
        ]
        notes = (claim.note,) if claim.note else ()
        said["claimed"] = claimed_text(claim)
        said["claim_conditions"] = (*known, *notes)
    if score is not None:
        measured = value_text(score["value"], number_of(score.get("deviation")))
        said["measured"] = measured + unit(score["metric"])
        asked = (f"labels: {printable(str(score['labels']))}",) if score.get("labels") else ()
        said["conditions"] = (*conditions(score), *asked)
    if claim is not None and score is not None:
        said["differences"] = tuple(differences(claim, score))
    metric = claim.metric if claim else score["metric"]
    of = claim.of if claim else str(score.get("of", "generated"))
    return ScoreLine(metric_name(metric), printable(of), **said)
