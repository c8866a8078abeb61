"""Match measured scores with claims by metric, images and other conditions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from ganspec.kinds.metric import metric_of
from ganspec.language.errors import printable
from ganspec.runs.record import RunRecord
from ganspec.runs.score_file import ScoredAgainst, ScoredBy, ScoreRow
from ganspec.systems.claims import Score
from ganspec.systems.terms import term

NAMES = {"inception_score": "Inception Score"}  # full names in place of the abbreviations of `term`
WEIGHTS = {"average": "averaged weights", "raw": "raw weights"}
COMPARABLE = (  # conditions that are equal for all scores of one curve
    *("metric", "of", "images", "weights", "labels"),
    *("extractor", "reference", "resize", "note"),
)

_NETWORKS = {"inception": "InceptionV3", "classifier": "a classifier of the report's own"}

Series: TypeAlias = list[ScoreRow]  # scores with equal COMPARABLE fields, at most one per step


def fits(row: ScoreRow, claim: Score, claims: Iterable[Score], record: RunRecord) -> bool:
    """Return True if the score `row` measures what `claim` states.

    Both must be of one metric and, as `is_of` says, of the same images. `row` must name every JSON
    file of labels that the claim's note names. If both have an epoch, no other of the `claims` on
    that metric and these images may have an epoch nearer to that of `row`.
    """
    if not is_of(row, claim.metric, claim.of, record):
        return False
    if not label_files(claim.note) <= label_files(repr(row)):
        return False
    if claim.epoch is None or row.epoch is None:
        return True
    rivals = [c.epoch for c in claims if is_of(row, c.metric, c.of, record) and c.epoch is not None]
    return abs(claim.epoch - row.epoch) == min(abs(rival - row.epoch) for rival in rivals)


def label_files(text: str) -> set[str]:
    """Return the names of JSON files in a text; such files list labels."""
    return set(re.findall(r"[\w.-]+\.json\b", text))


def is_of(row: ScoreRow, metric: str, of: str, record: RunRecord) -> bool:
    """Return True if a score is of `metric`, and measured on the images `of`.

    `of` is `generated` or `real`; in the run of a classifier, it is not compared.
    """
    # a classifier generates no images, so its claims need not say which images they are of
    same_images = row.of == of or record.predicts
    return row.metric == metric and same_images


def all_series(record: RunRecord) -> list[Series]:
    """Return the run's scores, and the test accuracies in its log, grouped into series.

    The scores of a series have equal COMPARABLE fields, and are in order of steps. Of two scores of
    a series at one step, only the later one is returned.
    """
    by_conditions: dict[tuple, dict[int | None, ScoreRow]] = {}
    for row in [*record.scores, *_test_accuracies(record)]:
        key = tuple(getattr(row, name) for name in COMPARABLE)
        by_conditions.setdefault(key, {})[row.step] = row
    return [sorted(rows.values(), key=lambda row: row.step or 0) for rows in by_conditions.values()]


def _test_accuracies(record: RunRecord) -> Iterator[ScoreRow]:
    """Yield the accuracies on test images in a classifier's log as scores, in percent."""
    column = record.columns.get("test_accuracy")
    if column is None:
        return
    for step, value in zip(column.steps.tolist(), column.values.tolist(), strict=True):
        epoch = record.epochs.of(step) if record.epochs else None
        note = "test images, in the log"
        yield ScoreRow("accuracy", 100 * value, of="real", step=int(step), epoch=epoch, note=note)


def differences(claim: Score, row: ScoreRow) -> list[str]:
    """Return how a score differs from a claim's stated conditions, such as `epoch 20, not 50`."""
    counts = {
        "images": (claim.images, row.images),
        "epoch": (claim.epoch, row.epoch),
    }
    apart = [
        f"{count_text(name, measured)}, not {_amount(claimed)}"
        for name, (claimed, measured) in counts.items()
        if claimed is not None and measured is not None and claimed != measured
    ]
    if row.reference is not None and row.of == "generated":
        apart += _other_references(claim, row.reference, row.images)
    extractor = row.extractor.name if row.extractor else None
    is_inception = extractor == "inception"
    if (
        claim.extractor is not None
        and extractor
        and is_inception != (claim.extractor == "inception")
    ):
        apart.append(f"by {printable(extractor)}, not by {_NETWORKS[claim.extractor]}")
    if is_inception and claim.resize is not None and row.resize not in (None, claim.resize):
        apart.append(printable(f"resize {row.resize}, not {claim.resize}"))
    return apart


def _other_references(claim: Score, reference: ScoredAgainst, scored: int | None) -> Iterator[str]:
    """Yield how the real images that a score compares with differ from those of a claim.

    `scored` is the number of generated images; `references: equal` means as many real ones.
    """
    claimed = scored if claim.references == "equal" else claim.references
    if claimed is not None and reference.images not in (None, claimed):
        yield f"against {reference.images:,} images, not {claimed:,}"
    if claim.split is not None and reference.split != claim.split:
        yield printable(f"against {reference.split or reference.dataset}, not {claim.split}")


def is_higher_better(metric: str) -> bool:
    """Return True if higher values of a metric are better, or if the metric is unknown."""
    kind = metric_of(metric)
    return kind is None or kind.higher


def _is_paired(metric: str) -> bool:
    """Return True if a metric compares scored with real images; False if it is unknown."""
    kind = metric_of(metric)
    return kind is not None and kind.paired


def metric_name(metric: str) -> str:
    """Return a metric's name with an arrow that points to better values, such as `FID ↓`."""
    arrow = "↑" if is_higher_better(metric) else "↓"
    return f"{NAMES.get(metric) or printable(term(metric))} {arrow}"


def conditions(row: ScoreRow) -> Iterator[str]:
    """Yield the conditions of a score in words, such as `step 400` or `raw weights`.

    The images and labels that were scored, `of` and `labels`, are left out.
    """
    for name, number in {"step": row.step, "epoch": row.epoch, "images": row.images}.items():
        if number is not None:
            yield count_text(name, number)
    if row.weights in WEIGHTS:
        yield WEIGHTS[row.weights]
    if (extractor := row.extractor) is not None:
        layer = f", layer {extractor.layer}" if extractor.layer else ""
        part = "features" if extractor.features is not None else "outputs"
        weights = f", weights of {extractor.weights}" if extractor.weights else ""
        yield printable(f"{part} of {extractor.name}{_hash(extractor)}{layer}{weights}")
    if (reference := row.reference) is not None:
        split = f" {reference.split}" if reference.split else ""
        count = f"{reference.images:,} of " if reference.images is not None else ""
        # if real images are scored without other images, the reference is the scored images
        is_compared = row.of != "real" or _is_paired(row.metric)
        against = f"against {count}" if is_compared else ""
        drawn = f", drawn by seed {reference.seed}" if reference.seed is not None else ""
        yield printable(f"{against}{reference.dataset}{split}{_hash(reference)}{drawn}")
    for name in ("resize", "seed"):
        if getattr(row, name) is not None:
            yield printable(f"{name} {getattr(row, name)}")
    if row.note:
        yield printable(row.note)


def count_text(name: str, number: float) -> str:
    """Return a condition in words, such as `step 400` or `10,000 images`."""
    return f"{_amount(number)} images" if name == "images" else f"{name} {_amount(number)}"


def _amount(number: float) -> str:
    """Return a number with commas between thousands, with one decimal unless it is whole."""
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def _hash(entry: ScoredBy | ScoredAgainst) -> str:
    """Return a space and the first 8 digits of the entry's SHA-256 in parentheses, or ""."""
    return f" ({entry.sha256[:8]})" if entry.sha256 else ""
