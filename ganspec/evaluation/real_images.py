"""The real images of an evaluation: the references, and real images to score."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from ganspec.evaluation.extractor import Extractor
from ganspec.evaluation.options import EvaluationOptions
from ganspec.evaluation.reference import RealImages, draw_images, halve, open_folder, open_real
from ganspec.evaluation.scoring import PassProgress, Scorer
from ganspec.evaluation.subject import Subject, choose_images, unchanged_images
from ganspec.kinds.metric import Metric
from ganspec.systems.spec import Spec

OTHERS = {"train": "test", "test": "train"}


class RealSide:
    """The real images that an evaluation reads, and the scorers that compare with them.

    References are in the folder `options.reference`, or else the spec's. Images to restore or to
    classify, and labels, are always the spec's.
    """

    def __init__(
        self, spec: Spec, options: EvaluationOptions, extractor: Extractor, progress: PassProgress
    ):
        self.spec, self.options = spec, options
        self.extractor, self.progress = extractor, progress
        self.scorers: dict[int, Scorer] = {}

    @cached_property
    def dataset(self) -> RealImages:
        """The images of the spec's data set, in the split of the options."""
        return real_images(self.spec, self.options.data, self.options.split)

    @cached_property
    def whole(self) -> RealImages:
        """The images to choose references from: those in `options.reference`, or `dataset`."""
        if (folder := self.options.reference) is not None:
            if self.spec.data.transpose:
                message = f"images of {self.spec.name} are transposed, those of {folder} are not"
                warnings.warn(f"{message}: transpose them, too", stacklevel=2)
            return open_folder(folder)
        return self.dataset

    def scorer(self, count: int) -> Scorer:
        """Return the scorer that compares `count` images with references, made once per count."""
        if count not in self.scorers:
            references = drawn_references(self.whole, self.options, count)
            self.scorers[count] = Scorer(self.extractor, references, self.progress)
        return self.scorers[count]

    def real_subjects(
        self, count: int, metrics: Sequence[Metric]
    ) -> Iterator[tuple[Scorer, Subject]]:
        """Yield one or two sets of real images to score, each after the scorer for it.

        If any of `metrics` is unpaired, one set is `count` images of `whole`. If any is paired, one
        set has images that are not among the references: images of `other_split` or, if that is
        None, one half of `whole`, with references from the other half. A set is smaller if there
        are fewer images.
        """
        usual = self.scorer(count)
        if not all(metric.paired for metric in metrics):
            yield usual, unchanged_images(choose_images(self.whole, count))
        if not any(metric.paired for metric in metrics):
            return
        if (other := self.other_split) is not None:
            images = choose_images(real_images(self.spec, self.options.data, other), count)
            yield usual, unchanged_images(images, compared=f"{other} images")
            return
        first, second = halve(self.whole, self.options.seed or 0)
        scored = choose_images(second, count)
        references = drawn_references(first, self.options, len(scored))
        scorer = Scorer(self.extractor, references, self.progress)
        yield scorer, unchanged_images(scored, compared="the other half")

    @property
    def other_split(self) -> str | None:
        """The split of real images to compare; None if halves of the images are compared."""
        if self.options.reference or self.options.halves:
            return None
        other = OTHERS.get(self.dataset.split or "")
        has_tests = self.spec.data.dataset.test_reader() is not None
        return other if other == "train" or has_tests else None

    def draws_real(self, metrics: Sequence[Metric]) -> bool:
        """Return True if a seed chooses real images: the references, or halves to compare."""
        options = self.options
        halves = (options.real or options.halves) and self.other_split is None
        paired = any(metric.paired for metric in metrics)
        return paired and (options.references is not None or halves)


def drawn_references(real: RealImages, options: EvaluationOptions, count: int) -> RealImages:
    """Return the references for `count` images: all of `real`, or a random part of them.

    The options say how many. Raises DataError if `real` has fewer.
    """
    wanted = count if options.references == "equal" else options.references
    return real if wanted is None else draw_images(real, wanted, options.seed or 0)


def real_images(spec: Spec, data: Path | None, split: str | None) -> RealImages:
    """Return the real images of a spec in `split`.

    None is the split that the spec trains on. For systems that draw no images, None is the test
    split, if there is one.
    """
    if split is None and not spec.draws and spec.data.dataset.test_reader():
        split = "test"
    return open_real(spec.data, data, split)
