"""Scores and claims as short text, such as `2.786 ± 0.072`."""

from __future__ import annotations

from ganspec.kinds.metric import metric_of
from ganspec.runs.score_file import ScoreRow
from ganspec.systems.claims import Score


def unit(metric: str) -> str:
    """Return a metric's unit, such as ` %`; "" if it has no unit, or the metric is unknown."""
    kind = metric_of(metric)
    return "" if kind is None else kind.unit


def value_text(value: float, deviation: float | None = None) -> str:
    """Return a score rounded to four digits, or to a whole number if this has more digits.

    Examples are `42.39`, `17,604` and, with a deviation, `2.786 ± 0.072`.
    """
    spread = "" if deviation is None else f" ± {_digits(deviation, 2)}"
    return _digits(value, 4) + spread


def measured_text(score: Score | ScoreRow) -> str:
    """Return a score's value with its unit, rounded by `value_text`."""
    return value_text(score.value, score.deviation) + unit(score.metric)


def _digits(value: float, count: int) -> str:
    """Return a number rounded to `count` digits, or to a whole number if this has more digits.

    From 1e15 on, it is always rounded to `count` digits, as `1e+15`.
    """
    is_long = abs(value) < 1e15 and abs(round(value)) >= 10**count
    return f"{value:,.0f}" if is_long else f"{value:,.{count}g}"


def claimed_text(claim: Score) -> str:
    """Return a claim's value with its unit, not rounded, as text."""
    spread = "" if claim.deviation is None else f" ± {_exact(claim.deviation)}"
    return relation(claim) + _exact(claim.value) + spread + unit(claim.metric)


def _exact(value: float) -> str:
    """Return a number, not rounded, with commas between thousands."""
    return f"{value:,}".removesuffix(".0")


def claim_conditions(claim: Score) -> list[str]:
    """Return a claim's conditions in words, such as `2,000 images`; [] if none.

    Its epoch is left out, and also InceptionV3, the usual extractor.
    """
    words = [f"{claim.images:,} images"] if claim.images else []
    if claim.references or claim.split:
        count = "as many" if claim.references == "equal" else claim.references or ""
        shown = f"{count:,}" if isinstance(count, int) else count
        words.append(" ".join(filter(None, ("against", shown, claim.split, "images"))))
    words += [f"resize {claim.resize}"] if claim.resize else []
    words += ["by a classifier"] if claim.extractor == "classifier" else []
    return words + ([claim.note] if claim.note else [])


def short_claim(claim: Score) -> str:
    """Return a claim's value with its unit, rounded by `value_text`, such as `< 42.39`."""
    return relation(claim) + measured_text(claim)


def relation(claim: Score) -> str:
    """Return `< ` or `> ` if the claim is only a bound, else ""."""
    return "" if claim.relation == "=" else f"{claim.relation} "
