"""Describe scores next to the spec's claims, as text and as a plot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from ganspec.atomic import replacing
from ganspec.language.errors import printable
from ganspec.plots.curves import draw_panel, looks
from ganspec.runs.record import RunRecord, read_record
from ganspec.runs.score_file import read_scores
from ganspec.scores.matching import LOWER, conditions, differences, fits
from ganspec.scores.panels import score_panels
from ganspec.scores.text import claimed_text, unit, value_text
from ganspec.systems.claims import Score


def described(rows: list[dict[str, object]], record: RunRecord | None) -> Iterator[str]:
    """Yield lines of text: each score, its conditions, and the nearest claim."""
    for row in rows:
        value = value_text(row["value"], row["deviation"]) + unit(row["metric"])
        yield f"{row['metric']} of {row['of']} images: {value}"
        yield f"  {', '.join(conditions(row))}"
        if row.get("labels"):
            yield f"  labels: {printable(str(row['labels']))}"
        if row.get("per_class"):
            shares = (f"{printable(name)} {value:.0f}" for name, value in row["per_class"].items())
            yield f"  by class: {', '.join(shares)}"
        if (claim := nearest_claim(row, record)) is not None:
            yield f"  {against(claim, row)}"


def nearest_claim(row: dict[str, object], record: RunRecord | None) -> Score | None:
    """Return the claim that a score fits with the fewest differing conditions."""
    claims = record.spec.report.scores if record and record.spec else ()
    fitting = [claim for claim in claims if fits(row, claim, claims, record)]
    return min(fitting, key=lambda claim: len(differences(claim, row)), default=None)


def against(claim: Score, row: dict[str, object]) -> str:
    """Return a claim in words, with an asterisk if its conditions differ from the score's."""
    apart = differences(claim, row)
    text = f"claimed: {claimed_text(claim)}{' *' if apart else ''}"
    text += f" (* {'; '.join(apart)})" if apart else ""
    return text + (f" [{printable(claim.note)}]" if claim.note else "")


def by_epoch(rows: list[dict[str, object]]) -> list[str]:
    """Return a table with a line a step and a column a score; an asterisk marks the best."""
    made = [row for row in rows if row["of"] == "generated"]
    names = list(dict.fromkeys(row["metric"] for row in made))
    best = {
        name: (min if name in LOWER else max)(r["value"] for r in made if r["metric"] == name)
        for name in names
    }
    cells = [["epoch", "step", *names]]
    for step in sorted({row["step"] for row in made}):
        here = {row["metric"]: row for row in made if row["step"] == step}
        epoch = next(iter(here.values()))["epoch"]
        cells.append(["" if epoch is None else str(epoch), str(step)])
        for name, row in here.items():
            mark = " *" if row["value"] == best[name] else "  "
            cells[-1].append(value_text(row["value"], row["deviation"]) + mark)
    cells[0][2:] = [f"{name}  " for name in names]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
    return [line.rstrip() for line in lines]


def plot(folder: Path) -> Path | None:
    """Draw scores of several steps by epoch. Return the file, None if there are none."""
    steps: dict[tuple, set] = {}
    for row in read_scores(folder):
        steps.setdefault((row["metric"], row.get("of")), set()).add(row.get("step"))
    record = read_record(folder)
    # without a classifier's test accuracies, which have a plot of their own
    record.scores = [r for r in record.scores if len(steps[r["metric"], r.get("of")]) > 1]
    panels = list(score_panels([record], looks(1))) if record.scores else []
    if not panels:
        return None
    size = (8, 0.5 + 2.6 * len(panels))
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    for axes, panel in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        draw_panel(axes, panel)
        axes.set_xlabel(panel.x)
    path = folder / "scores.png"
    with replacing(path) as temporary:
        figure.savefig(temporary, facecolor="white")
    return path
