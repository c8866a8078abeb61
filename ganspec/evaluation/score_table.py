"""Scores next to the spec's claims, as text and as a plot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from ganspec.language.errors import printable
from ganspec.plots.curves import draw_panel, looks
from ganspec.plots.saving import save
from ganspec.runs.record import RunRecord, read_record
from ganspec.runs.score_file import ScoreRow
from ganspec.scores.matching import conditions, differences, fits, is_higher_better
from ganspec.scores.panels import score_panels
from ganspec.scores.text import claimed_text, measured_text, value_text
from ganspec.systems.claims import Score


def describe(rows: list[ScoreRow], record: RunRecord | None) -> Iterator[str]:
    """Yield lines of text: for each score its value, its conditions, and the nearest claim.

    Claims are those of the spec in `record`; None for no claims.
    """
    for row in rows:
        value = measured_text(row)
        yield f"{row.metric} of {row.of} images: {value}"
        yield f"  {', '.join(conditions(row))}"
        if row.labels:
            yield f"  labels: {printable(row.labels)}"
        if row.per_class:
            shares = (f"{printable(name)} {value:.0f}" for name, value in row.per_class.items())
            yield f"  by class: {', '.join(shares)}"
        if claim := nearest_claim(row, record):
            yield f"  {describe_claim(claim, row)}"


def nearest_claim(row: ScoreRow, record: RunRecord | None) -> Score | None:
    """Return the spec's claim about the score `row` that differs from it in the fewest conditions.

    Return None if there is no such claim, or if `record` or its spec is None.
    """
    if record is None or record.spec is None:
        return None
    claims = record.spec.report.scores
    fitting = [claim for claim in claims if fits(row, claim, claims, record)]
    return min(fitting, key=lambda claim: len(differences(claim, row)), default=None)


def describe_claim(claim: Score, row: ScoreRow) -> str:
    """Return a claim in words, with an asterisk and the conditions in which `row` differs."""
    apart = differences(claim, row)
    text = f"claimed: {claimed_text(claim)}"
    text += f" * (* {'; '.join(apart)})" if apart else ""
    return text + (f" [{printable(claim.note)}]" if claim.note else "")


def by_epoch(rows: list[ScoreRow]) -> list[str]:
    """Return the lines of a table of the scores of generated images.

    It has a row for each training step and a column for each metric. An asterisk marks the best
    score of a column.
    """
    by_step: dict[int, list[ScoreRow]] = defaultdict(list)
    by_metric: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.of == "generated" and row.step is not None:
            by_step[row.step].append(row)
            by_metric[row.metric].append(row.value)
    best = {
        metric: max(values) if is_higher_better(metric) else min(values)
        for metric, values in by_metric.items()
    }
    cells = [["epoch", "step", *(f"{metric}  " for metric in by_metric)]]
    for step, scores in sorted(by_step.items()):
        epoch = scores[0].epoch
        cells.append(["" if epoch is None else str(epoch), str(step)])
        for row in scores:
            mark = " *" if row.value == best[row.metric] else "  "
            cells[-1].append(value_text(row.value, row.deviation) + mark)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
    return [line.rstrip() for line in lines]


def plot(folder: Path) -> Path | None:
    """Plot the metrics that a run has scored at more than one step. Return the path of the plot.

    Return None if there are no such metrics.
    """
    record = read_record(folder)
    steps: dict[tuple[str, str], set[int | None]] = defaultdict(set)
    for row in record.scores:
        steps[row.metric, row.of].add(row.step)
    record.scores = [r for r in record.scores if len(steps[r.metric, r.of]) > 1]
    # without scores, `score_panels` would draw test accuracies, which another plot shows
    panels = list(score_panels([record], looks(1))) if record.scores else []
    if not panels:
        return None
    size = (8, 0.5 + 2.6 * len(panels))
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    for axes, panel in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        draw_panel(axes, panel)
        axes.set_xlabel(panel.x)
    path = folder / "scores.png"
    save(figure, path, facecolor="white")
    return path
