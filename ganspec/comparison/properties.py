"""Properties of a whole spec for surveys: its data, objective, training and claims."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import get_args

from ganspec.kinds.dataset import Dataset
from ganspec.language.unread import NOT_READ, known, sealed
from ganspec.scores.text import short_claim
from ganspec.systems.claims import Score
from ganspec.systems.data import Data
from ganspec.systems.spec import Spec
from ganspec.systems.terms import FRAMEWORKS, fields, plain, settings, shown, term


def properties(spec: Spec) -> dict[str, dict[str, str]]:
    """Return the properties of a spec as texts, by section and name; `""` for what it lacks.

    Properties that only its system has, such as the loss, are among them. A property that depends
    on an unknown part is `not read`.
    """
    spec = sealed(spec)
    own = spec.properties()
    train = own.get("training", {})
    rules = train.pop("rules", "")
    return {
        "data": {
            "system": spec.noun,
            "framework": known(lambda: FRAMEWORKS[spec.framework]),
            "data": known(lambda: ", ".join(_data(spec))),
            "range": known(lambda: f"[{plain(spec.data.range)}]"),
            "labels": known(lambda: _labels(spec)),
            **own.get("data", {}),
        },
        "objective": own.get("objective", {}),
        "training": {
            **train,
            "batch": known(lambda: batch(spec)),
            "length": known(lambda: _length(spec)),
            "rules": rules,
        },
        "claims": {
            f"claimed {term(metric)}": known(partial(_claim, spec, metric)) for metric in METRICS
        },
    }


def _data(spec: Spec) -> Iterator[str]:
    """Yield the data set and the images' size, then changes of them: `CelebA 64 x 64`, `grey`."""
    if "data" in spec.unread:
        yield NOT_READ
        return
    data = spec.data
    name = known(lambda: _named(data.dataset))
    size = known(lambda: " x ".join(map(str, data.image_size)))
    yield name if name == size == NOT_READ else f"{name} {size}"
    for words in (
        shown("channels", lambda: _colour(data)),
        shown("transpose", lambda: "transposed" if data.transpose else ""),
        shown("flip", lambda: "mirrored" if data.flip else ""),
    ):
        if words:
            yield words


def _colour(data: Data) -> str:
    """Return `grey` or `colour`; `""` if the images are known to keep the data set's channels."""
    if data.channels is None:
        return ""
    is_own = "dataset" not in data.unread and data.channels == data.dataset.channels
    return "" if is_own else "grey" if data.channels == 1 else "colour"


def _named(dataset: Dataset) -> str:
    own = settings(dataset)
    return term(dataset.kind) + (f" ({fields(own)})" if own else "")


def _labels(spec: Spec) -> str:
    """Return the number and kind of labels, such as `10 classes`; `""` without labels."""
    if (label := spec.labelled) is None:
        return ""
    return f"{plain(label.size)} {'classes' if label.kind == 'classes' else 'multi-hot'}"


def batch(spec: Spec) -> str:
    """Return the batch, and that of the generator's update if the spec sets one: `64 (G 128)`."""
    other = getattr(spec.train, "generator_batch", None)
    return plain(spec.train.batch) + (f" (G {plain(other)})" if other else "")


def _length(spec: Spec) -> str:
    train = spec.train
    each = f" of {plain(train.iterations)} iterations" if train.iterations else ""
    return f"{plain(train.epochs)} epoch{'s' * (train.epochs != 1)}{each}"


def _claim(spec: Spec, metric: str) -> str:
    """Return the claimed scores of a metric as text; `""` if there are none.

    Scores of real images are left out, except a classifier's, which scores no others. Of claims
    that name an epoch, only those of the last epoch are shown.
    """
    scores = [s for s in spec.report.scores if s.metric == metric]
    scores = [s for s in scores if s.of == "generated" or spec.predicts]
    last = max((s.epoch or 0 for s in scores), default=0)
    scores = [s for s in scores if s.epoch in (None, last)]
    counts = {s.images for s in scores}
    count = f" (n = {counts.pop():,})" if len(counts) == 1 and counts != {None} else ""
    return ", ".join(map(short_claim, scores)) + count


METRICS: tuple[str, ...] = get_args(Score.model_fields["metric"].annotation)
