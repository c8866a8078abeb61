"""A run's claimed scores against its measured ones, each with what it depends on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ganspec.language.errors import printable
from ganspec.language.kinds import kinds_of
from ganspec.plots.curves import Column, Curve, Panel
from ganspec.report.run_record import RunRecord
from ganspec.systems.claims import Score
from ganspec.systems.score_text import claimed_text, unit, value_text
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


@dataclass(frozen=True)
class Line:
    """A row of the table: a claim, a measurement, or the two beside each other."""

    metric: str
    of: str
    claimed: str = ""
    claim_conditions: tuple[str, ...] = ()
    measured: str = ""
    conditions: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


def score_lines(record: RunRecord) -> list[Line]:
    """Every claim with the measurement that is nearest to it, then all other measurements.

    Of measurements that differ only in the step, the newest stands for all.
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


def fits(score: dict, claim: Score, claims: tuple[Score, ...], record: RunRecord) -> bool:
    """Whether a measurement is of what is claimed, and no other claim is nearer in time."""
    if not is_of(score, claim.metric, claim.of, record):
        return False
    if not files_in(claim.note) <= files_in(json.dumps(score)):
        return False  # of other labels
    rivals = [c for c in claims if is_of(score, c.metric, c.of, record) and c.epoch is not None]
    epoch = _number(score.get("epoch"))
    if claim.epoch is None or epoch is None or not rivals:
        return True
    return abs(claim.epoch - epoch) == min(abs(c.epoch - epoch) for c in rivals)


def files_in(text: str) -> set[str]:
    """The names of the label files that a text speaks of."""
    return set(re.findall(r"[\w.-]+\.json\b", text))


def is_of(score: dict, metric: str, of: str, record: RunRecord) -> bool:
    """Whether a measurement is of this metric and these images."""
    # a classifier generates nothing: what its accuracy is of needs no saying
    same = score.get("of", "generated") == of or record.predicts
    return bool(score["metric"] == metric and same)


def _distance(claim: Score, score: dict) -> tuple:
    """How little a measurement is what was claimed: conditions, then epochs; newer ones first."""
    epoch = _number(score.get("epoch"))
    apart = 0 if claim.epoch is None or epoch is None else abs(claim.epoch - epoch)
    return len(differences(claim, score)), apart, -(_number(score.get("step")) or 0)


def series(record: RunRecord) -> dict[tuple, list[dict]]:
    """Measurements that may be compared with each other, by what they have in common."""
    found: dict[tuple, dict[object, dict]] = {}
    for score in [*record.scores, *_tests(record)]:
        key = tuple(repr(score.get(name)) for name in ALIKE)
        found.setdefault(key, {})[score.get("step")] = score  # measured twice: the later one
    return {
        key: sorted(scores.values(), key=lambda score: _number(score.get("step")) or 0)
        for key, scores in found.items()
    }


def _tests(record: RunRecord) -> Iterator[dict]:
    """A classifier's accuracy on test images, in percent, as scores."""
    column = record.columns.get("test_accuracy")
    if column is None:
        return
    for step, value in zip(column.steps.tolist(), column.values.tolist(), strict=True):
        epoch = record.epochs.of(step) if record.epochs else None
        yield {**TEST, "value": 100 * value, "step": int(step), "epoch": epoch}


def differences(claim: Score, score: dict) -> list[str]:
    """The conditions that a claim names and a measurement does not share, in words."""
    found = []
    for name in CONDITIONS:
        claimed, measured = getattr(claim, name), _number(score.get(name))
        if claimed is not None and measured is not None and claimed != measured:
            found.append(f"{_count(name, measured)}, not {_amount(claimed)}")
    return found


def _line(claim: Score | None, score: dict | None) -> Line:
    said: dict[str, object] = {}
    if claim is not None:
        known = [_count(n, getattr(claim, n)) for n in CONDITIONS if getattr(claim, n) is not None]
        notes = (claim.note,) if claim.note else ()
        said["claimed"] = claimed_text(claim)
        said["claim_conditions"] = (*known, *notes)
    if score is not None:
        measured = value_text(score["value"], _number(score.get("deviation")))
        said["measured"] = measured + unit(score["metric"])
        asked = (f"labels: {printable(str(score['labels']))}",) if score.get("labels") else ()
        said["conditions"] = (*conditions(score), *asked)
    if claim is not None and score is not None:
        said["differences"] = tuple(differences(claim, score))
    metric = claim.metric if claim else score["metric"]
    of = claim.of if claim else str(score.get("of", "generated"))
    return Line(metric_name(metric), printable(of), **said)


def metric_name(metric: str) -> str:
    """A metric as papers write it, with the way in which it is better."""
    arrow = "↓" if metric in LOWER else "↑"
    return f"{NAMES.get(metric) or printable(term(metric))} {arrow}"


def conditions(score: dict) -> Iterator[str]:
    """What a measurement depends on, part by part."""
    for name in ("step", "epoch", "images"):
        if (number := _number(score.get(name))) is not None:
            yield _count(name, number)
    if (weights := score.get("weights")) in WEIGHTS:
        yield WEIGHTS[weights]
    if isinstance(extractor := score.get("extractor"), dict):
        layer = f", layer {extractor['layer']}" if extractor.get("layer") else ""
        what = "features" if extractor.get("features", 0) is not None else "outputs"
        yield printable(f"{what} of {extractor.get('name')}{_hash(extractor)}{layer}")
    if isinstance(reference := score.get("reference"), dict):
        split = f" {reference['split']}" if reference.get("split") else ""
        images = _number(reference.get("images"))
        count = f"{images:,.0f} of " if images is not None else ""
        against = f"against {count}" if score.get("of") != "real" else ""
        yield printable(f"{against}{reference.get('dataset')}{split}{_hash(reference)}")
    for name in ("resize", "seed"):
        if score.get(name) is not None:
            yield printable(f"{name} {score[name]}")
    if score.get("note"):
        yield printable(str(score["note"]))


def score_panels(records: list[RunRecord], looks: list[tuple]) -> Iterator[Panel]:
    """A panel for each metric that was measured more than once, of generated or of real images.

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
            _number(s.get("epoch")) is not None for _, _, scores in drawn for s in scores
        )
        name = "epoch" if by_epoch else "step"
        curves = tuple(_curve(scores, name, label, *look) for label, look, scores in drawn)
        title = f"{metric_name(metric)} ({printable(of)})"
        yield Panel(title, curves, name, _claims(records, metric, of))


def _in_epochs(score: dict, record: RunRecord) -> dict:
    """The score with its place in epochs, which may be within one."""
    step = _number(score.get("step"))
    if step is None or record.epochs is None or score.get("epoch") is None:
        return score
    return {**score, "epoch": record.epochs.of(step)}


def distinction(scores: list[dict], others: list[list[dict]]) -> str:
    """What a series of one run has and its other ones of that metric have not, in brackets."""
    mine = set(conditions({**scores[0], "step": None, "epoch": None}))
    shared = [set(conditions({**s[0], "step": None, "epoch": None})) for s in others]
    own = mine - set.intersection(*shared)
    return f" ({', '.join(sorted(own))})" if own else ""


def _curve(scores: list[dict], name: str, label: str, colour: str, style: object) -> Curve:
    from numpy import asarray

    steps = asarray([_number(score.get(name)) or 0 for score in scores], float)
    values = asarray([score["value"] for score in scores], float)
    return Curve(Column(steps, values), label, colour, style, sparse=True)


def _claims(records: list[RunRecord], metric: str, of: str) -> tuple:
    """What is claimed of a metric, where the specs of all runs claim the same."""
    probe = {"metric": metric, "of": of}
    claims = [
        tuple((c.epoch, c.value) for c in r.spec.report.scores if is_of(probe, c.metric, c.of, r))
        for r in records
        if r.spec
    ]
    return claims[0] if claims and len(set(claims)) == 1 else ()


def _count(name: str, number: float) -> str:
    return f"{_amount(number)} images" if name == "images" else f"{name} {_amount(number)}"


def _amount(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def _hash(part: dict) -> str:
    return f" ({part['sha256'][:8]})" if isinstance(part.get("sha256"), str) else ""


def _number(value: object) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and abs(value) < 1e15 else None
