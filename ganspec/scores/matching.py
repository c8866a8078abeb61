"""Match measured scores with claimed ones by what each depends on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from ganspec.kinds.metric import metric_kinds
from ganspec.language.errors import printable
from ganspec.runs.record import RunRecord
from ganspec.runs.score_file import ExtractorEntry, ReferenceEntry, ScoreRow
from ganspec.systems.claims import Score
from ganspec.systems.terms import term

NAMES = {"inception_score": "Inception Score"}  # where reports spell more than `term`
WEIGHTS = {"average": "averaged weights", "raw": "raw weights"}
COMPARABLE = (  # entries that the scores of one curve share
    *("metric", "of", "images", "weights", "labels"),
    *("extractor", "reference", "resize", "note"),
)

Series: TypeAlias = list[ScoreRow]  # scores that differ only in their value, step and epoch


def fits(row: ScoreRow, claim: Score, claims: Iterable[Score], record: RunRecord) -> bool:
    """Return True if a score measures what is claimed, and no other claim is nearer in time."""
    if not is_of(row, claim.metric, claim.of, record):
        return False
    if not label_files(claim.note) <= label_files(json.dumps(row)):
        return False
    epoch = row.get("epoch")
    rivals = [c.epoch for c in claims if is_of(row, c.metric, c.of, record) and c.epoch is not None]
    if claim.epoch is None or epoch is None or not rivals:
        return True
    return abs(claim.epoch - epoch) == min(abs(rival - epoch) for rival in rivals)


def label_files(text: str) -> set[str]:
    """Return the names of the JSON files of labels in a text."""
    return set(re.findall(r"[\w.-]+\.json\b", text))


def is_of(row: ScoreRow, metric: str, of: str, record: RunRecord) -> bool:
    """Return True if a score is of this metric and these images."""
    # a classifier generates nothing, so its claims need not name the images
    same_images = row.get("of", "generated") == of or record.predicts
    return row["metric"] == metric and same_images


def all_series(record: RunRecord) -> list[Series]:
    """Return the run's scores in series of comparable ones, each in order of steps."""
    by_conditions: dict[tuple[str, ...], dict[int | None, ScoreRow]] = {}
    for row in [*record.scores, *_test_accuracies(record)]:
        key = tuple(repr(row.get(name)) for name in COMPARABLE)
        by_conditions.setdefault(key, {})[row.get("step")] = row  # of two at one step, the later
    return [
        sorted(rows.values(), key=lambda row: row.get("step") or 0)
        for rows in by_conditions.values()
    ]


def _test_accuracies(record: RunRecord) -> Iterator[ScoreRow]:
    """Yield a classifier's accuracy on test images, in percent, as scores."""
    column = record.columns.get("test_accuracy")
    if column is None:
        return
    for step, value in zip(column.steps.tolist(), column.values.tolist(), strict=True):
        yield {
            "metric": "accuracy",
            "value": 100 * value,
            "of": "real",
            "step": int(step),
            "epoch": record.epochs.of(step) if record.epochs else None,
            "note": "test images, in the log",
        }


def differences(claim: Score, row: ScoreRow) -> list[str]:
    """Return in words the conditions that a claim names and a score does not share."""
    conditions = {
        "images": (claim.images, row.get("images")),
        "epoch": (claim.epoch, row.get("epoch")),
    }
    return [
        f"{count_text(name, measured)}, not {_amount(claimed)}"
        for name, (claimed, measured) in conditions.items()
        if claimed is not None and measured is not None and claimed != measured
    ]


def is_better_high(metric: str) -> bool:
    """Return True if higher values of a metric are better, or if no kind measures it."""
    return all(kind.higher for kind in metric_kinds().values() if metric in kind.names)


def metric_name(metric: str) -> str:
    """Return a metric as papers write it, with an arrow to the better values."""
    arrow = "↑" if is_better_high(metric) else "↓"
    return f"{NAMES.get(metric) or printable(term(metric))} {arrow}"


def conditions(row: ScoreRow) -> Iterator[str]:
    """Yield the conditions of a score in words."""
    counts = {"step": row.get("step"), "epoch": row.get("epoch"), "images": row.get("images")}
    for name, number in counts.items():
        if number is not None:
            yield count_text(name, number)
    if weights := WEIGHTS.get(row.get("weights") or ""):
        yield weights
    if (extractor := row.get("extractor")) is not None:
        layer = f", layer {extractor['layer']}" if extractor.get("layer") else ""
        part = "features" if extractor.get("features", 0) is not None else "outputs"
        yield printable(f"{part} of {extractor.get('name')}{_hash(extractor)}{layer}")
    if (reference := row.get("reference")) is not None:
        split = f" {reference['split']}" if reference.get("split") else ""
        images = reference.get("images")
        count = f"{images:,.0f} of " if images is not None else ""
        against = f"against {count}" if row.get("of") != "real" else ""
        yield printable(f"{against}{reference.get('dataset')}{split}{_hash(reference)}")
    if row.get("resize") is not None:
        yield printable(f"resize {row['resize']}")
    if row.get("seed") is not None:
        yield f"seed {row['seed']}"
    if row.get("note"):
        yield printable(row["note"])


def count_text(name: str, number: float) -> str:
    """Return a condition in words: `step 400`, `10,000 images`."""
    return f"{_amount(number)} images" if name == "images" else f"{name} {_amount(number)}"


def _amount(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def _hash(entry: ExtractorEntry | ReferenceEntry) -> str:
    return f" ({entry['sha256'][:8]})" if entry.get("sha256") else ""
