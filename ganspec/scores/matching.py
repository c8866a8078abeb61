"""Match measured scores with claimed ones by what each depends on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ganspec.language.errors import printable
from ganspec.language.kinds import kinds_of
from ganspec.runs.record import RunRecord
from ganspec.systems.claims import Score
from ganspec.systems.terms import term

NAMES = {"inception_score": "Inception Score"}  # where reports spell more than `term`
KINDS = kinds_of("metric").values()
LOWER = {name for kind in KINDS if not kind.higher for name in kind.names}  # is better
CONDITIONS = ("images", "epoch")  # of a score that a claim may name, too
WEIGHTS = {"average": "averaged weights", "raw": "raw weights"}
ALIKE = (  # what measurements of one curve share
    *("metric", "of", "images", "weights", "labels"),
    *("extractor", "reference", "resize", "note"),
)
TEST = {"metric": "accuracy", "of": "real", "note": "test images, in the log"}


def fits(score: dict, claim: Score, claims: tuple[Score, ...], record: RunRecord) -> bool:
    """Return True if a score is of what is claimed, and no other claim is nearer in time."""
    if not is_of(score, claim.metric, claim.of, record):
        return False
    if not files_in(claim.note) <= files_in(json.dumps(score)):
        return False  # of other labels
    rivals = [c for c in claims if is_of(score, c.metric, c.of, record) and c.epoch is not None]
    epoch = number_of(score.get("epoch"))
    if claim.epoch is None or epoch is None or not rivals:
        return True
    return abs(claim.epoch - epoch) == min(abs(c.epoch - epoch) for c in rivals)


def files_in(text: str) -> set[str]:
    """Return the names of the label files in a text."""
    return set(re.findall(r"[\w.-]+\.json\b", text))


def is_of(score: dict, metric: str, of: str, record: RunRecord) -> bool:
    """Return True if a score is of this metric and these images."""
    # a classifier generates nothing: what its accuracy is of needs no saying
    same = score.get("of", "generated") == of or record.predicts
    return bool(score["metric"] == metric and same)


def series(record: RunRecord) -> dict[tuple, list[dict]]:
    """Return scores that can be compared with each other, by what they have in common."""
    found: dict[tuple, dict[object, dict]] = {}
    for score in [*record.scores, *_tests(record)]:
        key = tuple(repr(score.get(name)) for name in ALIKE)
        found.setdefault(key, {})[score.get("step")] = score  # measured twice: the later one
    return {
        key: sorted(scores.values(), key=lambda score: number_of(score.get("step")) or 0)
        for key, scores in found.items()
    }


def _tests(record: RunRecord) -> Iterator[dict]:
    """Yield a classifier's accuracy on test images, in percent, as scores."""
    column = record.columns.get("test_accuracy")
    if column is None:
        return
    for step, value in zip(column.steps.tolist(), column.values.tolist(), strict=True):
        epoch = record.epochs.of(step) if record.epochs else None
        yield {**TEST, "value": 100 * value, "step": int(step), "epoch": epoch}


def differences(claim: Score, score: dict) -> list[str]:
    """Return the conditions that a claim names and a score does not share, in words."""
    found = []
    for name in CONDITIONS:
        claimed, measured = getattr(claim, name), number_of(score.get(name))
        if claimed is not None and measured is not None and claimed != measured:
            found.append(f"{count_text(name, measured)}, not {_amount(claimed)}")
    return found


def metric_name(metric: str) -> str:
    """Return a metric as papers write it, with an arrow to the better values."""
    arrow = "↓" if metric in LOWER else "↑"
    return f"{NAMES.get(metric) or printable(term(metric))} {arrow}"


def conditions(score: dict) -> Iterator[str]:
    """Yield the conditions of a score in words."""
    for name in ("step", "epoch", "images"):
        if (number := number_of(score.get(name))) is not None:
            yield count_text(name, number)
    if (weights := score.get("weights")) in WEIGHTS:
        yield WEIGHTS[weights]
    if isinstance(extractor := score.get("extractor"), dict):
        layer = f", layer {extractor['layer']}" if extractor.get("layer") else ""
        what = "features" if extractor.get("features", 0) is not None else "outputs"
        yield printable(f"{what} of {extractor.get('name')}{_hash(extractor)}{layer}")
    if isinstance(reference := score.get("reference"), dict):
        split = f" {reference['split']}" if reference.get("split") else ""
        images = number_of(reference.get("images"))
        count = f"{images:,.0f} of " if images is not None else ""
        against = f"against {count}" if score.get("of") != "real" else ""
        yield printable(f"{against}{reference.get('dataset')}{split}{_hash(reference)}")
    for name in ("resize", "seed"):
        if score.get(name) is not None:
            yield printable(f"{name} {score[name]}")
    if score.get("note"):
        yield printable(str(score["note"]))


def count_text(name: str, number: float) -> str:
    """Return a condition in words: `step 400`, `10,000 images`."""
    return f"{_amount(number)} images" if name == "images" else f"{name} {_amount(number)}"


def _amount(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def _hash(part: dict) -> str:
    return f" ({part['sha256'][:8]})" if isinstance(part.get("sha256"), str) else ""


def number_of(value: object) -> float | None:
    """Return a value from a file if it is a number, and no huge one."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and abs(value) < 1e15 else None
