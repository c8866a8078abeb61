"""Options of an evaluation, completed by a spec's `evaluate` and by its claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import torch

from ganspec.evaluation.extractors import INCEPTION, ExtractorChoice
from ganspec.evaluation.reference import CPU
from ganspec.kinds.metric import Metric, metric_kinds
from ganspec.runs.run import RunError
from ganspec.scores.matching import label_files
from ganspec.systems.claims import Score
from ganspec.systems.protocol import PROTOCOL, References
from ganspec.systems.ranks import Ranks
from ganspec.systems.spec import Spec

DEFAULTS = ("fid", "inception_score", "accuracy")  # default metrics; those that apply are measured
IMAGES = 10_000  # default number of images to score
# Names of options that apply only to some subjects: OF_A_RUN to runs and specs, not to folders of
# images; OF_DRAWING to networks that draw images; OF_IMAGES to those that draw or restore images.
OF_A_RUN = ("images", "split", "seed", "conditions", "raw", "real", "halves", "data")
OF_DRAWING = ("conditions", "raw")
OF_IMAGES = (
    *("extractor", "weights", "layer", "inception_weights", "resize"),
    *("seed", "real", "halves", "reference", "references"),
)
FLAGS = {"images": "-n", "references": "--reference-count"}  # others are named like their fields


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation; None stands for the spec's value, or without one for the default.

    `images` is the number of images to score, `references` the number of real images to compare
    them with, or `equal` for as many. `conditions` names the labels to draw images for: a file such
    as `test.json`, or text such as `3`. With `raw`, the images are drawn by the trained weights,
    not by their average. With `real`, real images are scored, too. With `halves`, one half of the
    real images is compared with the other half. `data` is the folder of the data set, `reference` a
    folder of images to compare with in place of the data set.
    """

    metrics: tuple[Metric, ...] | None = None
    images: int | None = None
    extractor: str | None = None
    layer: str | None = None
    weights: Path | None = None
    inception_weights: Path | None = None
    resize: str | None = None
    split: str | None = None
    references: References | None = None
    seed: int | None = None
    conditions: str | None = None
    raw: bool = False
    real: bool = False
    halves: bool = False
    data: Path | None = None
    reference: Path | None = None
    device: torch.device = CPU
    ranks: Ranks = field(default_factory=Ranks)  # the processes that share the work

    def refuse(self, subject: str, *names: str) -> None:
        """Raise RunError if an option in `names` is set, since it does not apply to `subject`."""
        for known in fields(self):
            if known.name in names and getattr(self, known.name) != known.default:
                flag = FLAGS.get(known.name, f"--{known.name.replace('_', '-')}")
                raise RunError(f"{flag} means nothing for {subject}: leave it out")

    def refuse_beside(self, metrics: Sequence[Metric] | None, *others: str) -> None:
        """Raise RunError if an option is set that none of `metrics` reads.

        If `metrics` is None, do nothing. `others` are options that only paired metrics read,
        besides `references` and `halves`.
        """
        if metrics is None:
            return
        names = () if any(metric.reads_features for metric in metrics) else ("layer",)
        if not any(metric.paired for metric in metrics):
            names = (*names, "references", "halves", *others)
        self.refuse(" and ".join(metric.kind for metric in metrics), *names)

    def with_defaults(self, spec: Spec) -> EvaluationOptions:
        """Return the options, completed by the values of the spec's `evaluate`, then of its claims.

        Only options that are None get a value, if the spec has one. If `extractor` is set, the
        layer, weights and resizing of `evaluate` are ignored; with `conditions`, the spec's number
        of images; with `reference`, its split.
        """
        options = self
        if (section := spec.evaluate) is not None:
            names = ["metrics", "extractor", "seed", "images", "references", "split"]
            if self.extractor is None:  # these values of the spec are for its extractor
                names += ["layer", "resize"]
                weights = Path(section.weights) if section.weights else None
                options = replace(options, weights=self.weights or weights)
            options = options._completed(section, names)
        is_inception = options.extractor in (None, INCEPTION)
        names = [name for name in PROTOCOL if is_inception or name != "resize"]
        for claim in options._claims(spec):
            options = options._completed(claim, names)
        if self.conditions is not None:  # without a number: one image for each condition
            options = replace(options, images=self.images)
        if self.reference is not None:
            options = replace(options, split=None)
        return options

    def _completed(self, section: object, names: Sequence[str]) -> EvaluationOptions:
        """Return the options; each of `names` that is None gets the value in `section`."""
        unset = [name for name in names if getattr(self, name) is None]
        return replace(self, **{name: getattr(section, name) for name in unset})

    def _claims(self, spec: Spec) -> Iterator[Score]:
        """Yield the spec's claims about generated images whose metric is to be measured.

        A claim whose note names files of labels is left out unless `conditions` names all of them.
        """
        kinds = metric_kinds()
        metrics = self.metrics or [kinds[name] for name in DEFAULTS]
        names = {name for metric in metrics for name in metric.names}
        files = label_files(self.conditions or "")
        for claim in spec.report.scores:
            is_generated = claim.of == "generated"
            if is_generated and claim.metric in names and label_files(claim.note) <= files:
                yield claim

    @property
    def image_count(self) -> int:
        """The number of images to score: IMAGES if the options leave it open."""
        return self.images or IMAGES

    @property
    def choice(self) -> ExtractorChoice:
        """The extractor that the options name; InceptionV3 if they name none."""
        return ExtractorChoice(
            self.extractor or INCEPTION,
            self.layer,
            self.weights,
            self.inception_weights,
            self.resize,
        )
