"""Plots of scores over epochs or steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from numpy import asarray

from ganspec.language.errors import printable
from ganspec.plots.curves import Curve, Look, Panel
from ganspec.plots.log import Column
from ganspec.runs.record import RunRecord
from ganspec.runs.score_file import ScoreRow
from ganspec.scores.matching import Series, all_series, conditions, is_of, metric_name


def score_panels(records: list[RunRecord], looks: list[Look]) -> Iterator[Panel]:
    """Yield a panel for each metric of real or of generated images, with a curve for each series.

    Series of a single score are left out. `looks` has one entry per run. The x axis of a panel is
    the epoch if all its scores have an epoch, else the step.
    """
    panels: dict[tuple[str, str], list[tuple[str, Look, Series]]] = {}
    for record, look in zip(records, looks, strict=True):
        curves = [
            [_in_epochs(row, record) for row in series]
            for series in all_series(record)
            if len(series) > 1
        ]
        for series in curves:
            panel = _panel_of(series)
            beside = [curve for curve in curves if _panel_of(curve) == panel]
            label = record.label + _distinction(series, beside)
            panels.setdefault(panel, []).append((label, look, series))
    for (metric, of), drawn in panels.items():
        by_epoch = all(row.epoch is not None for _, _, series in drawn for row in series)
        yield Panel(
            title=f"{metric_name(metric)} ({printable(of)})",
            curves=tuple(_curve(series, by_epoch, label, look) for label, look, series in drawn),
            x="epoch" if by_epoch else "step",
            claims=_claims(records, metric, of),
        )


def _panel_of(series: Series) -> tuple[str, str]:
    """Return the metric of a series, and `real` or `generated`, the images it is measured on."""
    return series[0].metric, series[0].of


def _in_epochs(row: ScoreRow, record: RunRecord) -> ScoreRow:
    """Return the score with an epoch computed from its step, which may be a fraction, as 2.5.

    Return it unchanged if it has no step or no epoch, or if the steps per epoch are unknown.
    """
    if row.step is None or row.epoch is None or record.epochs is None:
        return row
    return replace(row, epoch=record.epochs.of(row.step))


def _distinction(series: Series, beside: list[Series]) -> str:
    """Return the conditions of a series that not all series of its panel have, or "" if none.

    An example is ` (raw weights)`. `beside` are the run's series in that panel, `series` included.
    """
    shared = set.intersection(*map(_conditions, beside))
    distinct = sorted(_conditions(series) - shared)
    return f" ({', '.join(distinct)})" if distinct else ""


def _conditions(series: Series) -> set[str]:
    """Return the conditions of the first score of a series, without step and epoch, in words."""
    return set(conditions(replace(series[0], step=None, epoch=None)))


def _curve(series: Series, by_epoch: bool, label: str, look: Look) -> Curve:
    steps = [(row.epoch if by_epoch else row.step) or 0 for row in series]
    values = [row.value for row in series]
    return Curve(Column(asarray(steps, float), asarray(values, float)), label, *look, sparse=True)


def _claims(
    records: list[RunRecord], metric: str, of: str
) -> tuple[tuple[float | None, float], ...]:
    """Return pairs of epoch and value that all specs claim; () if their claims differ."""
    probe = ScoreRow(metric, 0.0, of=of)
    claims = {
        tuple((c.epoch, c.value) for c in r.spec.report.scores if is_of(probe, c.metric, c.of, r))
        for r in records
        if r.spec
    }
    return claims.pop() if len(claims) == 1 else ()
