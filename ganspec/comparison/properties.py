"""What a survey says of a spec as a whole: its images, its objective, its training, its claims."""

from __future__ import annotations

from typing import get_args

from ganspec.scores.text import short_claim
from ganspec.systems.claims import Score
from ganspec.systems.spec import Spec
from ganspec.systems.terms import FRAMEWORKS, fields, plain, settings, term


def properties(spec: Spec) -> dict[str, dict[str, str]]:
    """Return the properties of a spec, those of its system among them, by section."""
    own = spec.properties()
    train = own.get("training", {})
    rules = train.pop("rules", "")
    return {
        "data": {
            "system": spec.noun,
            "framework": FRAMEWORKS[spec.framework],
            "data": data(spec),
            "range": f"[{plain(spec.data.range)}]",
            "labels": labels(spec),
            **own.get("data", {}),
        },
        "objective": own.get("objective", {}),
        "training": {**train, "batch": batch(spec), "length": length(spec), "rules": rules},
        "claims": {f"claimed {term(metric)}": claim(spec, metric) for metric in METRICS},
    }


def data(spec: Spec) -> str:
    """Return the data set, its images' size, and what is done to them."""
    dataset, (channels, height, width) = spec.data.dataset, spec.data.shape
    own = settings(dataset)
    words = [f"{term(dataset.kind)}{f' ({fields(own)})' if own else ''} {height} x {width}"]
    if channels != dataset.channels:
        words.append("grey" if channels == 1 else "colour")
    words += ["mirrored"] if spec.data.flip else []
    return ", ".join(words)


def labels(spec: Spec) -> str:
    """Return how many labels of which kind the spec declares."""
    if (label := spec.labelled) is None:
        return ""
    return f"{plain(label.size)} {'classes' if label.kind == 'classes' else 'multi-hot'}"


def batch(spec: Spec) -> str:
    other = getattr(spec.train, "generator_batch", None)
    return plain(spec.train.batch) + (f" (G {plain(other)})" if other else "")


def length(spec: Spec) -> str:
    train = spec.train
    each = f" of {plain(train.iterations)} iterations" if train.iterations else ""
    return f"{plain(train.epochs)} epochs{each}"


def claim(spec: Spec, metric: str) -> str:
    """Return what the report claims of generated images, after its last epoch if it has several."""
    found = [s for s in spec.report.scores if s.metric == metric and s.of == "generated"]
    last = max((s.epoch or 0 for s in found), default=0)
    found = [s for s in found if s.epoch in (None, last)]
    counts = {s.images for s in found}
    text = ", ".join(map(short_claim, found))
    count = f" (n = {counts.pop():,})" if len(counts) == 1 and counts != {None} else ""
    return text + count


METRICS: tuple[str, ...] = get_args(Score.model_fields["metric"].annotation)
