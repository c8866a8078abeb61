"""Properties of a whole spec for surveys: its data, objective, training and claims."""

from __future__ import annotations

from typing import get_args

from ganspec.language.unread import NOT_READ
from ganspec.scores.text import short_claim
from ganspec.systems.claims import Score
from ganspec.systems.spec import Spec
from ganspec.systems.terms import FRAMEWORKS, fields, plain, settings, term


def properties(spec: Spec) -> dict[str, dict[str, str]]:
    """Return the properties of a spec as texts, by section and name; `""` for what it lacks.

    Those that only its system has, such as the loss, are among them.
    """
    own = spec.properties()
    train = own.get("training", {})
    rules = train.pop("rules", "")
    rows = {
        "data": {
            "system": spec.noun,
            "framework": FRAMEWORKS[spec.framework],
            "data": _data(spec),
            "range": NOT_READ if "range" in spec.data.unread else f"[{plain(spec.data.range)}]",
            "labels": _labels(spec),
            **own.get("data", {}),
        },
        "objective": own.get("objective", {}),
        "training": {**train, "batch": _batch(spec), "length": _length(spec), "rules": rules},
        "claims": {f"claimed {term(metric)}": _claim(spec, metric) for metric in METRICS},
    }
    for section, key in (("objective", "objective"), ("training", "train")):
        if key in spec.unread:
            rows[section] = dict.fromkeys(rows[section], NOT_READ)
    return rows


def _data(spec: Spec) -> str:
    """Return the data set in words, with what is done to its images: `CelebA 64 x 64, grey`."""
    dataset, (channels, height, width) = spec.data.dataset, spec.data.shape
    own = settings(dataset)
    name = NOT_READ if dataset.is_unread else term(dataset.kind)
    words = [f"{name}{f' ({fields(own)})' if own else ''} {height} x {width}"]
    if channels != dataset.channels:
        words.append("grey" if channels == 1 else "colour")
    words += ["transposed"] if spec.data.transpose else []
    words += ["mirrored"] if spec.data.flip else []
    return ", ".join(words)


def _labels(spec: Spec) -> str:
    """Return the number and kind of labels, such as `10 classes`; `""` without labels."""
    if (label := spec.labelled) is None:
        return ""
    return f"{plain(label.size)} {'classes' if label.kind == 'classes' else 'multi-hot'}"


def _batch(spec: Spec) -> str:
    other = getattr(spec.train, "generator_batch", None)
    return plain(spec.train.batch) + (f" (G {plain(other)})" if other else "")


def _length(spec: Spec) -> str:
    train = spec.train
    each = f" of {plain(train.iterations)} iterations" if train.iterations else ""
    return f"{plain(train.epochs)} epochs{each}"


def _claim(spec: Spec, metric: str) -> str:
    """Return a metric's claimed scores of generated images; `""` if there are none.

    Of claims that name an epoch, only those of the last epoch count.
    """
    scores = [s for s in spec.report.scores if s.metric == metric and s.of == "generated"]
    last = max((s.epoch or 0 for s in scores), default=0)
    scores = [s for s in scores if s.epoch in (None, last)]
    counts = {s.images for s in scores}
    count = f" (n = {counts.pop():,})" if len(counts) == 1 and counts != {None} else ""
    return ", ".join(map(short_claim, scores)) + count


METRICS: tuple[str, ...] = get_args(Score.model_fields["metric"].annotation)
