"""Scores by epoch as panels of a plot."""

from __future__ import annotations

from collections.abc import Iterator

from numpy import asarray

from ganspec.language.errors import printable
from ganspec.plots.curves import Curve, Panel
from ganspec.plots.log import Column
from ganspec.runs.record import RunRecord
from ganspec.scores.matching import conditions, is_of, metric_name, number_of, series


def score_panels(records: list[RunRecord], looks: list[tuple]) -> Iterator[Panel]:
    """Yield a panel for each metric that was measured more than once, of each kind of images.

    `looks` are the colour and line style of each run. By epoch where every point has one.
    """
    found: dict[tuple[str, str], list[tuple[str, tuple, list[dict]]]] = {}
    for record, look in zip(records, looks, strict=True):
        taken = (scores for scores in series(record).values() if len(scores) > 1)
        grown = [[_in_epochs(score, record) for score in scores] for scores in taken]
        for scores in grown:
            place = (scores[0]["metric"], str(scores[0].get("of", "generated")))
            same = [s for s in grown if (s[0]["metric"], str(s[0].get("of", "generated"))) == place]
            label = record.label + distinction(scores, same)
            found.setdefault(place, []).append((label, look, scores))
    for (metric, of), drawn in found.items():
        by_epoch = all(
            number_of(s.get("epoch")) is not None for _, _, scores in drawn for s in scores
        )
        name = "epoch" if by_epoch else "step"
        curves = tuple(_curve(scores, name, label, *look) for label, look, scores in drawn)
        title = f"{metric_name(metric)} ({printable(of)})"
        yield Panel(title, curves, name, _claims(records, metric, of))


def _in_epochs(score: dict, record: RunRecord) -> dict:
    """Return the score with its epoch as a fraction."""
    step = number_of(score.get("step"))
    if step is None or record.epochs is None or score.get("epoch") is None:
        return score
    return {**score, "epoch": record.epochs.of(step)}


def distinction(scores: list[dict], others: list[list[dict]]) -> str:
    """Return the conditions that only one series of a run has, in brackets."""
    mine = set(conditions({**scores[0], "step": None, "epoch": None}))
    shared = [set(conditions({**s[0], "step": None, "epoch": None})) for s in others]
    own = mine - set.intersection(*shared)
    return f" ({', '.join(sorted(own))})" if own else ""


def _curve(scores: list[dict], name: str, label: str, colour: str, style: object) -> Curve:
    steps = asarray([number_of(score.get(name)) or 0 for score in scores], float)
    values = asarray([score["value"] for score in scores], float)
    return Curve(Column(steps, values), label, colour, style, sparse=True)


def _claims(records: list[RunRecord], metric: str, of: str) -> tuple:
    """Return the claims of a metric, where the specs of all runs claim the same."""
    probe = {"metric": metric, "of": of}
    claims = [
        tuple((c.epoch, c.value) for c in r.spec.report.scores if is_of(probe, c.metric, c.of, r))
        for r in records
        if r.spec
    ]
    return claims[0] if claims and len(set(claims)) == 1 else ()
